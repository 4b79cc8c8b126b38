package localfs_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// put stores data as a careful caller would, and gives the first error.
func put(s content.Store, data []byte) (content.ID, error) {
	id := content.NewID(time.Now())
	w, err := s.Create(context.Background(), id, int64(len(data)))
	if err != nil {
		return id, err
	}
	defer w.Abort()
	for len(data) > 0 {
		n := min(len(data), 16<<10)
		if _, err := w.Write(data[:n]); err != nil {
			return id, err
		}
		data = data[n:]
	}
	return id, w.Commit()
}

func faulty(t *testing.T) (*faultfs.FS, *localfs.Store) {
	t.Helper()
	fs := faultfs.New(faultfs.NewDisk())
	s := open(t, fs, "/c")
	if err := s.Ping(t.Context()); err != nil { // makes all directories
		t.Fatal(err)
	}
	return fs, s
}

// Whatever goes wrong in a write: the right error, nothing visible, nothing left.
func TestWriteFaults(t *testing.T) {
	data := contenttest.Bytes(1, 100_000)
	for name, c := range map[string]struct {
		rule faultfs.Rule
		want []error
	}{
		"create, no space":       {faultfs.Rule{Op: faultfs.OpenFile, Path: "/tmp/", Err: syscall.ENOSPC}, []error{content.ErrFull, syscall.ENOSPC}},
		"create, no descriptors": {faultfs.Rule{Op: faultfs.OpenFile, Path: "/tmp/", Err: syscall.EMFILE}, []error{content.ErrUnavailable}},
		"write, no space":        {faultfs.Rule{Op: faultfs.Write, Skip: 2, Err: syscall.ENOSPC, Short: 100}, []error{content.ErrFull}},
		"write, disk quota":      {faultfs.Rule{Op: faultfs.Write, Err: syscall.EDQUOT}, []error{content.ErrFull}},
		"write, broken":          {faultfs.Rule{Op: faultfs.Write, Skip: 3, Err: syscall.EIO}, []error{content.ErrUnavailable, syscall.EIO}},
		"write, silently short":  {faultfs.Rule{Op: faultfs.Write, Skip: 1, Times: 1, Short: 5}, []error{content.ErrUnavailable, io.ErrShortWrite}},
		"sync, broken":           {faultfs.Rule{Op: faultfs.Sync, Path: "/tmp/", Times: 1, Err: syscall.EIO}, []error{content.ErrUnavailable, syscall.EIO}},
		"sync, no space":         {faultfs.Rule{Op: faultfs.Sync, Path: "/tmp/", Err: syscall.ENOSPC}, []error{content.ErrFull}},
		"close":                  {faultfs.Rule{Op: faultfs.Close, Path: "/tmp/", Times: 1, Err: syscall.EDQUOT}, []error{content.ErrFull}},
		"directory gone":         {faultfs.Rule{Op: faultfs.OpenFile, Path: "/data/", Times: 1, Err: syscall.ENOENT}, []error{content.ErrUnavailable}},
		"rename, broken":         {faultfs.Rule{Op: faultfs.Rename, Err: syscall.EIO}, []error{content.ErrUnavailable}},
		"rename, no space":       {faultfs.Rule{Op: faultfs.Rename, Err: syscall.ENOSPC}, []error{content.ErrFull}},
		"directory sync, broken": {faultfs.Rule{Op: faultfs.Sync, Path: "/data/", Times: 1, Err: syscall.EIO}, []error{content.ErrUnavailable}},
		"directory close":        {faultfs.Rule{Op: faultfs.Close, Path: "/data/", Times: 1, Err: syscall.EIO}, []error{content.ErrUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			fs, s := faulty(t)
			kept, err := put(s, data)
			if err != nil {
				t.Fatal(err)
			}
			fs.Inject(c.rule)
			id, err := put(s, data)
			for _, want := range c.want {
				if !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
			}
			fs.Heal()
			if _, err := contenttest.Read(s, id, 0, -1); !errors.Is(err, content.ErrNotFound) {
				t.Errorf("the content is visible: %v", err)
			}
			if files, _, err := s.Clean(context.Background(), time.Now().Add(time.Hour)); files != 0 || err != nil {
				t.Errorf("%d files left: %v", files, err)
			}
			if got, err := contenttest.Read(s, kept, 0, -1); err != nil || len(got) != len(data) {
				t.Errorf("the other content: %d bytes, %v", len(got), err)
			}
			if _, err := put(s, data); err != nil {
				t.Errorf("after healing: %v", err)
			}
		})
	}
}

// After an error a writer refuses what follows and never commits.
func TestWriterRemembersItsError(t *testing.T) {
	fs, s := faulty(t)
	id := content.NewID(time.Now())
	w, err := s.Create(context.Background(), id, -1)
	if err != nil {
		t.Fatal(err)
	}
	fs.Inject(faultfs.Rule{Op: faultfs.Write, Times: 1, Err: syscall.ENOSPC, Short: 3})
	if n, err := w.Write([]byte("hello")); n != 3 || !errors.Is(err, content.ErrFull) {
		t.Errorf("write: %d, %v", n, err)
	}
	if _, err := w.Write([]byte("lo")); !errors.Is(err, content.ErrFull) {
		t.Errorf("second write: %v", err)
	}
	if err := w.Commit(); !errors.Is(err, content.ErrFull) {
		t.Errorf("commit: %v", err)
	}
	if _, err := contenttest.Read(s, id, 0, -1); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("the content is visible: %v", err)
	}
}

