package sqlite

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// mapping is a file in memory.
type mapping struct {
	id   fileID
	fd   *os.File
	data []byte
}

// fileID names a file whatever its path.
type fileID struct{ dev, ino uint64 }

// walIndexes are those in use in this process. Each file is opened once, and
// closed when no store uses its database any more: closing any descriptor of a
// file takes away the locks that the process has on it (fcntl(2)), and so those
// of SQLite's connections.
var walIndexes struct {
	sync.Mutex
	m map[fileID]*walIndex
}

// openWALIndex maps the index of the database at path, to which a connection is
// open. close must follow when all connections are closed.
func openWALIndex(path string) (*walIndex, error) {
	walIndexes.Lock()
	defer walIndexes.Unlock()
	var st syscall.Stat_t
	if err := syscall.Stat(path+"-shm", &st); err != nil {
		return nil, fmt.Errorf("look at %s-shm: %w", path, err)
	}
	id := fileID{uint64(st.Dev), st.Ino}
	x := walIndexes.m[id]
	if x == nil {
		f, err := os.Open(path + "-shm")
		if err != nil {
			return nil, err
		}
		x = &walIndex{file: mapping{id: id, fd: f}}
		if walIndexes.m == nil {
			walIndexes.m = map[fileID]*walIndex{}
		}
		walIndexes.m[id] = x
	}
	x.users++
	if x.words != nil {
		return x, nil
	}
	err := x.load()
	if err != nil {
		x.users-- // the file stays open for the next one: there are locks on it
		return nil, err
	}
	return x, nil
}

func (x *walIndex) load() error {
	info, err := x.file.fd.Stat()
	if err != nil {
		return err
	}
	if st := info.Sys().(*syscall.Stat_t); info.Size() < pageSize || (fileID{uint64(st.Dev), st.Ino}) != x.file.id {
		return fmt.Errorf("%s is not as it should be", x.file.fd.Name())
	}
	data, err := syscall.Mmap(int(x.file.fd.Fd()), 0, pageSize, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", x.file.fd.Name(), err)
	}
	x.file.data, x.words = data, (*[2 * headerWords]uint32)(unsafe.Pointer(&data[0]))
	return nil
}

// close gives the index back. No connection of the store is open.
func (x *walIndex) close() error {
	walIndexes.Lock()
	defer walIndexes.Unlock()
	if x.users--; x.users > 0 {
		return nil
	}
	delete(walIndexes.m, x.file.id)
	x.words = nil
	err := syscall.Munmap(x.file.data)
	if cerr := x.file.fd.Close(); err == nil {
		err = cerr
	}
	return err
}
