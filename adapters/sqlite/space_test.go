package sqlite

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// TestSpaceLeft fills a small file system and empties it again: pages that are free
// in the file are room, too.
func TestSpaceLeft(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("mucura-test", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("may not mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(filepath.Join(dir, "meta.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	before, total, err := s.Space(ctx)
	if err != nil || total != 16<<20 || before < 8<<20 {
		t.Fatalf("%d of %d bytes free, %v", before, total, err)
	}
	body := make([]byte, 60_000)
	for i := range 80 {
		if _, err := s.Put(ctx, "p", fmt.Sprint(i), meta.Record{Body: body}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	full, _, err := s.Space(ctx)
	if err != nil || before-full < 80*60_000 {
		t.Errorf("%d bytes free, were %d, %v", full, before, err)
	}
	for i := range 80 {
		if err := s.Delete(ctx, "p", fmt.Sprint(i), meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	after, _, err := s.Space(ctx)
	if err != nil || after-full < 40*60_000 {
		t.Errorf("%d bytes free after deletion, %d before, %v", after, full, err)
	}
}
