package sqlite

import (
	"errors"
	"fmt"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/mucura/mucura/core/meta"
)

// codeOf is SQLite's primary result code (https://www.sqlite.org/rescode.html),
// 0 when err is not SQLite's.
func codeOf(err error) sqlite3.ErrNo {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func isBusy(err error) bool {
	code := codeOf(err)
	return code == sqlite3.ErrBusy || code == sqlite3.ErrLocked
}

// isFull: SQLite says so itself when the disk has no space (ENOSPC) or the
// file is at its largest.
func isFull(err error) bool { return codeOf(err) == sqlite3.ErrFull }

// isBroken tells that the connection should not be used any more.
func isBroken(err error) bool {
	switch codeOf(err) {
	case sqlite3.ErrIoErr, sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrCantOpen, sqlite3.ErrMisuse, sqlite3.ErrNomem:
		return true
	}
	return false
}

// failed makes the port's error of one of SQLite's.
func failed(what string, err error) error {
	kind := meta.ErrUnavailable
	if isFull(err) {
		kind = meta.ErrFull
	}
	return fmt.Errorf("sqlite %s: %w: %w", what, kind, err)
}
