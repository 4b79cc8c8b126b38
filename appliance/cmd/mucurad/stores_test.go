package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/repo"
)

// TestContentsWithoutDatabase: a database is not made anew beside contents that it
// would not know.
func TestContentsWithoutDatabase(t *testing.T) {
	data := t.TempDir()
	meta, contents := "sqlite://"+filepath.Join(data, "meta.db"), "file://"+filepath.Join(data, "content")
	id := content.NewID(time.Now())
	for _, store := range []bool{false, true} { // the directories alone are nothing
		s, err := openStoresAt(meta, meta, contents, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Content.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if store {
			w, err := s.Content.Create(t.Context(), id, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("b")); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(s.Close(), os.Rename(filepath.Join(data, "meta.db"), filepath.Join(data, "kept"))); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openStoresAt(meta, meta, contents, nil)
	if err == nil {
		_ = s.Close()
		t.Fatal("a new database was made")
	}
	if !strings.Contains(err.Error(), "meta.db is missing") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, "meta.db")); err == nil {
		t.Error("there is a database")
	}
	if err := os.Rename(filepath.Join(data, "kept"), filepath.Join(data, "meta.db")); err != nil {
		t.Fatal(err)
	}
	registry := "sqlite://" + filepath.Join(data, "registry.db")
	if s, err = openStoresAt(meta, registry, contents, nil); err == nil {
		_ = s.Close()
		t.Fatal("a new registry was made")
	}
	if !strings.Contains(err.Error(), "registry.db is missing") {
		t.Error(err)
	}
	if s, err = openStoresAt(meta, meta, contents, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestDatabaseWithoutContents: where contents should be there is nothing, not even the
// directory of the store.
func TestDatabaseWithoutContents(t *testing.T) {
	data := t.TempDir()
	disk := filepath.Join(data, "disk")
	meta, contents := "sqlite://"+filepath.Join(data, "meta.db"), "file://"+disk
	unmount := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(disk), os.Mkdir(disk, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(size int) {
		t.Helper()
		s, err := openStoresAt(meta, meta, contents, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := &repo.Repo{Meta: s.Meta, Registry: s.Registry, Content: s.Content, Now: time.Now, InlineMax: 1000}
		b, err := r.Bucket(t.Context(), "bucket")
		if err != nil {
			b, err = r.CreateBucket(t.Context(), catalog.Bucket{Name: "bucket", Owner: "somebody"})
		}
		if err != nil {
			t.Fatal(err)
		}
		in := repo.PutObjectInput{Bucket: b, Key: "k", Body: strings.NewReader(strings.Repeat("x", size)), Size: int64(size)}
		if _, err := r.PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	put(10)
	unmount() // an inlined object has no content
	put(2000)
	unmount()
	s, err := openStoresAt(meta, meta, contents, nil)
	if err == nil {
		_ = s.Close()
		t.Fatal("opened without contents")
	}
	if !strings.Contains(err.Error(), "mount its disk") {
		t.Error(err)
	}
	if entries, err := os.ReadDir(disk); err != nil || len(entries) != 0 {
		t.Errorf("%v was made, %v", entries, err)
	}
	if err := os.Mkdir(filepath.Join(disk, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(10)
}
