//go:build !linux

package localfs

import (
	"errors"
	"os"
	"syscall"
)

func space(*os.File) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }

// setDirect: there is no O_DIRECT.
func setDirect(*os.File, bool) error { return errors.ErrUnsupported }

// damaged tells whether an error of reading means that the bytes are lost.
func damaged(err error) bool { return errors.Is(err, syscall.EIO) }
