package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mucura/mucura/core/config"
)

// auditDir is where a backup has the audit log: its files as they are, each up to
// its last whole line.
const auditDir = "audit"

// auditFiles are the names of the audit log's files in a directory; none where
// there is no such directory.
func auditFiles(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths, err
}

// backupAudit brings the copy of the audit log up to date. Days that are kept no
// longer go from the copy as well.
func backupAudit(c *config.Config, dir string, now time.Time) error {
	if c.AuditLog == "off" {
		return nil
	}
	names, err := auditFiles(c.AuditLog)
	if err != nil {
		return err
	}
	target := filepath.Join(dir, auditDir)
	if err := os.MkdirAll(target, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		if err := backupDay(filepath.Join(c.AuditLog, name), filepath.Join(target, name)); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	return dropDays(target, now.Add(-c.AuditKeep))
}

// backupDay copies a file of the audit log, unless the copy is as long already:
// these files only grow.
func backupDay(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its time was over this moment
	}
	if err != nil {
		return err
	}
	if have, err := os.Stat(to); err == nil && have.Size() == info.Size() {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := wholeLines(f, info.Size())
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(f, 0, size))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(to+".tmp", to), syncDir(filepath.Dir(to)))
}

// wholeLines is the length of a file up to the end of its last whole line: a server
// may be writing the next one.
func wholeLines(f io.ReaderAt, size int64) (int64, error) {
	b := make([]byte, 64<<10)
	for size > 0 {
		part := b[:min(int64(len(b)), size)]
		if _, err := f.ReadAt(part, size-int64(len(part))); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return size - int64(len(part)) + int64(i) + 1, nil
		}
		size -= int64(len(part))
	}
	return 0, nil
}

// dropDays removes the copies of days before a time.
func dropDays(dir string, before time.Time) error {
	names, err := auditFiles(dir)
	if err != nil {
		return err
	}
	oldest := "audit-" + before.UTC().Format(time.DateOnly) + ".jsonl"
	var errs []error
	for _, name := range names {
		if name < oldest {
			errs = append(errs, os.Remove(filepath.Join(dir, name)))
		}
	}
	return errors.Join(errs...)
}

// auditPaths tells which files of a backup's audit log go where.
func auditPaths(c *config.Config, dir string) (map[string]string, error) {
	paths := map[string]string{}
	if c.AuditLog == "off" {
		return paths, nil
	}
	names, err := auditFiles(filepath.Join(dir, auditDir))
	for _, name := range names {
		paths[filepath.Join(dir, auditDir, name)] = filepath.Join(c.AuditLog, name)
	}
	return paths, err
}
