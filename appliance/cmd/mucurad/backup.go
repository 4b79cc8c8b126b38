package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/meta"
)

// A backup directory:
//
//	backup.json   which databases belong to it, and their sums
//	meta-….db     metadata; registry-….db too when it is another store
//	content/      contents, in the layout of the local store
//	audit/        the audit log
//	site.key      what the secrets in the databases are sealed with
//
// The databases are copied first and the contents after them: a content that
// the copy names is freed only after the leeway, so it is still there. Running
// it again brings the directory up to date; the former state holds until
// backup.json is replaced, which is the last step.
const (
	metaPart     = "meta"
	registryPart = "registry"
	contentDir   = "content"
	keyFile      = "site.key"
	noteFile     = "backup.json"
)

// backupNote is backup.json.
type backupNote struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	// Databases are the copies of the stores, by part: meta, registry.
	Databases map[string]database `json:"databases"`
}

type database struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

func backup(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(rest[0])
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error { return backupStores(ctx, c, a.Stores, dir) })
}

func backupStores(ctx context.Context, c *config.Config, s *app.Stores, dir string) error {
	files, ok := s.Content.(*localfs.Store)
	if !ok {
		return fmt.Errorf("content store %s has no backup of its own; back it up with its own tools", config.Redact(c.Content))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	stores := map[string]meta.Store{metaPart: s.Meta}
	if s.Registry != s.Meta {
		stores[registryPart] = s.Registry
	}
	note := backupNote{Format: 1, Created: time.Now().UTC(), Databases: map[string]database{}}
	for part, store := range stores {
		file := fmt.Sprintf("%s-%s.db", part, note.Created.Format("20060102T150405.000"))
		sum, err := backupDatabase(ctx, store, filepath.Join(dir, file))
		if err != nil {
			return err
		}
		note.Databases[part] = database{file, sum}
	}
	done, err := files.Backup(ctx, filepath.Join(dir, contentDir))
	if err != nil {
		return err
	}
	if err := backupAudit(c, dir, note.Created); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, keyFile), siteKeyFile(s.SiteKey, s.OldSiteKeys)); err != nil {
		return err
	}
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, noteFile), append(text, '\n')); err != nil {
		return err
	}
	if err := dropOld(dir, note); err != nil {
		return err
	}
	fmt.Printf("backed up to %s: %d contents linked, %d copied (%d bytes), %d there already\nThe directory holds the site key: keep it as safe as the data.\n",
		dir, done.Linked, done.Copied, done.Bytes, done.Present)
	return nil
}

// backupDatabase copies a store's database to path and gives its SHA-256.
func backupDatabase(ctx context.Context, store meta.Store, path string) (string, error) {
	db, ok := store.(*sqlite.Store)
	if !ok {
		return "", fmt.Errorf("metadata store %s has no backup of its own; back it up with its own tools", store.Capabilities().Name)
	}
	if err := db.Backup(ctx, path); err != nil {
		return "", err
	}
	return fileSum(path)
}

// dropOld removes databases that the note does not name: those of the former
// state, and of runs that were cut short.
func dropOld(dir string, note backupNote) error {
	found, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, d := range note.Databases {
		keep[filepath.Join(dir, d.File)] = true
	}
	var errs []error
	for _, path := range found {
		if !keep[path] {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}

func restore(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(rest[0])
	if err != nil {
		return err
	}
	note, err := readNote(dir)
	if err != nil {
		return err
	}
	if err := restoreFiles(ctx, c, dir, note); err != nil {
		return err
	}
	fmt.Printf("restored the state of %s; verifying\n", note.Created.Format(time.RFC3339))
	return withApp(ctx, c, func(a *app.App) error {
		if db, ok := a.Stores.Meta.(*sqlite.Store); ok {
			if err := db.Check(ctx); err != nil {
				return err
			}
		}
		return checkAll(ctx, a, true, false)
	})
}

func readNote(dir string) (*backupNote, error) {
	text, err := os.ReadFile(filepath.Join(dir, noteFile))
	if err != nil {
		return nil, fmt.Errorf("not a complete backup: %w", err)
	}
	note := new(backupNote)
	if err := json.Unmarshal(text, note); err != nil || note.Format != 1 || note.Databases[metaPart].File == "" {
		return nil, fmt.Errorf("%s is not one this version can read (%v)", filepath.Join(dir, noteFile), err)
	}
	for _, d := range note.Databases {
		got, err := fileSum(filepath.Join(dir, filepath.Base(d.File)))
		if err != nil {
			return nil, err
		}
		if got != d.SHA256 {
			return nil, fmt.Errorf("%s is damaged: SHA-256 %s, want %s", filepath.Join(dir, d.File), got, d.SHA256)
		}
	}
	return note, nil
}

// restoreFiles puts a backup where the configuration's stores lie. It never
// overwrites anything.
func restoreFiles(ctx context.Context, c *config.Config, dir string, note *backupNote) error {
	targets := map[string]string{note.Databases[metaPart].File: c.Metadata}
	if d, ok := note.Databases[registryPart]; ok {
		targets[d.File] = c.Registry
	}
	contentTarget, err := localPath(c.Content, "file")
	if err != nil {
		return err
	}
	paths, err := auditPaths(c, dir)
	if err != nil {
		return err
	}
	paths[filepath.Join(dir, keyFile)] = c.SiteKeyFile
	last := map[string]string{}
	var absent []string
	for file, url := range targets {
		path, err := localPath(url, "sqlite")
		if err != nil {
			return err
		}
		// The log of a database that is gone would be played into the restored one.
		absent = append(absent, path, path+"-wal", path+"-journal")
		if from := filepath.Join(dir, filepath.Base(file)); url == c.Metadata {
			last[from] = path
		} else {
			paths[from] = path
		}
	}
	for _, path := range slices.AppendSeq(absent, maps.Values(paths)) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: restore into an empty data directory", path)
		}
	}
	source, err := localfs.Open(afero.NewOsFs(), filepath.Join(dir, contentDir), localfs.Options{})
	if err != nil {
		return err
	}
	if _, err := source.Backup(ctx, contentTarget); err != nil {
		return err
	}
	// The metadata comes last: beside contents without it no server starts, so none does
	// on what is there so far, with another site key or another registry.
	for _, files := range []map[string]string{paths, last} {
		for from, to := range files {
			if err := copyFile(from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func localPath(url, scheme string) (string, error) {
	var path string
	if n := len(scheme) + len("://"); len(url) > n && url[:n] == scheme+"://" {
		path = url[n:]
	}
	if path == "" {
		return "", fmt.Errorf("a backup is restored to %s:// only, not to %s; then migrate", scheme, config.Redact(url))
	}
	return path, nil
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// copyFile copies durably to a file that must not exist, and which is there whole or
// not at all.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: %w", to, errors.Join(err, fs.ErrExist))
	}
	return errors.Join(os.Rename(out.Name(), to), syncDir(filepath.Dir(to)))
}

// writeFile replaces a file durably.
func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".tmp", path), syncDir(filepath.Dir(path)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
