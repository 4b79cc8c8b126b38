package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// written is what was acknowledged, by key; nothing is ever written twice.
type written struct {
	mu   sync.Mutex
	size map[string]int
}

func (w *written) snapshot() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]int{}
	for k, n := range w.size {
		all[k] = n
	}
	return all
}

// keepWriting writes new objects until the returned function is called.
func keepWriting(t *testing.T, s *harness.Server) (*written, func()) {
	t.Helper()
	w := &written{size: map[string]int{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for id := range 4 {
		wg.Go(func() {
			c := s.NewClient()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				key, size := fmt.Sprintf("w%d/%d", id, n), 1000+n%5*50_000
				if _, err := c.Must(ctx, "PUT", bucket, key, "", body(key, size, size), 200); err != nil {
					t.Error(err)
					return
				}
				w.mu.Lock()
				w.size[key] = size
				w.mu.Unlock()
				if n%3 == 2 { // and something comes and goes
					_, _ = c.Do(ctx, "PUT", bucket, "gone"+key, "", body(key, 1, 100_000))
					_, _ = c.Do(ctx, "DELETE", bucket, "gone"+key, "", nil)
				}
			}
		})
	}
	return w, func() { close(stop); wg.Wait() }
}

// grown waits until so many more objects are there.
func (w *written) grown(t *testing.T, n int) {
	t.Helper()
	want := len(w.snapshot()) + n
	eventually(t, fmt.Sprint(want, " objects are written"), func() bool { return len(w.snapshot()) >= want })
}

// restored restores a backup and starts a server on it.
func restored(t *testing.T, dir string) *harness.Server {
	t.Helper()
	data := filepath.Join(t.TempDir(), "restored")
	if code, out, stderr := command(t, nil, "restore", dir, "--data", data); code != 0 {
		t.Fatalf("restore: exit status %d\n%s%s", code, out, stderr)
	}
	return startOn(t, data)
}

// wantAll checks that a server has all the objects, whole.
func wantAll(t *testing.T, s *harness.Server, want map[string]int) {
	t.Helper()
	c := s.NewClient()
	for key, size := range want {
		wantObject(t, c, key, body(key, size, size))
	}
	for _, key := range list(t, c) { // whatever else was caught in the act is whole, too
		if a, err := c.Must(ctx, "GET", bucket, key, "", nil, 200); err != nil {
			t.Error(err)
		} else {
			checkBody(t, key, strings.Trim(a.Header.Get("ETag"), `"`), a.Body)
		}
	}
	fsck(t, s)
}

// TestBackup backs a server up while it is written to, twice into the same
// directory, and restores both states elsewhere.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := start(t)
	newBucket(t, s.NewClient())
	w, stop := keepWriting(t, s)
	w.grown(t, 100)
	dir := filepath.Join(t.TempDir(), "backup")
	first := w.snapshot()
	on(t, s, "backup", dir)
	wantAll(t, restored(t, dir), first)
	w.grown(t, 50)
	second := w.snapshot()
	if out := on(t, s, "backup", dir); !strings.Contains(out, "there already") || strings.Contains(out, " 0 there already") {
		t.Errorf("not incremental: %s", out)
	}
	stop()
	wantAll(t, restored(t, dir), second)

	// A restore overwrites nothing.
	before := on(t, s, "fsck")
	if out, err := s.Run("restore", dir); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("restored over a repository: %s, %v", out, err)
	}
	if after := on(t, s, "fsck"); after != before {
		t.Errorf("before %s, after %s", before, after)
	}
}

// TestDamagedBackup: each kind of damage is found, before or after the restore.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	put(t, c, "inline", body("inline", 1, 1000))
	put(t, c, "large", body("large", 1, 100<<10))
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"database":   func(t *testing.T, dir string) { flip(t, one(t, dir, "meta-*.db")) },
		"note":       func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "backup.json")) },
		"no note":    func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "backup.json")) },
		"no key":     func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "site.key")) },
		"no content": func(t *testing.T, dir string) { remove(t, one(t, dir, "content/data/*/*")) },
		"content":    func(t *testing.T, dir string) { flip(t, one(t, dir, "content/data/*/*")) },
		"truncated":  func(t *testing.T, dir string) { truncate(t, one(t, dir, "content/data/*/*")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "backup")
			on(t, s, "backup", dir)
			// The contents of a backup may be the same files as the server's own.
			apart(t, dir)
			spoil(t, dir)
			if code, out, _ := command(t, nil, "restore", dir, "--data", filepath.Join(t.TempDir(), "data")); code != 1 {
				t.Errorf("exit status %d, %s", code, out)
			}
		})
	}
	wantObject(t, c, "large", body("large", 1, 100<<10))
}

// apart makes copies of all files of a directory, so that changing one changes no other name of it.
func apart(t *testing.T, dir string) {
	t.Helper()
	for _, path := range files(t, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		remove(t, path)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found[0]
}

func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)/2] ^= 4
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()/2)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestBackupKilled kills backups at many moments; what can be restored is the
// former state, or the new one when that was done.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	dir := filepath.Join(t.TempDir(), "backup")
	put(t, c, "first", body("first", 1, 100<<10))
	on(t, s, "backup", dir)
	for i := range 40 {
		put(t, c, fmt.Sprint("later", i), body("later", i, 100<<10))
	}
	if _, err := c.Must(ctx, "DELETE", bucket, "first", "", nil, 204); err != nil {
		t.Fatal(err)
	}
	rounds, states := number(t, "MUCURA_TEST_CYCLES", 8), map[int]int{}
	for i := range rounds {
		cmd := exec.Command(binary, "backup", dir, "--data", s.Data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 60 * time.Millisecond / time.Duration(rounds))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if i%2 == 1 && i < rounds-1 && rounds > 8 {
			continue
		}
		r := restored(t, dir)
		n := len(list(t, r.NewClient()))
		states[n]++
		if n != 1 && n != 40 {
			t.Errorf("%d objects", n)
		}
		r.Kill()
	}
	t.Logf("objects restored, and how often: %v", states)
	on(t, s, "backup", dir)
	if n := len(list(t, restored(t, dir).NewClient())); n != 40 {
		t.Errorf("%d objects at the end", n)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*.db*")); len(found) != 1 {
		t.Errorf("databases are left over: %q", found)
	}
}
