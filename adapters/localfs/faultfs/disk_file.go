package faultfs

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// diskFile is an open file or directory of a Disk.
type diskFile struct {
	disk     *Disk
	node     *node
	name     string
	power    int
	writable bool
	closed   bool
	at       int64    // where the next Read or Write begins
	listing  []string // names Readdirnames has still to give, once listed
	listed   bool
}

// use runs fn with the disk locked, unless the file is closed or the power was cut.
func (f *diskFile) use(op Op, fn func() error) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	switch {
	case f.closed:
		return pathError(op, f.name, os.ErrClosed)
	case f.power != f.disk.power:
		return pathError(op, f.name, syscall.EIO)
	}
	err := fn()
	if err == io.EOF {
		return err
	}
	return pathError(op, f.name, err)
}

func (f *diskFile) Name() string { return f.name }

func (f *diskFile) Close() error {
	return f.use(Close, func() error {
		f.closed = true
		return nil
	})
}

func (f *diskFile) Read(p []byte) (n int, err error) {
	err = f.use(Read, func() error {
		n, err = f.readAt(p, f.at)
		f.at += int64(n)
		return err
	})
	return n, err
}

func (f *diskFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.use(Read, func() error {
		n, err = f.readAt(p, off)
		if err == nil && n < len(p) {
			err = io.EOF
		}
		return err
	})
	return n, err
}

func (f *diskFile) readAt(p []byte, off int64) (int, error) {
	if f.node.dir {
		return 0, syscall.EISDIR
	}
	if len(p) > 0 && off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	return copy(p, f.node.data[min(off, int64(len(f.node.data))):]), nil
}

func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.use(Write, func() error {
		n, err = f.writeAt(p, f.at)
		f.at += int64(n)
		return err
	})
	return n, err
}

func (f *diskFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.use(Write, func() error {
		n, err = f.writeAt(p, off)
		return err
	})
	return n, err
}

func (f *diskFile) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

func (f *diskFile) writeAt(p []byte, off int64) (int, error) {
	if !f.writable {
		return 0, syscall.EBADF
	}
	if end := off + int64(len(p)); end > int64(len(f.node.data)) {
		f.resize(end)
	}
	f.node.mtime = time.Now()
	return copy(f.node.data[off:], p), nil
}

func (f *diskFile) resize(size int64) {
	if old := int64(len(f.node.data)); size > old {
		f.node.data = append(f.node.data, make([]byte, size-old)...)
	}
	f.node.data = f.node.data[:size]
}

func (f *diskFile) Truncate(size int64) error {
	return f.use(Write, func() error {
		if !f.writable || size < 0 {
			return syscall.EINVAL
		}
		f.resize(size)
		return nil
	})
}

func (f *diskFile) Seek(offset int64, whence int) (at int64, err error) {
	err = f.use("seek", func() error {
		switch whence {
		case io.SeekCurrent:
			offset += f.at
		case io.SeekEnd:
			offset += int64(len(f.node.data))
		}
		if offset < 0 {
			return syscall.EINVAL
		}
		f.at = offset
		return nil
	})
	return f.at, err
}

// Sync makes the bytes of a file, or the names in a directory, durable.
func (f *diskFile) Sync() error {
	return f.use(Sync, func() error {
		if f.node.dir {
			f.node.durable = maps.Clone(f.node.names)
		} else {
			f.node.synced = append([]byte(nil), f.node.data...)
		}
		return nil
	})
}

func (f *diskFile) Stat() (info os.FileInfo, err error) {
	err = f.use(Stat, func() error {
		info = infoOf(f.name, f.node)
		return nil
	})
	return info, err
}

func (f *diskFile) Readdirnames(n int) (names []string, err error) {
	err = f.use(Read, func() error {
		if !f.node.dir {
			return syscall.ENOTDIR
		}
		if !f.listed {
			f.listing, f.listed = slices.Sorted(maps.Keys(f.node.names)), true
		}
		if n <= 0 {
			n = len(f.listing)
		} else if len(f.listing) == 0 {
			return io.EOF
		}
		n = min(n, len(f.listing))
		names, f.listing = f.listing[:n], f.listing[n:]
		return nil
	})
	return names, err
}

func (f *diskFile) Readdir(n int) ([]os.FileInfo, error) {
	names, err := f.Readdirnames(n)
	var infos []os.FileInfo
	for _, name := range names {
		if info, err := f.disk.Stat(filepath.Join(f.name, name)); err == nil {
			infos = append(infos, info)
		}
	}
	return infos, err
}

// info is an os.FileInfo.
type info struct {
	name  string
	size  int64
	mode  os.FileMode
	mtime time.Time
}

func infoOf(path string, n *node) info {
	return info{name: filepath.Base(path), size: int64(len(n.data)), mode: n.mode, mtime: n.mtime}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() os.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
