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
	"os"
	"path/filepath"
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
//	backup.json   what it is, and the sums of the databases; written last
//	meta.db       metadata; registry.db too when it is another store
//	content/      contents, in the layout of the local store
//	site.key      what the secrets in the databases are sealed with
//
// The databases are copied first and the contents after them: a content that
// the copy names is freed only after the leeway, so it is still there. Running
// it again brings the directory up to date; until its end the former state
// stays good.
const (
	metaFile     = "meta.db"
	registryFile = "registry.db"
	contentDir   = "content"
	keyFile      = "site.key"
	noteFile     = "backup.json"
)

// backupNote is backup.json.
type backupNote struct {
	Format  int               `json:"format"`
	Created time.Time         `json:"created"`
	SHA256  map[string]string `json:"sha256"` // file -> hex
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
		return fmt.Errorf("content store %s has no backup of its own; back it up with its own tools", c.Content)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	stores := map[string]meta.Store{metaFile: s.Meta}
	if s.Registry != s.Meta {
		stores[registryFile] = s.Registry
	}
	note := backupNote{Format: 1, Created: time.Now().UTC(), SHA256: map[string]string{}}
	for file, store := range stores {
		if err := backupDatabase(ctx, store, filepath.Join(dir, file+".next"), &note, file); err != nil {
			return err
		}
	}
	done, err := files.Backup(ctx, filepath.Join(dir, contentDir))
	if err != nil {
		return err
	}
	key := []byte(hex.EncodeToString(s.SiteKey) + "\n")
	if err := writeFile(filepath.Join(dir, keyFile), key); err != nil {
		return err
	}
	// From here on the directory changes from the former state to this one. The
	// note goes first and comes last: a directory without one is no backup.
	if err := os.Remove(filepath.Join(dir, noteFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for file := range stores {
		if err := os.Rename(filepath.Join(dir, file+".next"), filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, noteFile), append(text, '\n')); err != nil {
		return err
	}
	fmt.Printf("backed up to %s: %d contents linked, %d copied (%d bytes), %d there already\nThe directory holds the site key: keep it as safe as the data.\n",
		dir, done.Linked, done.Copied, done.Bytes, done.Present)
	return nil
}

func backupDatabase(ctx context.Context, store meta.Store, path string, note *backupNote, file string) error {
	db, ok := store.(*sqlite.Store)
	if !ok {
		return fmt.Errorf("metadata store %s has no backup of its own; back it up with its own tools", store.Capabilities().Name)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := db.Backup(ctx, path); err != nil {
		return err
	}
	sum, err := fileSum(path)
	note.SHA256[file] = sum
	return err
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
	if err := json.Unmarshal(text, note); err != nil || note.Format != 1 || note.SHA256[metaFile] == "" {
		return nil, fmt.Errorf("%s is not one this version can read (%v)", filepath.Join(dir, noteFile), err)
	}
	for file, want := range note.SHA256 {
		got, err := fileSum(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("%s is damaged: SHA-256 %s, want %s", filepath.Join(dir, file), got, want)
		}
	}
	return note, nil
}

// restoreFiles puts a backup where the configuration's stores lie. It never
// overwrites anything.
func restoreFiles(ctx context.Context, c *config.Config, dir string, note *backupNote) error {
	targets := map[string]string{metaFile: c.Metadata}
	if note.SHA256[registryFile] != "" {
		targets[registryFile] = c.Registry
	}
	contentTarget, err := localPath(c.Content, "file")
	if err != nil {
		return err
	}
	paths := map[string]string{filepath.Join(dir, keyFile): c.SiteKeyFile}
	for file, url := range targets {
		path, err := localPath(url, "sqlite")
		if err != nil {
			return err
		}
		paths[filepath.Join(dir, file)] = path
	}
	for _, path := range paths {
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
	for from, to := range paths {
		if err := copyFile(from, to); err != nil {
			return err
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
		return "", fmt.Errorf("a backup is restored to %s:// only, not to %s; then migrate", scheme, url)
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

// copyFile copies durably to a file that must not exist.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close(), syncDir(filepath.Dir(to)))
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
