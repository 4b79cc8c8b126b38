package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/meta"
)

// TestRestoreFiles: the log of a database that is gone would be played into the
// restored one, so it is refused; and the database is the last to be restored.
func TestRestoreFiles(t *testing.T) {
	at := func(data string) *config.Config {
		return &config.Config{
			Metadata: "sqlite://" + filepath.Join(data, "meta.db"), Registry: "sqlite://" + filepath.Join(data, "meta.db"),
			Content: "file://" + filepath.Join(data, "content"), SiteKeyFile: filepath.Join(data, "site.key"), AuditLog: "off",
		}
	}
	source, target, dir := t.TempDir(), t.TempDir(), t.TempDir()
	put := func(s *sqlite.Store, value string) {
		t.Helper()
		if _, err := s.Put(t.Context(), "p", "k", meta.Record{Value: []byte(value)}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	open := func(data string) *sqlite.Store {
		t.Helper()
		s, err := sqlite.Open(filepath.Join(data, "meta.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	db := open(source)
	put(db, "backed up")
	files, err := localfs.Open(afero.NewOsFs(), filepath.Join(source, "content"), localfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stores := &app.Stores{Meta: db, Registry: db, Content: files, SiteKey: make([]byte, 32)}
	if err := errors.Join(backupStores(t.Context(), at(source), stores, dir), db.Close()); err != nil {
		t.Fatal(err)
	}
	old := open(target)
	put(old, "lost")
	log, err := os.ReadFile(filepath.Join(target, "meta.db-wal")) // as a crash leaves it
	err = errors.Join(err, old.Close(), os.Remove(filepath.Join(target, "meta.db")), os.WriteFile(filepath.Join(target, "meta.db-wal"), log, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	note, err := readNote(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = restoreFiles(t.Context(), at(target), dir, note)
	if err == nil || !strings.Contains(err.Error(), "meta.db-wal is there already") {
		t.Errorf("restored beside a log: %v", err)
	}
	if err := os.Remove(filepath.Join(target, "meta.db-wal")); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, keyFile)
	if err := os.Rename(key, key+".kept"); err != nil {
		t.Fatal(err)
	}
	for range 20 { // files of one kind come in any order
		if err := restoreFiles(t.Context(), at(target), dir, note); err == nil {
			t.Error("restored without the site key")
		}
		if _, err := os.Lstat(filepath.Join(target, "meta.db")); err == nil {
			t.Fatal("the database was restored before all else")
		}
	}
	if err := os.Rename(key+".kept", key); err != nil {
		t.Fatal(err)
	}
	if err := restoreFiles(t.Context(), at(target), dir, note); err != nil {
		t.Fatal(err)
	}
	restored := open(target)
	defer restored.Close()
	if r, err := restored.Get(t.Context(), "p", "k", false); err != nil || string(r.Value) != "backed up" {
		t.Errorf("restored: %q, %v", r.Value, err)
	}
}
