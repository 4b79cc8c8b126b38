package localfs_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/spf13/afero"
)

// crossDevice is a disk on which links never work.
type crossDevice struct{ *faultfs.Disk }

func (crossDevice) Link(_, to string) error {
	return &os.LinkError{Op: "link", New: to, Err: syscall.EXDEV}
}

func TestBackup(t *testing.T) {
	for _, c := range []struct {
		name  string
		fs    afero.Fs
		links bool
	}{
		{"Disk", afero.NewOsFs(), true},
		{"SimulatedLinks", faultfs.NewDisk(), true},
		{"CrossDevice", crossDevice{faultfs.NewDisk()}, false},
		{"NoLinks", afero.NewMemMapFs(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "content"), filepath.Join(dir, "deep", "backup")
			s := open(t, c.fs, from)
			data := contenttest.Bytes(1, 50_000)
			var ids []content.ID
			for range 10 {
				ids = append(ids, contenttest.Write(t, s, data, 1<<20))
			}
			check := func(fresh, present int) {
				t.Helper()
				want := localfs.Backup{Copied: fresh, Bytes: int64(fresh * len(data)), Present: present}
				if c.links {
					want = localfs.Backup{Linked: fresh, Present: present}
				}
				if got, err := s.Backup(context.Background(), to); err != nil || got != want {
					t.Errorf("%+v, %v; want %+v", got, err, want)
				}
			}
			check(10, 0)
			check(0, 10)
			if err := s.Delete(context.Background(), ids[0]); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, contenttest.Write(t, s, data, 1<<20))
			check(1, 9)
			restored := open(t, c.fs, to)
			for _, id := range ids { // also what was deleted meanwhile
				if got, err := contenttest.Read(restored, id, 0, -1); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes, %v", id, len(got), err)
				}
			}
		})
	}
}

func TestBackupFails(t *testing.T) {
	fs, s := faulty(t)
	if _, err := put(s, []byte("x")); err != nil {
		t.Fatal(err)
	}
	fs.Inject(faultfs.Rule{Op: faultfs.Write, Path: "/backup/", Err: syscall.ENOSPC})
	if b, err := s.Backup(context.Background(), "/backup"); err == nil || b.Copied != 0 {
		t.Errorf("%+v, %v", b, err)
	}
	fs.Heal()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Backup(ctx, "/backup"); err == nil {
		t.Error("a cancelled backup succeeds")
	}
}
