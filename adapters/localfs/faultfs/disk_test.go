package faultfs_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/spf13/afero"
)

func write(t *testing.T, fs afero.Fs, name, text string) afero.File {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func syncName(t *testing.T, fs afero.Fs, name string) {
	t.Helper()
	f, err := fs.Open(name)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What a power cut leaves, step by step.
func TestDiskForgets(t *testing.T) {
	for _, c := range []struct {
		what      string
		file, dir bool   // synced
		want      string // "-": no file
	}{
		{"nothing", false, false, "-"},
		{"file", true, false, "-"},
		{"directory", false, true, ""},
		{"both", true, true, "text"},
	} {
		d := faultfs.NewDisk()
		if err := d.MkdirAll("/a", 0o700); err != nil {
			t.Fatal(err)
		}
		syncName(t, d, "/")
		f := write(t, d, "/a/f", "text")
		if c.file {
			f.Sync()
		}
		if c.dir {
			syncName(t, d, "/a")
		}
		d.Crash(nil)
		got := "-"
		if b, err := afero.ReadFile(d, "/a/f"); err == nil {
			got = string(b)
		}
		if got != c.want {
			t.Errorf("%s synced: %q, want %q", c.what, got, c.want)
		}
		if _, err := f.Write([]byte("x")); !errors.Is(err, syscall.EIO) {
			t.Errorf("a file opened before takes a write: %v", err)
		}
	}
}

func TestDiskForgetsRename(t *testing.T) {
	for _, synced := range []bool{false, true} {
		d := faultfs.NewDisk()
		write(t, d, "/old", "text").Sync()
		syncName(t, d, "/")
		if err := d.Rename("/old", "/new"); err != nil {
			t.Fatal(err)
		}
		if synced {
			syncName(t, d, "/")
		}
		d.Crash(nil)
		if _, err := d.Stat("/new"); (err == nil) != synced {
			t.Errorf("synced %v: %v", synced, err)
		}
		if _, err := d.Stat("/old"); (err == nil) == synced {
			t.Errorf("synced %v: the old name: %v", synced, err)
		}
	}
}

func TestDiskFile(t *testing.T) {
	d := faultfs.NewDisk()
	f := write(t, d, "/f", "hello")
	if at, err := f.Seek(-3, io.SeekEnd); at != 2 || err != nil {
		t.Errorf("seek: %d, %v", at, err)
	}
	if b, err := io.ReadAll(f); string(b) != "llo" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := f.WriteAt([]byte("y!"), 7); err != nil {
		t.Error(err)
	}
	if b, _ := afero.ReadFile(d, "/f"); string(b) != "hello\x00\x00y!" {
		t.Errorf("%q", b)
	}
	if err := f.Truncate(1); err != nil {
		t.Error(err)
	}
	if n, err := f.ReadAt(make([]byte, 2), 0); n != 1 || err != io.EOF {
		t.Errorf("read at: %d, %v", n, err)
	}
	f.Close()
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	for what, err := range map[string]error{
		"mkdir over a file":   d.Mkdir("/f", 0o700),
		"link over a file":    d.Link("/f", "/f"),
		"remove of nothing":   d.Remove("/x"),
		"rename of nothing":   d.Rename("/x", "/y"),
		"mkdir below a file":  d.Mkdir("/f/d", 0o700),
		"mkdir below nothing": d.Mkdir("/x/d", 0o700),
	} {
		if err == nil {
			t.Errorf("%s succeeds", what)
		}
	}
}

func TestRules(t *testing.T) {
	fs := faultfs.New(afero.NewMemMapFs())
	f := write(t, fs, "/f", "")
	fs.Inject(faultfs.Rule{Op: faultfs.Write, Path: "/f", Skip: 1, Times: 2, Err: syscall.EIO, Short: 1})
	for i, want := range []int{3, 1, 1, 3} {
		if n, err := f.Write([]byte("abc")); n != want || (err != nil) != (want == 1) {
			t.Errorf("write %d: %d, %v", i, n, err)
		}
	}
	if b, _ := afero.ReadFile(fs, "/f"); string(b) != "abcaaabc" {
		t.Errorf("%q", b)
	}
	fs.Inject(faultfs.Rule{Op: faultfs.Rename, Path: "new", Err: syscall.ENOSPC})
	if err := fs.Rename("/f", "/new"); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	fs.Heal()
	if err := fs.Rename("/f", "/new"); err != nil || fs.Calls(faultfs.Rename) != 2 {
		t.Errorf("%v, %d calls", err, fs.Calls(faultfs.Rename))
	}
}
