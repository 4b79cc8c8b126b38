package torture

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// jobReport is what "mucurad job" prints.
type jobReport struct {
	Job      string
	Skipped  string
	More     bool
	Scrubbed *struct{ Versions, Problems int }
	Swept    *struct{ Expired, Freed int }
}

// runJob runs a job in a process of its own.
func runJob(t *testing.T, s *harness.Server, args ...string) (rep jobReport) {
	t.Helper()
	out, err := s.Run(append([]string{"job"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return rep
}

// jobCommand is a job that a test starts and kills.
func jobCommand(s *harness.Server, args ...string) *exec.Cmd {
	cmd := exec.Command(s.Bin, append(append([]string{"job"}, args...), "--data", s.Data)...)
	cmd.Env = append(os.Environ(), s.Env...)
	return cmd
}

// TestScrubJob scrubs beside a server: by two processes at once, in one that is
// killed, and by another that goes on once the killed one counts as dead.
func TestScrubJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	const objects = 24
	for i := range objects {
		put(t, c, fmt.Sprint("k", i), body("scrubbed", i, 4<<20))
	}
	var wg sync.WaitGroup
	reps := make([]jobReport, 2)
	for i := range reps {
		wg.Go(func() { reps[i] = runJob(t, s, "scrub") })
	}
	wg.Wait()
	done := 0
	for _, r := range reps {
		if r.Skipped == "" && !r.More && r.Scrubbed != nil && r.Scrubbed.Versions == objects && r.Scrubbed.Problems == 0 {
			done++
		} else if r.Skipped != "another run is at it" {
			t.Errorf("%+v", r)
		}
	}
	if done == 0 {
		t.Error("none of two at once has scrubbed")
	}

	damage(t, s.Data)
	verified := 0
	for kills := 0; kills < 3; {
		cmd := jobCommand(s, "scrub")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+100*kills) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		kills++
	}
	eventually(t, "scrubbing goes on after it was killed", func() bool {
		r := runJob(t, s, "scrub")
		if r.Skipped != "" {
			time.Sleep(time.Second)
			return false
		}
		verified += r.Scrubbed.Versions
		return !r.More
	})
	if verified == 0 || verified > objects {
		t.Errorf("%d objects verified", verified)
	}
	if out := on(t, s, "damaged"); strings.Count(out, "\n") != 1 || !strings.Contains(out, "its bytes are damaged") {
		t.Errorf("marked: %s", out)
	}
	if n := metric(t, s, "mucura_damaged_contents"); n != 1 {
		t.Errorf("mucura_damaged_contents is %v", n)
	}
	if n := metric(t, s, "mucura_scrub_end_seconds"); n < 1.7e9 {
		t.Errorf("mucura_scrub_end_seconds is %v", n)
	}
}

// damage changes a byte of one content, as a disk may.
func damage(t *testing.T, data string) {
	t.Helper()
	var largest string
	err := filepath.WalkDir(filepath.Join(data, "content"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() > 1<<20 {
			largest = path
		}
		return nil
	})
	if err != nil || largest == "" {
		t.Fatalf("no content: %v", err)
	}
	_ = os.Chmod(largest, 0o600)
	f, err := os.OpenFile(largest, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 1<<20); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], 1<<20); err != nil {
		t.Fatal(err)
	}
}

// TestJobs runs every job, and those there are not.
func TestJobs(t *testing.T) {
	t.Parallel()
	s := start(t, "--sweep-interval", "0")
	c := s.NewClient()
	newBucket(t, c)
	put(t, c, "k", body("k", 0, 200<<10))
	if _, err := c.Must(ctx, "DELETE", bucket, "k", "", nil, 204); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	s.Env = []string{"MUCURA_DEBUG=true", "MUCURA_LEEWAY=1s"}
	if r := runJob(t, s, "sweep", "--budget", "1m"); r.More || r.Skipped != "" || r.Swept.Freed != 1 {
		t.Errorf("sweep: %+v %+v", r, r.Swept)
	}
	for _, job := range []string{"pending", "lifecycle", "uploads", "releases", "dropped", "orphans", "unfinished", "tombstones", "usage", "people", "closed", "scrub"} {
		if r := runJob(t, s, job); r.More || r.Skipped != "" || r.Job != job {
			t.Errorf("%s: %+v", job, r)
		}
	}
	for _, args := range [][]string{{"job", "nothing"}, {"job"}, {"job", "sweep", "scrub"}} {
		if _, err := s.Run(args...); err == nil || !strings.Contains(err.Error(), "sweep, scrub, pending, lifecycle,") {
			t.Errorf("%q: %v", args, err)
		}
	}
	on(t, s, "maintenance", "on")
	if r := runJob(t, s, "sweep"); r.Skipped != "maintenance is on" {
		t.Errorf("in maintenance: %+v", r)
	}
}
