package torture

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

const bucket = "torture"

// TestKilledWhileWriting kills the server with SIGKILL again and again while
// many clients write to it. Whatever was acknowledged must be there, whole;
// what was not may be there whole or not at all; fsck must be clean and, after
// a sweep, nothing may be left over. MUCURA_TEST_CYCLES sets the number of
// kills (make torture: 200).
func TestKilledWhileWriting(t *testing.T) {
	killWhileWriting(t, start(t, killArgs...), number(t, "MUCURA_TEST_CYCLES", 6))
}

// No sweep runs before the end. The leeway is the usual one: under a short one
// the server refuses an upload that takes half of it.
var killArgs = []string{"--sweep-interval", "0"}

func killWhileWriting(t *testing.T, s *harness.Server, cycles int) {
	killedWhileWriting(t, s, cycles, func(int) {
		s.Kill()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	})
}

// killedWhileWriting calls kill again and again while clients write, which kills
// something and starts it again, and then looks for every acknowledged write.
func killedWhileWriting(t *testing.T, s *harness.Server, cycles int, kill func(cycle int)) {
	t.Helper()
	killedOn(t, s, cycles, kill, func() []string { return contents(t, s) })
}

// killedOn is killedWhileWriting where stored tells which contents there are.
func killedOn(t *testing.T, s *harness.Server, cycles int, kill func(cycle int), stored func() []string) {
	t.Helper()
	ctx := context.Background()
	if _, err := s.NewClient().Must(ctx, "PUT", bucket, "", "", nil, 200); err != nil {
		t.Fatal(err)
	}
	var acks atomic.Int64
	writers := make([]*writer, 12)
	for i := range writers {
		writers[i] = &writer{id: i, acks: &acks, rnd: rand.New(rand.NewPCG(uint64(i), 7)), keys: map[string]*history{}}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for cycle := range cycles {
		stop, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for _, w := range writers {
			wg.Go(func() { w.run(stop, s.NewClient()) })
		}
		// Killed at some moment after some writes, however slow the machine is.
		awaitWrites(&acks, acks.Load()+int64(rnd.IntN(60)))
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		kill(cycle)
		cancel()
		wg.Wait()
	}
	for _, w := range writers {
		if w.broken != "" {
			t.Errorf("writer %d: %s", w.id, w.broken)
		}
	}
	verify(t, s, writers)
	fsck(t, s)
	emptyAndSweep(t, s, stored)
	t.Logf("%d cycles, %d acknowledged writes", cycles, acks.Load())
}

// awaitWrites waits until so many writes have been acknowledged; a minute
// without is for the checks that follow to complain about.
func awaitWrites(acks *atomic.Int64, want int64) {
	for end := time.Now().Add(time.Minute); acks.Load() < want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// history is what one writer did to one key since its last acknowledged write:
// the key must show that write or one of the attempts after it.
type history struct{ possible []string } // ETags; "" is absent

// writer owns its keys, so it knows what each may hold.
type writer struct {
	id     int
	n      int
	rnd    *rand.Rand
	keys   map[string]*history
	acks   *atomic.Int64
	broken string
}

// body is size bytes that tell who wrote them.
func body(key string, n, size int) []byte {
	line := fmt.Sprintf("%s %d\n", key, n)
	return bytes.Repeat([]byte(line), size/len(line)+1)[:size]
}

func etag(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// run writes until stop is done, and finishes then what it has begun: what is
// broken off the server may still do, after what comes next.
func (w *writer) run(stop context.Context, c *harness.Client) {
	ctx := context.Background()
	for stop.Err() == nil && w.broken == "" {
		w.n++
		key := fmt.Sprintf("w%d/k %d+é", w.id, w.rnd.IntN(20))
		switch dice := w.rnd.IntN(20); {
		case dice < 12:
			w.put(ctx, c, key, w.rnd.IntN(8<<10))
		case dice < 15:
			w.put(ctx, c, key, 100<<10+w.rnd.IntN(2<<20))
		case dice < 18:
			w.do(ctx, c, key, "", 204, "DELETE", "", nil)
		case dice < 19:
			w.copy(ctx, c, key)
		default:
			w.multipart(ctx, c, key)
		}
	}
}

// do makes one request whose success leaves the key with the ETag.
func (w *writer) do(ctx context.Context, c *harness.Client, key, tag string, want int, method, query string, b []byte, header ...string) {
	h := w.keys[key]
	if h == nil {
		h = &history{possible: []string{""}}
		w.keys[key] = h
	}
	h.possible = append(h.possible, tag)
	a, err := c.Do(ctx, method, bucket, key, query, b, header...)
	switch {
	case err != nil: // killed: nobody knows
	case a.Status == want && !bytes.Contains(a.Body, []byte("<Error>")):
		h.possible = []string{tag}
		w.acks.Add(1)
	case a.Status < 500:
		w.broken = fmt.Sprintf("%s %s: %d %s", method, key, a.Status, a.Body)
	}
}

func (w *writer) put(ctx context.Context, c *harness.Client, key string, size int) {
	b := body(key, w.n, size)
	w.do(ctx, c, key, etag(b), 200, "PUT", "", b)
}

// copy copies a key whose state is certain over another of this writer's.
func (w *writer) copy(ctx context.Context, c *harness.Client, key string) {
	for from, h := range w.keys {
		if from != key && len(h.possible) == 1 && h.possible[0] != "" && !strings.Contains(h.possible[0], "-") {
			w.do(ctx, c, key, h.possible[0], 200, "PUT", "", nil, "X-Amz-Copy-Source", "/"+bucket+"/"+harness.EscapeKey(from))
			return
		}
	}
}

func (w *writer) multipart(ctx context.Context, c *harness.Client, key string) {
	a, err := c.Do(ctx, "POST", bucket, key, "uploads=", nil)
	if err != nil || a.Status != 200 {
		return
	}
	var up struct{ UploadId string }
	if xml.Unmarshal(a.Body, &up) != nil {
		w.broken = "CreateMultipartUpload: " + string(a.Body)
		return
	}
	var sums []byte
	doc := "<CompleteMultipartUpload>"
	for i, size := range []int{5 << 20, 1000} {
		b := body(key, w.n, size)
		a, err := c.Do(ctx, "PUT", bucket, key, fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, up.UploadId), b)
		if err != nil || a.Status != 200 {
			return
		}
		sum := md5.Sum(b)
		sums = append(sums, sum[:]...)
		doc += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%x</ETag></Part>", i+1, sum)
	}
	w.do(ctx, c, key, etag(sums)+"-2", 200, "POST", "uploadId="+up.UploadId, []byte(doc+"</CompleteMultipartUpload>"))
}

// verify reads every key: the bytes must be one of the possible writes, whole.
func verify(t *testing.T, s *harness.Server, writers []*writer) {
	t.Helper()
	ctx, c := context.Background(), s.NewClient()
	for _, w := range writers {
		for key, h := range w.keys {
			a, err := c.Do(ctx, "GET", bucket, key, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			tag := ""
			switch a.Status {
			case 404:
			case 200:
				tag = strings.Trim(a.Header.Get("ETag"), `"`)
				checkBody(t, key, tag, a.Body)
			default:
				t.Errorf("GET %s: %d %s", key, a.Status, a.Body)
				continue
			}
			if !contains(h.possible, tag) {
				t.Errorf("%s is %q, want one of %q: an acknowledged write is lost", key, tag, h.possible)
			}
			h.possible = []string{tag}
		}
	}
	keys, err := c.List(ctx, bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, k := range keys {
		listed[k] = true
	}
	for _, w := range writers {
		for key, h := range w.keys {
			if there := h.possible[0] != ""; there != listed[key] {
				t.Errorf("%s: there %v, listed %v", key, there, listed[key])
			}
		}
	}
}

func checkBody(t *testing.T, key, tag string, b []byte) {
	t.Helper()
	want := etag(b)
	if strings.HasSuffix(tag, "-2") && len(b) == 5<<20+1000 {
		one, two := md5.Sum(b[:5<<20]), md5.Sum(b[5<<20:])
		want = etag(append(one[:], two[:]...)) + "-2"
	}
	if tag != want {
		t.Errorf("%s: %d bytes with ETag %s, but they are %s: torn", key, len(b), tag, want)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// fsck runs mucurad fsck beside the running server.
func fsck(t *testing.T, s *harness.Server) {
	t.Helper()
	out, err := s.Run("fsck", "--read-data")
	if err != nil {
		t.Errorf("fsck: %v", err)
	}
	t.Logf("fsck: %s", strings.TrimSpace(out))
}

// emptyAndSweep deletes everything and sweeps until there is nothing to do:
// then no content may be left.
func emptyAndSweep(t *testing.T, s *harness.Server, stored func() []string) {
	t.Helper()
	ctx, c := context.Background(), s.NewClient()
	keys, err := c.List(ctx, bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if _, err := c.Must(ctx, "DELETE", bucket, k, "", nil, 204); err != nil {
			t.Fatal(err)
		}
	}
	a, err := c.Must(ctx, "GET", bucket, "", "uploads=", nil, 200)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Upload []struct{ Key, UploadId string }
	}
	if err := xml.Unmarshal(a.Body, &list); err != nil {
		t.Fatal(err)
	}
	for _, u := range list.Upload {
		if _, err := c.Must(ctx, "DELETE", bucket, u.Key, "uploadId="+u.UploadId, nil, 204); err != nil {
			t.Fatal(err)
		}
	}
	sweepUntilEmpty(t, s, stored)
}

// sweepUntilEmpty sweeps until no content is left, now that no object is.
func sweepUntilEmpty(t *testing.T, s *harness.Server, stored func() []string) {
	t.Helper()
	var left []string
	// The server's own sweeper may be at a part of the work: a sweep leaves it that.
	for end, n := time.Now().Add(2*time.Minute), 0; n < 10 || time.Now().Before(end); n++ {
		time.Sleep(1100 * time.Millisecond) // the leeway
		out, err := s.Run("sweep", "--json", "--debug", "--leeway", "1s")
		if err != nil {
			t.Fatalf("sweep: %v\n%s", err, out)
		}
		var rep map[string]any
		if err := json.Unmarshal([]byte(out), &rep); err != nil {
			t.Fatalf("sweep printed %q: %v", out, err)
		}
		if left = stored(); len(left) == 0 {
			return
		}
	}
	t.Errorf("%d contents are left although every object is deleted: %q", len(left), left[:min(3, len(left))])
}

// md5Base64 is a Content-MD5 header.
func md5Base64(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
