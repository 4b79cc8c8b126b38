package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Backup writes a consistent, compact copy of the database to path, which must
// not exist. Readers and writers go on meanwhile; the copy is the state at the
// moment Backup began. When it returns nil the copy is durable; after an error
// there is none.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up to %s: %w", path, errors.Join(err, fs.ErrExist))
	}
	// Made beforehand, so that nobody else may read it at any time.
	f, err := os.OpenFile(path+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(path + ".tmp")
	if err := s.vacuumInto(ctx, path+".tmp"); err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (s *Store) vacuumInto(ctx context.Context, path string) error {
	c, err := s.connect(false, readerCache, s.opts.BusyTimeout)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.c.ExecContext(ctx, "VACUUM INTO ?", []driver.NamedValue{{Ordinal: 1, Value: path}})
	return err
}

// Check reads the whole database and returns an error that names what is
// damaged. It is slow: it reads every page.
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c, err := s.connect(true, readerCache, s.opts.BusyTimeout)
	if err != nil {
		return failed("check", err)
	}
	defer c.close()
	problems, err := c.problems(ctx)
	if code := codeOf(err); code == sqlite3.ErrCorrupt || code == sqlite3.ErrNotADB {
		problems, err = append(problems, err.Error()), nil
	}
	if err != nil {
		return failed("check", err)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s is damaged: %s", s.path, strings.Join(problems, "; "))
	}
	return nil
}

// problems lists what is wrong with the file, as SQLite sees it, and between
// the tables.
func (c *conn) problems(ctx context.Context) ([]string, error) {
	found, err := c.list(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return found, err
	}
	if len(found) == 1 && found[0] == "ok" {
		found = nil
	}
	const lost = "SELECT 'record ' || hex(key) || ' has lost its bulk row' FROM record" +
		" WHERE bulk IS NOT NULL AND bulk NOT IN (SELECT id FROM bulk) LIMIT 20"
	const unused = "SELECT 'bulk row ' || id || ' belongs to no record' FROM bulk" +
		" WHERE id NOT IN (SELECT bulk FROM record WHERE bulk IS NOT NULL) LIMIT 20"
	for _, q := range []string{lost, unused} {
		more, err := c.list(ctx, q)
		found = append(found, more...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// list returns the first column of a statement.
func (c *conn) list(ctx context.Context, sql string) (lines []string, err error) {
	rows, err := c.c.QueryContext(ctx, sql, nil)
	if err != nil {
		return nil, err
	}
	var row [1]driver.Value
	err = each(rows, row[:], func() bool {
		lines = append(lines, text(row[0]))
		return true
	})
	return lines, err
}

// Size is how many bytes the database and its log take on the disk.
func (s *Store) Size() (int64, error) {
	var size int64
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.path + suffix)
		if errors.Is(err, fs.ErrNotExist) && suffix != "" {
			continue
		}
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}
