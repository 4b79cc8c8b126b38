package sqlite

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// rename gives a file another name, which nothing has: else fs.ErrExist. why is
// what happened before.
func rename(file, name string, why error) error {
	switch err := unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE); err {
	case nil:
		return nil
	case unix.EEXIST:
		return fs.ErrExist
	default:
		return why
	}
}
