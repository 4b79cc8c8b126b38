package torture

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// TestFullDisk fills a real file system that is small, with objects that lie in
// files and in their records, and makes room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("mucura-test", dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("may not mount a small file system (%v); core/app tests a pretended one", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := &harness.Server{Bin: binary, Data: dir + "/data", Args: []string{"--sweep-interval", "0", "--min-free", "8MiB"}}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	c := s.NewClient()
	newBucket(t, c)
	for round := range 2 {
		there := map[string]int{}
		for _, size := range []int{3 << 20, 300 << 10, 40 << 10, 1000} {
			fill(t, c, fmt.Sprintf("round %d of %d", round, size), size, there)
		}
		t.Logf("round %d: %d objects", round, len(there))
		for key, size := range there {
			wantObject(t, c, key, body(key, size, size))
		}
		if n := len(list(t, c)); n != len(there) {
			t.Errorf("%d objects are listed, %d were acknowledged", n, len(there))
		}
		a, err := c.Do(ctx, "PUT", bucket, "large", "", make([]byte, 5<<20))
		wantAnswer(t, "PUT", a, err, 507, "InsufficientStorage")
		wantObject(t, c, "large", nil)
		// A restart on the full disk needs nobody's help.
		s.Kill()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		fsck(t, s)
		for key := range there {
			if a, err := c.Do(ctx, "DELETE", bucket, key, "", nil); err != nil || a.Status != 204 {
				t.Fatalf("DELETE on a full disk: %+v, %v", a, err)
			}
		}
		time.Sleep(1100 * time.Millisecond) // the leeway
		on(t, s, "sweep", "--debug", "--leeway", "1s")
		if left := contents(t, s); len(left) != 0 {
			t.Errorf("%d files are left", len(left))
		}
		put(t, c, "large", make([]byte, 5<<20))
		if _, err := c.Must(ctx, "DELETE", bucket, "large", "", nil, 204); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
		on(t, s, "sweep", "--debug", "--leeway", "1s")
	}
}

// fill stores objects until there is no room for another of the size, and sees
// that it is said so.
func fill(t *testing.T, c *harness.Client, name string, size int, there map[string]int) {
	t.Helper()
	for n := range 100_000 {
		key := fmt.Sprintf("%s %d", name, n)
		a, err := c.Do(ctx, "PUT", bucket, key, "", body(key, size, size))
		switch {
		case err != nil:
			t.Fatal(err)
		case a.Status == 200:
			there[key] = size
		case a.Status == 507 && a.Code() == "InsufficientStorage":
			return
		default:
			t.Fatal(errors.New(string(a.Body)))
		}
	}
	t.Fatal("the disk is never full")
}
