package localfs

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// setDirect sets or clears O_DIRECT: open(2), section "O_DIRECT".
func setDirect(f *os.File, on bool) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err
}

// space asks the file system that holds f.
func space(f *os.File) (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, 0, failed("space of", "data", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

// damaged tells whether an error of reading means that the bytes are lost. The
// kernel answers EIO when the device has given up on a block, btrfs and ZFS
// also when a checksum does not match; ext4 and XFS answer EBADMSG
// (EFSBADCRC) and EUCLEAN (EFSCORRUPTED).
func damaged(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EBADMSG) || errors.Is(err, syscall.EUCLEAN)
}
