package localfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/spf13/afero"
)

func open(t testing.TB, fs afero.Fs, dir string) *localfs.Store {
	t.Helper()
	s, err := localfs.Open(fs, dir, localfs.Options{WriteBehind: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name string
		fs   func() afero.Fs
		dir  func(t *testing.T) string
	}{
		{"Disk", afero.NewOsFs, func(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b") }},
		{"MemMapFs", afero.NewMemMapFs, func(*testing.T) string { return "/srv/content" }},
		{"Simulated", func() afero.Fs { return faultfs.New(faultfs.NewDisk()) }, func(*testing.T) string { return "/srv/content" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			type place struct {
				fs  afero.Fs
				dir string
			}
			var mu sync.Mutex
			places := map[content.Store]place{}
			contenttest.Run(t, contenttest.Options{
				Open: func(t *testing.T) content.Store {
					p := place{c.fs(), c.dir(t)}
					s := open(t, p.fs, p.dir)
					mu.Lock()
					defer mu.Unlock()
					places[s] = p
					return s
				},
				Reopen: func(t *testing.T, s content.Store) content.Store {
					mu.Lock()
					defer mu.Unlock()
					return open(t, places[s].fs, places[s].dir)
				},
			})
		})
	}
}

// Only the owner may read contents, and Open makes all directories there are.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "content")
	s := open(t, afero.NewOsFs(), dir)
	id := contenttest.Write(t, s, []byte("x"), 1)
	dirs, files := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			dirs++
			want = 0o700 | fs.ModeDir
		} else {
			files++
			if rel, _ := filepath.Rel(dir, path); rel != filepath.Join("data", string(id[30:]), string(id)) {
				t.Errorf("content lies at %s", rel)
			}
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil || files != 1 || dirs != 3+256 {
		t.Errorf("%d directories, %d files: %v", dirs, files, err)
	}
}

func TestOpenFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{path, filepath.Join(path, "below")} {
		if _, err := localfs.Open(afero.NewOsFs(), dir, localfs.Options{}); err == nil {
			t.Errorf("opened in %s", dir)
		}
	}
}

// Processes that start at the same moment make the directories together.
func TestOpenTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := localfs.Open(afero.NewOsFs(), dir, localfs.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			contenttest.Write(t, s, []byte("x"), 1)
		})
	}
	wg.Wait()
}

// A directory that vanished (a disk that is not mounted) must not look like
// contents that are gone.
func TestVanishedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "content")
	s := open(t, afero.NewOsFs(), dir)
	id := contenttest.Write(t, s, []byte("x"), 1)
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, openErr := s.Open(ctx, id, 0, -1)
	_, statErr := s.Stat(ctx, id)
	_, createErr := s.Create(ctx, content.NewID(time.Now()), 1)
	_, _, cleanErr := s.Clean(ctx, time.Now())
	for what, err := range map[string]error{
		"open": openErr, "stat": statErr, "create": createErr, "clean": cleanErr,
		"delete": s.Delete(ctx, id), "ping": s.Ping(ctx),
		"walk": s.Walk(ctx, "", func(content.Info) error { return nil }),
	} {
		if !errors.Is(err, content.ErrUnavailable) || errors.Is(err, content.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	if got, err := contenttest.Read(s, id, 0, -1); err != nil || string(got) != "x" {
		t.Errorf("when it is back: %q, %v", got, err)
	}
}

// A file that lost its end gives an error after what is left, by either way of reading.
func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	s := open(t, afero.NewOsFs(), dir)
	data := contenttest.Bytes(1, 100_000)
	id := contenttest.Write(t, s, data, 1<<20)
	if err := os.Truncate(filepath.Join(dir, "data", string(id[30:]), string(id)), 60_000); err != nil {
		t.Fatal(err)
	}
	for what, copyTo := range map[string]func(io.Writer, io.Reader) (int64, error){
		"WriteTo": io.Copy,
		"Read":    func(w io.Writer, r io.Reader) (int64, error) { return io.Copy(w, struct{ io.Reader }{r}) },
	} {
		for _, offset := range []int64{0, 10_000, 60_000, 70_000} {
			r, err := s.Open(context.Background(), id, offset, 100_000-offset)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			_, err = copyTo(&got, r)
			r.Close()
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s from %d: error %v", what, offset, err)
			}
			if want := data[min(offset, 60_000):60_000]; !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s from %d: %d bytes, want %d", what, offset, got.Len(), len(want))
			}
		}
	}
}

// connection takes what a network connection would turn into sendfile.
type connection struct {
	bytes.Buffer
	from io.Reader
}

func (c *connection) ReadFrom(r io.Reader) (int64, error) {
	c.from = r
	return c.Buffer.ReadFrom(r)
}

func TestSendfile(t *testing.T) {
	s := open(t, afero.NewOsFs(), t.TempDir())
	id := contenttest.Write(t, s, contenttest.Bytes(1, 100_000), 1<<20)
	for _, length := range []int64{50_000, -1} {
		r, err := s.Open(context.Background(), id, 10, length)
		if err != nil {
			t.Fatal(err)
		}
		var c connection
		if _, err := io.Copy(&c, r); err != nil {
			t.Error(err)
		}
		r.Close()
		limited, ok := c.from.(*io.LimitedReader)
		if !ok {
			t.Fatalf("the connection sees a %T", c.from)
		}
		if _, ok := limited.R.(*os.File); !ok {
			t.Errorf("the connection sees a %T in its LimitedReader", limited.R)
		}
	}
}

// Files that are no contents, and contents in the wrong place, are passed over.
func TestWalkIgnoresStrangers(t *testing.T) {
	fs := faultfs.NewDisk()
	s := open(t, fs, "/c")
	id := contenttest.Write(t, s, []byte("x"), 1)
	wrong := "00"
	if strings.HasSuffix(string(id), wrong) {
		wrong = "01"
	}
	for _, name := range []string{"/c/data/" + wrong + "/" + string(id), "/c/data/00/README", "/c/data/lost+found"} {
		if err := afero.WriteFile(fs, name, []byte("?"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all []content.Info
	err := s.Walk(context.Background(), "", func(i content.Info) error {
		all = append(all, i)
		return nil
	})
	if err != nil || len(all) != 1 || all[0].ID != id {
		t.Errorf("%v, %v", all, err)
	}
}
