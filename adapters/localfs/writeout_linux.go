//go:build linux && (386 || amd64 || arm64 || loong64 || riscv64)

package localfs

import (
	"errors"
	"os"
	"syscall"

	"github.com/spf13/afero"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE of sync_file_range(2).
const syncFileRangeWrite = 2

// startWriting lets the kernel begin to write out n bytes from off. It neither
// waits for them nor makes them durable; Commit's fsync does, and reports their
// errors too.
func startWriting(f afero.File, off, n int64) error {
	osFile, ok := f.(*os.File)
	if !ok {
		return nil
	}
	err := syscall.SyncFileRange(int(osFile.Fd()), off, n, syncFileRangeWrite)
	for _, unable := range []error{syscall.ENOSYS, syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ESPIPE, syscall.EPERM} {
		if errors.Is(err, unable) {
			return nil // a file system or sandbox without it
		}
	}
	return err
}