// The pages of a failed fsync may be dropped, so a second one proves nothing.
func TestFailedSyncIsNotRepeated(t *testing.T) {
	fs, s := faulty(t)
	fs.Inject(faultfs.Rule{Op: faultfs.Sync, Path: "/tmp/", Times: 1, Err: syscall.EIO})
	before := fs.Calls(faultfs.Sync)
	w, err := s.Create(context.Background(), content.NewID(time.Now()), 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("x"))
	for range 2 {
		if err := w.Commit(); err == nil {
			t.Error("committed")
		}
	}
	if n := fs.Calls(faultfs.Sync) - before; n != 1 {
		t.Errorf("synced %d times", n)
	}
}

func TestReadFaults(t *testing.T) {
	fs, s := faulty(t)
	data := contenttest.Bytes(1, 100_000)
	id, err := put(s, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		op   faultfs.Op
		err  error
		want error
	}{
		{faultfs.Read, syscall.EIO, content.ErrCorrupt},
		{faultfs.Read, syscall.ETIMEDOUT, content.ErrUnavailable},
		{faultfs.OpenFile, syscall.EMFILE, content.ErrUnavailable},
		{faultfs.OpenFile, syscall.EIO, content.ErrUnavailable},
	} {
		fs.Inject(faultfs.Rule{Op: c.op, Path: "/data/", Err: c.err})
		if _, err := contenttest.Read(s, id, 0, -1); !errors.Is(err, c.want) {
			t.Errorf("%s %v: %v, want %v", c.op, c.err, err, c.want)
		}
		fs.Heal()
	}
	fs.Inject(faultfs.Rule{Op: faultfs.Read, Skip: 1, Err: syscall.EIO})
	r, err := s.Open(context.Background(), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); n == 0 || !errors.Is(err, content.ErrCorrupt) {
		t.Errorf("copied %d bytes: %v", n, err)
	}
}

func TestOtherFaults(t *testing.T) {
	fs, s := faulty(t)
	ctx := context.Background()
	id, err := put(s, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	fs.Inject(faultfs.Rule{Op: faultfs.Remove, Err: syscall.EIO})
	if err := s.Delete(ctx, id); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("delete: %v", err)
	}
	fs.Heal()
	fs.Inject(faultfs.Rule{Op: faultfs.Stat, Err: syscall.EIO})
	if err := s.Walk(ctx, "", func(content.Info) error { return nil }); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("walk: %v", err)
	}
	fs.Heal()
	fs.Inject(faultfs.Rule{Op: faultfs.Write, Err: syscall.ENOSPC})
	if err := s.Ping(ctx); !errors.Is(err, content.ErrFull) {
		t.Errorf("ping: %v", err)
	}
	fs.Heal()
	for _, rule := range []faultfs.Rule{
		{Op: faultfs.Mkdir, Err: syscall.ENOSPC},
		{Op: faultfs.Sync, Err: syscall.EIO},
	} {
		fs.Inject(rule)
		if _, err := localfs.Open(fs, "/new", localfs.Options{}); !errors.Is(err, rule.Err) {
			t.Errorf("open with failing %s: %v", rule.Op, err)
		}
		fs.Heal()
	}
}

// What goes wrong while the directories of contents are made is told by the call
// that needs them, and made good by the next.
func TestLayoutFaults(t *testing.T) {
	ctx := context.Background()
	fail := func(s *localfs.Store) map[string]error {
		_, err := put(s, []byte("x"))
		_, statErr := s.Stat(ctx, content.NewID(time.Now()))
		_, backupErr := s.Backup(ctx, "/backup")
		return map[string]error{
			"write": err, "stat": statErr, "ping": s.Ping(ctx), "backup": backupErr,
			"walk": s.Walk(ctx, "", func(content.Info) error { return nil }),
		}
	}
	for name, rule := range map[string]faultfs.Rule{
		"no space":         {Op: faultfs.Mkdir, Path: "/data/", Skip: 100, Err: syscall.ENOSPC},
		"broken":           {Op: faultfs.Mkdir, Path: "/data/", Skip: 255, Err: syscall.EIO},
		"names not read":   {Op: faultfs.OpenFile, Path: "/data", Err: syscall.EMFILE},
		"data not synced":  {Op: faultfs.Sync, Path: "/data", Err: syscall.EIO},
		"store not synced": {Op: faultfs.Sync, Path: "/c", Err: syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			fs := faultfs.New(faultfs.NewDisk())
			s := open(t, fs, "/c")
			fs.Inject(rule)
			for what, err := range fail(s) {
				if !errors.Is(err, rule.Err) || errors.Is(err, content.ErrNotFound) {
					t.Errorf("%s: %v", what, err)
				}
			}
			fs.Heal()
			if _, err := s.Stat(ctx, content.NewID(time.Now())); !errors.Is(err, content.ErrNotFound) {
				t.Errorf("stat: %v", err)
			}
			if _, err := put(s, []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
}
