// Package faultfs holds file systems that go wrong, for tests of what writes
// files: FS injects errors, short writes and delays into another afero.Fs, and
// Disk is one in memory that forgets at a power cut what was not synced.
package faultfs

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/afero"
)

// Op is a file operation a Rule can hit.
type Op string

// The operations.
const (
	OpenFile Op = "open" // Open, OpenFile and Create
	Read     Op = "read"
	Write    Op = "write"
	Sync     Op = "sync" // of a file or directory
	Close    Op = "close"
	Rename   Op = "rename" // Rule.Path is matched against the new name
	Remove   Op = "remove"
	Mkdir    Op = "mkdir"
	Stat     Op = "stat"
)

// Rule says what goes wrong with which calls.
type Rule struct {
	Op   Op
	Path string // hits names that contain it; "" hits all
	// Skip lets so many calls pass first; then Times calls are hit, 0: all.
	Skip, Times int
	// Delay comes first.
	Delay time.Duration
	// Err is the answer, without the call being made; with Swallow and no Err
	// the answer is success, without the call being made.
	Err     error
	Swallow bool
	// Short, for Write: so many bytes are written before Err is returned, or
	// with no Err before the call claims to be done without an error. 0 is none.
	Short int
}

// FS passes calls to another file system unless a rule hits them.
type FS struct {
	afero.Fs
	mu    sync.Mutex
	rules []*Rule
	calls map[Op]int
}

// New makes a file system over base, without rules.
func New(base afero.Fs) *FS { return &FS{Fs: base, calls: map[Op]int{}} }

// Inject adds a rule. Of several that hit a call the first one counts.
func (f *FS) Inject(r Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &r)
}

// Heal removes all rules.
func (f *FS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Calls tells how often an operation was called, hit or not.
func (f *FS) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// hit finds the rule for a call, if any, and waits its delay.
func (f *FS) hit(op Op, name string) *Rule {
	r := f.match(op, name)
	if r != nil && r.Delay > 0 {
		time.Sleep(r.Delay)
	}
	return r
}

func (f *FS) match(op Op, name string) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	for i, r := range f.rules {
		if r.Op != op || !strings.Contains(name, r.Path) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		if r.Times == 1 {
			f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
		} else if r.Times > 1 {
			r.Times--
		}
		hit := *r
		return &hit
	}
	return nil
}

// do makes a call unless a rule answers it.
func (f *FS) do(op Op, name string, call func() error) error {
	if r := f.hit(op, name); r != nil && (r.Err != nil || r.Swallow) {
		if r.Err == nil {
			return nil
		}
		return &os.PathError{Op: string(op), Path: name, Err: r.Err}
	}
	return call()
}

// Name names the file system.
func (f *FS) Name() string { return "faultfs over " + f.Fs.Name() }

// Create opens a new file.
func (f *FS) Create(name string) (afero.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Open opens a file for reading.
func (f *FS) Open(name string) (afero.File, error) {
	return f.opened(name, func() (afero.File, error) { return f.Fs.Open(name) })
}

// OpenFile opens a file.
func (f *FS) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	return f.opened(name, func() (afero.File, error) { return f.Fs.OpenFile(name, flag, perm) })
}

func (f *FS) opened(name string, open func() (afero.File, error)) (afero.File, error) {
	var base afero.File
	err := f.do(OpenFile, name, func() (err error) {
		base, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{File: base, fs: f}, nil
}

// Mkdir makes a directory.
func (f *FS) Mkdir(name string, perm os.FileMode) error {
	return f.do(Mkdir, name, func() error { return f.Fs.Mkdir(name, perm) })
}

// MkdirAll makes a directory and those above it.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	return f.do(Mkdir, name, func() error { return f.Fs.MkdirAll(name, perm) })
}

// Remove removes a file.
func (f *FS) Remove(name string) error {
	return f.do(Remove, name, func() error { return f.Fs.Remove(name) })
}

// Rename renames a file.
func (f *FS) Rename(from, to string) error {
	return f.do(Rename, to, func() error { return f.Fs.Rename(from, to) })
}

// Stat describes a file.
func (f *FS) Stat(name string) (info os.FileInfo, err error) {
	err = f.do(Stat, name, func() (err error) {
		info, err = f.Fs.Stat(name)
		return err
	})
	return info, err
}

// file passes calls to a file unless a rule hits them.
type file struct {
	afero.File
	fs *FS
}

func (f *file) Read(p []byte) (n int, err error) {
	err = f.fs.do(Read, f.Name(), func() (err error) {
		n, err = f.File.Read(p)
		return err
	})
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	r := f.fs.hit(Write, f.Name())
	if r == nil || r.Err == nil && r.Short == 0 {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:min(r.Short, len(p))])
	if err == nil && r.Err != nil {
		err = &os.PathError{Op: string(Write), Path: f.Name(), Err: r.Err}
	}
	return n, err
}

func (f *file) Sync() error { return f.fs.do(Sync, f.Name(), f.File.Sync) }

// Close closes the file also when a rule says that it fails.
func (f *file) Close() error {
	closed := f.File.Close()
	return f.fs.do(Close, f.Name(), func() error { return closed })
}
