package boottest

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// TestContainer sets an appliance up with its code, uses it, restarts it, and
// kills it under load.
func TestContainer(t *testing.T) {
	needContainer(t)
	data := t.TempDir()
	c := contain(t, data)
	c.booted()
	code := strings.TrimSpace(c.must("mucurad-appliance", "setup", "code"))
	p := claimed(t, c.dial, "127.0.0.1", "", code, url.Values{"site": {"Boot test"}, "names": {"s3.lab.example"}, "volatile": {"yes"}})
	s3 := serving(t, c.dial, "", "127.0.0.1", p.id, p.secret)
	stored := use(t, s3, "kept")
	if out, err := c.run("mucurad-appliance", "setup", "code"); err == nil {
		t.Errorf("a claimed appliance still has a set-up code: %s", out)
	}
	c.sandboxed()
	c.halt()

	c = contain(t, data)
	c.booted()
	s3 = serving(t, c.dial, "", "s3.lab.example", p.id, p.secret)
	stored.check(t, s3, "kept")

	w := write(t, s3, "load")
	w.until(40)
	c.kill()
	acknowledged := w.stop()
	c = contain(t, data)
	s3 = serving(t, c.dial, "", "127.0.0.1", p.id, p.secret)
	stored.check(t, s3, "kept")
	acknowledged.present(t, s3, "load")
	c.booted()
}

// sandboxed holds the running server to what its unit promises.
func (c *container) sandboxed() {
	c.t.Helper()
	pid := strings.TrimSpace(c.must("systemctl", "show", "-p", "MainPID", "--value", "mucurad.service"))
	status := c.must("cat", "/proc/"+pid+"/status")
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000400", "CapBnd:\t0000000000000400"} {
		if !strings.Contains(status, want) {
			c.t.Errorf("mucurad runs without %q:\n%s", want, status)
		}
	}
	if out := c.must("stat", "-c", "%U %a", "/data/mucura/repository"); out != "mucura 700\n" {
		c.t.Errorf("the repository's directory is of %s", out)
	}
	open := c.must("ss", "-Hltn")
	for line := range strings.Lines(open) {
		f := strings.Fields(line)
		at := f[3]
		if strings.HasPrefix(at, "127.") || strings.HasPrefix(at, "[::1]") {
			continue
		}
		switch port := at[strings.LastIndex(at, ":")+1:]; port {
		case "80", "443", "8443":
		default:
			c.t.Errorf("port %s is open:\n%s", port, open)
		}
	}
}

// TestFilesOfImage looks at what must and must not be in the image.
func TestFilesOfImage(t *testing.T) {
	needContainer(t)
	root := rootFS(t)
	for _, pattern := range []string{"etc/ssh/ssh_host_*", "etc/machine-id?", "var/lib/apt/lists/*_Packages*", "root/.ssh/*", "home/*", "var/log/*.log"} {
		if found, _ := filepath.Glob(filepath.Join(root, pattern)); len(found) > 0 {
			t.Errorf("the image has %v", found)
		}
	}
	shadow := command(t, "cat", filepath.Join(root, "etc/shadow"))
	for line := range strings.Lines(shadow) {
		if f := strings.Split(line, ":"); !strings.HasPrefix(f[1], "*") && !strings.HasPrefix(f[1], "!") {
			t.Errorf("%s has a password, or needs none", f[0])
		}
	}
	if out := command(t, "find", root, "-xdev", "-type", "f", "-perm", "-0002"); out != "" {
		t.Errorf("everybody can write to:\n%s", out)
	}
}

// acknowledged are the keys of writes that the server has confirmed.
type acknowledged map[string][]byte

func (a acknowledged) present(t *testing.T, c *harness.Client, bucket string) {
	t.Helper()
	for key, want := range a {
		got, err := c.Must(t.Context(), "GET", bucket, key, "", nil, 200)
		if err != nil {
			t.Errorf("an acknowledged write is lost: %v", err)
		} else if string(got.Body) != string(want) {
			t.Errorf("an acknowledged write has other bytes: %s", key)
		}
	}
	t.Logf("%d acknowledged writes are there", len(a))
}

// writers put objects until they are stopped, or the server is gone.
type writers struct {
	t      *testing.T
	stopit context.CancelFunc
	group  sync.WaitGroup
	mu     sync.Mutex
	acked  acknowledged
	count  atomic.Int64
}

// write starts four clients that put objects, small ones (which lie in records)
// and larger ones (which are files).
func write(t *testing.T, c *harness.Client, bucket string) *writers {
	t.Helper()
	if _, err := c.Must(t.Context(), "PUT", bucket, "", "", nil, 200); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &writers{t: t, stopit: cancel, acked: acknowledged{}}
	for n := range 4 {
		w.group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("%d/%d", n, i)
				b := body(uint64(n*1000+i), 1000+(i%3)*100_000)
				if _, err := c.Must(ctx, "PUT", bucket, key, "", b, 200); err != nil {
					return // the power is off
				}
				w.mu.Lock()
				w.acked[key] = b
				w.mu.Unlock()
				w.count.Add(1)
			}
		})
	}
	return w
}

// until waits for n confirmed writes.
func (w *writers) until(n int64) {
	w.t.Helper()
	for deadline := time.Now().Add(hang); w.count.Load() < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("only %d writes were confirmed", w.count.Load())
		}
	}
}

func (w *writers) stop() acknowledged {
	w.stopit()
	w.group.Wait()
	return w.acked
}
