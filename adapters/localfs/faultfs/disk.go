package faultfs

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

// Disk is a file system in memory with the promises of POSIX and no more:
// bytes are durable after Sync of their file, names after Sync of their
// directory, and everything else may or may not be after a power cut, each
// thing by itself. It ignores owners; its clock is the machine's.
type Disk struct {
	mu    sync.Mutex
	root  *node
	power int // raised by every power cut; files opened before are dead
}

// node is a file or directory, as it is and as the platter has it.
type node struct {
	dir   bool
	mode  os.FileMode
	mtime time.Time

	data, synced   []byte           // of a file
	names, durable map[string]*node // of a directory
}

// NewDisk makes an empty disk, with a root directory "/".
func NewDisk() *Disk { return &Disk{root: newDir(0o755)} }

func newDir(mode os.FileMode) *node {
	return &node{
		dir: true, mode: mode | os.ModeDir, mtime: time.Now(),
		names: map[string]*node{}, durable: map[string]*node{},
	}
}

// Crash cuts the power: every file opened before is dead, and what was not
// synced is lost. With rnd some of it survives: each name and each file as
// chance will have it, a file also in part or with holes.
func (d *Disk) Crash(rnd *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.power++
	crash(d.root, rnd, map[*node]bool{})
}

func crash(n *node, rnd *rand.Rand, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if !n.dir {
		if string(n.data) != string(n.synced) {
			n.data = survivingBytes(n, rnd)
		}
		n.synced = append([]byte(nil), n.data...)
		return
	}
	for name, is := range n.names {
		if n.durable[name] != is && rnd != nil && rnd.IntN(2) == 0 {
			n.durable[name] = is
		}
	}
	for name := range n.durable {
		if n.names[name] == nil && rnd != nil && rnd.IntN(2) == 0 {
			delete(n.durable, name)
		}
	}
	n.names = map[string]*node{}
	for name, child := range n.durable {
		n.names[name] = child
		crash(child, rnd, seen)
	}
}

// survivingBytes chooses what is left of a file that was not synced.
func survivingBytes(n *node, rnd *rand.Rand) []byte {
	if rnd == nil {
		return append([]byte(nil), n.synced...)
	}
	data := append([]byte(nil), n.data...)
	switch rnd.IntN(4) {
	case 0:
		return append([]byte(nil), n.synced...)
	case 1:
		return data[:rnd.IntN(len(data)+1)]
	case 2: // the length is there, the blocks are not
		from := rnd.IntN(len(data) + 1)
		clear(data[from:])
	}
	return data
}

// find gives the node at a path.
func (d *Disk) find(path string) (*node, error) {
	n := d.root
	for _, part := range split(path) {
		if !n.dir {
			return nil, syscall.ENOTDIR
		}
		if n = n.names[part]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// place gives the directory that holds a path's last name, and that name.
func (d *Disk) place(path string) (dir *node, name string, err error) {
	parts := split(path)
	if len(parts) == 0 {
		return nil, "", syscall.EBUSY
	}
	last := len(parts) - 1
	dir, err = d.find(strings.Join(parts[:last], "/"))
	if err == nil && !dir.dir {
		err = syscall.ENOTDIR
	}
	return dir, parts[last], err
}

func split(path string) []string {
	path = strings.Trim(filepath.ToSlash(filepath.Clean("/"+path)), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func pathError(op Op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: string(op), Path: path, Err: err}
}

// Name names the file system.
func (d *Disk) Name() string { return "faultfs.Disk" }

// Create opens a new file.
func (d *Disk) Create(name string) (afero.File, error) {
	return d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Open opens a file or directory for reading.
func (d *Disk) Open(name string) (afero.File, error) { return d.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile opens a file or directory.
func (d *Disk) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	switch {
	case err == nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		err = syscall.EEXIST
	case err == syscall.ENOENT && flag&os.O_CREATE != 0:
		var dir *node
		var base string
		if dir, base, err = d.place(name); err == nil {
			n = &node{mode: perm, mtime: time.Now()}
			dir.names[base] = n
		}
	case err == nil && n.dir && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError(OpenFile, name, err)
	}
	if flag&os.O_TRUNC != 0 {
		n.data = nil
	}
	f := &diskFile{disk: d, node: n, name: name, power: d.power, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}
	if flag&os.O_APPEND != 0 {
		f.at = int64(len(n.data))
	}
	return f, nil
}

// Mkdir makes a directory.
func (d *Disk) Mkdir(name string, perm os.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.find(name); err == nil {
		return pathError(Mkdir, name, syscall.EEXIST)
	}
	dir, base, err := d.place(name)
	if err == nil {
		dir.names[base] = newDir(perm)
	}
	return pathError(Mkdir, name, err)
}

// MkdirAll makes a directory and those above it.
func (d *Disk) MkdirAll(name string, perm os.FileMode) error {
	path := ""
	for _, part := range split(name) {
		path += "/" + part
		if err := d.Mkdir(path, perm); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// Remove removes a file or an empty directory.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err == nil && len(n.names) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err == nil {
		var dir *node
		var base string
		if dir, base, err = d.place(name); err == nil {
			delete(dir.names, base)
		}
	}
	return pathError(Remove, name, err)
}

// RemoveAll removes a file or directory with what is in it.
func (d *Disk) RemoveAll(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.place(name)
	if err == nil {
		delete(dir.names, base)
	}
	return pathError(Remove, name, err)
}

// Rename moves a file, over one that is there.
func (d *Disk) Rename(from, to string) error {
	return pathError(Rename, to, d.enter(from, to, func(dir *node, base string) error {
		delete(dir.names, base)
		return nil
	}))
}

// Link gives a file a second name.
func (d *Disk) Link(from, to string) error {
	if _, err := d.Stat(to); err == nil {
		return pathError("link", to, syscall.EEXIST)
	}
	return pathError("link", to, d.enter(from, to, func(*node, string) error { return nil }))
}

// enter puts the node at one path also under another.
func (d *Disk) enter(from, to string, leave func(dir *node, base string) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(from)
	if err != nil {
		return err
	}
	oldDir, oldBase, err := d.place(from)
	if err != nil {
		return err
	}
	newDir, newBase, err := d.place(to)
	if err != nil {
		return err
	}
	if err := leave(oldDir, oldBase); err != nil {
		return err
	}
	newDir.names[newBase] = n
	return nil
}

// Stat describes a file.
func (d *Disk) Stat(name string) (os.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err != nil {
		return nil, pathError(Stat, name, err)
	}
	return infoOf(name, n), nil
}

// Chmod changes a file's mode.
func (d *Disk) Chmod(name string, mode os.FileMode) error {
	return d.change(name, func(n *node) { n.mode = mode | n.mode&os.ModeDir })
}

// Chown does nothing.
func (d *Disk) Chown(name string, _, _ int) error { return d.change(name, func(*node) {}) }

// Chtimes sets the time of a file's last change.
func (d *Disk) Chtimes(name string, _, mtime time.Time) error {
	return d.change(name, func(n *node) { n.mtime = mtime })
}

func (d *Disk) change(name string, fn func(*node)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err == nil {
		fn(n)
	}
	return pathError("change", name, err)
}
