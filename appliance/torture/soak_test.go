package torture

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// TestSoak mixes every kind of operation from 64 clients, then looks for what
// must not have grown: memory, file descriptors, goroutines, contents.
// MUCURA_TEST_SOAK sets how long (a duration; make soak: 30m).
func TestSoak(t *testing.T) {
	length := 5 * time.Second
	if text := os.Getenv("MUCURA_TEST_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, "--debug", "--leeway", "10s", "--sweep-interval", "5s", "--debug-lifecycle-day", "2s")
	// The leeway is short, so that the sweeper has work, but longer than any copy
	// takes on a busy machine: a copy that takes half of it may have to be repeated.
	ctx := context.Background()
	c := s.NewClient()
	for _, b := range []string{"plain", "versioned"} {
		must(t)(c.Must(ctx, "PUT", b, "", "", nil, 200))
	}
	must(t)(c.Must(ctx, "PUT", "versioned", "", "versioning=", []byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"), 200))
	// Old versions go again, so the disk does not fill.
	rule := "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter/>" +
		"<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>"
	a := must(t)(c.Do(ctx, "PUT", "versioned", "", "lifecycle=", []byte(rule), "Content-MD5", md5Base64([]byte(rule))))
	if a.Status != 200 {
		t.Fatalf("lifecycle: %d %s", a.Status, a.Body)
	}
	c.HTTP.CloseIdleConnections()
	soak(t, s, 2*time.Second) // what the server needs once it has been busy
	before := settled(t, s, nil)
	soak(t, s, length)
	after := settled(t, s, &before)
	t.Logf("before %+v, after %+v", before, after)
	if after.grown(before) {
		t.Errorf("goroutines grew from %d to %d, open files from %d to %d", before.goroutines, after.goroutines, before.files, after.files)
	}
	if after.heap > 64<<20 {
		t.Errorf("%d bytes of heap are in use when idle", after.heap)
	}
	// Not beside its sweeper, which frees what a slow look at a page of records,
	// longer than the leeway, still expects.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	fsck(t, s)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{"plain", "versioned"} {
		emptyVersions(t, s, b)
	}
	sweepUntilEmpty(t, s, func() []string { return contents(t, s) })
}

func must(t *testing.T) func(*harness.Answer, error) *harness.Answer {
	return func(a *harness.Answer, err error) *harness.Answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// soak runs 64 clients for a while. An answer of 5xx, and a broken connection, fail.
func soak(t *testing.T, s *harness.Server, length time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var wg sync.WaitGroup
	var done atomic.Int64
	failures := make(chan string, 64)
	full, paused := brake(ctx, t, s.Data)
	for id := range 64 {
		wg.Go(func() {
			c := s.NewClient()
			defer c.HTTP.CloseIdleConnections()
			rnd := rand.New(rand.NewPCG(uint64(id), uint64(length)))
			for ctx.Err() == nil {
				if full.Load() {
					time.Sleep(100 * time.Millisecond)
					continue
				}
				if what := soakOnce(c, rnd); what != "" {
					failures <- what
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	close(failures)
	for f := range failures {
		t.Error(f)
	}
	t.Logf("%d operations in %s, of which clients waited %d s for room on the disk", done.Load(), length, paused.Load())
}

// brake tells when two thirds of the room on the disk are gone, looking every second
// until ctx is done, and counts those seconds: 64 clients can overwrite faster than
// two busy processors free.
func brake(ctx context.Context, t *testing.T, dir string) (full *atomic.Bool, seconds *atomic.Int64) {
	t.Helper()
	free := func() uint64 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Error(err)
		}
		return st.Bavail * uint64(st.Bsize)
	}
	full, seconds = new(atomic.Bool), new(atomic.Int64)
	least := free() / 3
	go func() {
		for {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				return
			}
			full.Store(free() < least)
			if full.Load() {
				seconds.Add(1)
			}
		}
	}()
	return full, seconds
}

// soakOnce does one operation chosen by chance; it returns what went wrong. That
// a key is absent, or was changed by another client, is not wrong.
func soakOnce(c *harness.Client, rnd *rand.Rand) string {
	ctx := context.Background()
	b := []string{"plain", "versioned"}[rnd.IntN(2)]
	key := fmt.Sprintf("dir%d/key %d", rnd.IntN(5), rnd.IntN(40))
	other := "/" + b + "/" + harness.EscapeKey(fmt.Sprintf("dir%d/key %d", rnd.IntN(5), rnd.IntN(40)))
	ask := func(method, key, query string, body []byte, header ...string) string {
		a, err := c.Do(ctx, method, b, key, query, body, header...)
		if err != nil {
			return fmt.Sprintf("%s %s?%s: %v", method, key, query, err)
		}
		if a.Status >= 500 {
			return fmt.Sprintf("%s %s?%s: %d %s", method, key, query, a.Status, a.Body)
		}
		return ""
	}
	switch rnd.IntN(16) {
	case 0, 1, 2:
		return ask("PUT", key, "", body(key, rnd.IntN(1000), rnd.IntN(20<<10)))
	case 3:
		return ask("PUT", key, "", body(key, 1, 200<<10+rnd.IntN(1<<20)))
	case 4, 5:
		return ask("GET", key, "", nil)
	case 6:
		return ask("GET", key, "", nil, "Range", "bytes=1-10,50-99,-5")
	case 7:
		return ask("HEAD", key, "", nil)
	case 8:
		return ask("GET", "", "list-type=2&delimiter=%2F&max-keys=7&prefix=dir", nil)
	case 9:
		return ask("GET", "", "versions=&max-keys=50", nil)
	case 10:
		return ask("DELETE", key, "", nil)
	case 11:
		return ask("PUT", key, "", nil, "X-Amz-Copy-Source", other)
	case 12:
		return ask("PUT", key, "tagging=", []byte("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"))
	case 13:
		doc := "<Delete><Object><Key>" + key + "</Key></Object><Object><Key>never</Key></Object></Delete>"
		return ask("POST", "", "delete=", []byte(doc), "Content-MD5", md5Base64([]byte(doc)))
	case 14:
		return ask("PUT", key, "acl=", nil, "X-Amz-Acl", "private")
	default:
		return soakMultipart(c, b, key, other, rnd)
	}
}

func soakMultipart(c *harness.Client, b, key, other string, rnd *rand.Rand) string {
	ctx := context.Background()
	a, err := c.Do(ctx, "POST", b, key, "uploads=", nil)
	if err != nil || a.Status != 200 {
		return fmt.Sprintf("CreateMultipartUpload: %v %v", a, err)
	}
	var up struct{ UploadId string }
	if err := xml.Unmarshal(a.Body, &up); err != nil {
		return err.Error()
	}
	id := "&uploadId=" + up.UploadId
	part := body(key, 2, 100<<10)
	a, err = c.Do(ctx, "PUT", b, key, "partNumber=1"+id, part)
	if err == nil && a.Code() == "RequestTimeout" {
		return "" // it took half the leeway, and may be repeated
	}
	if err != nil || a.Status != 200 {
		return fmt.Sprintf("UploadPart: %v %v", a, err)
	}
	if a, err = c.Do(ctx, "PUT", b, key, "partNumber=2"+id, nil, "X-Amz-Copy-Source", other); err != nil || a.Status >= 500 {
		return fmt.Sprintf("UploadPartCopy: %v %v", a, err)
	}
	if rnd.IntN(2) == 0 {
		if a, err = c.Do(ctx, "DELETE", b, key, id[1:], nil); err != nil || a.Status != 204 {
			return fmt.Sprintf("AbortMultipartUpload: %v %v", a, err)
		}
		return ""
	}
	doc := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag(part) + "</ETag></Part></CompleteMultipartUpload>"
	if a, err = c.Do(ctx, "POST", b, key, id[1:], []byte(doc)); err != nil || a.Status != 200 {
		return fmt.Sprintf("CompleteMultipartUpload: %v %v", a, err)
	}
	return ""
}

// state is what a process holds.
type state struct {
	goroutines, files int
	heap              int64
}

// slack is by how many goroutines and files a server may differ that does nothing.
const slack = 10

// settled reads the server's state when it has nothing to do. The clients have
// closed their connections, but the sweeper may be behind, and is at work on its
// lanes then. So the least of some readings counts; more are taken for five
// minutes, while it holds more than before.
func settled(t *testing.T, s *harness.Server, before *state) state {
	t.Helper()
	least := readState(t, s)
	for n := range 1000 {
		if n >= 8 && (before == nil || !least.grown(*before)) {
			break
		}
		time.Sleep(300 * time.Millisecond)
		now := readState(t, s)
		least = state{min(least.goroutines, now.goroutines), min(least.files, now.files), min(least.heap, now.heap)}
	}
	return least
}

func (st state) grown(from state) bool {
	return st.goroutines > from.goroutines+slack || st.files > from.files+slack
}

func readState(t *testing.T, s *harness.Server) (st state) {
	t.Helper()
	resp, err := http.Get(s.Admin + "/-/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	for line := range bytes.Lines(text) {
		name, v, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		f, _ := strconv.ParseFloat(v, 64)
		switch name {
		case "go_goroutines":
			st.goroutines = int(f)
		case "go_memstats_heap_inuse_bytes":
			st.heap = int64(f)
		}
	}
	files, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.Pid()), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	st.files = len(files)
	if st.goroutines == 0 || st.heap == 0 {
		t.Fatalf("metrics tell nothing:\n%s", text)
	}
	return st
}

type version struct{ Key, VersionId string }

// emptyVersions deletes every version and aborts every upload of a bucket.
func emptyVersions(t *testing.T, s *harness.Server, b string) {
	t.Helper()
	ctx, c := context.Background(), s.NewClient()
	for {
		a := must(t)(c.Must(ctx, "GET", b, "", "versions=", nil, 200))
		var page struct{ Version, DeleteMarker []version }
		if err := xml.Unmarshal(a.Body, &page); err != nil {
			t.Fatal(err)
		}
		all := append(page.Version, page.DeleteMarker...)
		if len(all) == 0 {
			break
		}
		doc, err := xml.Marshal(struct {
			XMLName xml.Name `xml:"Delete"`
			Quiet   bool
			Object  []version
		}{Quiet: true, Object: all})
		if err != nil {
			t.Fatal(err)
		}
		a = must(t)(c.Do(ctx, "POST", b, "", "delete=", doc, "Content-MD5", md5Base64(doc)))
		if a.Status != 200 || bytes.Contains(a.Body, []byte("<Error>")) {
			t.Fatalf("DeleteObjects: %d %s", a.Status, a.Body)
		}
	}
	a := must(t)(c.Must(ctx, "GET", b, "", "uploads=", nil, 200))
	var list struct {
		Upload []struct{ Key, UploadId string }
	}
	if err := xml.Unmarshal(a.Body, &list); err != nil {
		t.Fatal(err)
	}
	for _, u := range list.Upload {
		must(t)(c.Must(ctx, "DELETE", b, u.Key, "uploadId="+u.UploadId, nil, 204))
	}
}
