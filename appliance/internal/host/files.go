package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MaxFile is the largest file ReadFile reads: all are small.
const MaxFile = 4 << 20

// ErrTooLarge is a file beyond its limit.
var ErrTooLarge = errors.New("file is too large")

// ReadFile reads a small file of the machine.
func (h *Host) ReadFile(path string) ([]byte, error) { return ReadLimited(h.Path(path), MaxFile) }

// ReadLimited reads a regular file of at most limit bytes: ErrTooLarge.
func ReadLimited(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, openMode, 0)
	return readRegular(f, err, path, limit)
}

// ReadLimitedIn is ReadLimited for a file below root, such as a volume that
// somebody has brought.
func ReadLimitedIn(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.OpenFile(name, openMode, 0)
	return readRegular(f, err, name, limit)
}

// openMode does not wait for the other end of a named pipe: a volume with one in
// place of its file must not stop the start of the machine.
const openMode = os.O_RDONLY | syscall.O_NONBLOCK

func readRegular(f *os.File, err error, path string, limit int64) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: %w (limit %d bytes)", path, ErrTooLarge, limit)
	}
	return b, err
}

// Exists tells whether a path of the machine is there. What cannot be looked at
// counts as there.
func (h *Host) Exists(path string) bool {
	_, err := os.Lstat(h.Path(path))
	return !errors.Is(err, fs.ErrNotExist)
}

// WriteFile replaces a file of the machine in one step and durably. Its
// directory is made, mode 0755, when absent.
func (h *Host) WriteFile(path string, b []byte, mode fs.FileMode) error {
	return h.place(path, b, mode, os.Rename)
}

// CreateFile is WriteFile for a file that must not be there; the error wraps
// fs.ErrExist when it is. Of several at once one succeeds.
func (h *Host) CreateFile(path string, b []byte, mode fs.FileMode) error {
	return h.place(path, b, mode, os.Link)
}

func (h *Host) place(path string, b []byte, mode fs.FileMode, put func(from, to string) error) error {
	path = h.Path(path)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // already gone after a rename
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = put(f.Name(), path)
	}
	if err == nil {
		err = SyncDir(dir)
	}
	return err
}

// SyncDir makes the entries of a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MkdirFor makes a directory that belongs to a user. Where the user does not
// exist, or tests are not root, it belongs to the caller.
func (h *Host) MkdirFor(path string, mode fs.FileMode, owner string) error {
	path = h.Path(path)
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return h.chown(path, owner)
}

// GiveTo makes a file readable for a user's group.
func (h *Host) GiveTo(path, group string) error {
	_, gid, err := IDs(group)
	if err != nil || os.Getuid() != 0 {
		return h.onlyReal(err)
	}
	return os.Chown(h.Path(path), 0, gid)
}

func (h *Host) chown(path, owner string) error {
	uid, gid, err := IDs(owner)
	if err != nil || os.Getuid() != 0 {
		return h.onlyReal(err)
	}
	return os.Chown(path, uid, gid)
}

// onlyReal drops an error where the tree is not the real machine's.
func (h *Host) onlyReal(err error) error {
	if h.Root != "" {
		return nil
	}
	return err
}
