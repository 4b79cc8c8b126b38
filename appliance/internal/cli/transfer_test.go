package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var discardLog = log.New(io.Discard, "", 0)

const part = 5 << 20

// transferred is the record of a transfer.
type transferred struct {
	Type, Operation, Source, Target, ETag, Checksum string
	Bytes                                           int64
	Resumed                                         int64 `json:"resumed_bytes"`
}

func decodeLine[T any](t *testing.T, line string) (v T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return v
}

// holdAfter lets n parts pass and holds those that follow until the command that
// sends them is gone. reached is closed when the first is held.
func holdAfter(n int32, matches func(*http.Request) bool) (hold func(http.ResponseWriter, *http.Request) bool, reached chan struct{}) {
	var seen atomic.Int32
	reached = make(chan struct{})
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if !matches(r) {
			return false
		}
		switch k := seen.Add(1); {
		case k <= n:
			return false
		case k == n+1:
			close(reached)
		}
		_, _ = io.Copy(io.Discard, r.Body) // so that the end of the client is seen
		<-r.Context().Done()
		return true
	}, reached
}

func isPart(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Has("partNumber")
}

func isRange(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Range") != ""
}

// killed runs the command and kills it when reached is closed.
func (p *person) killed(reached chan struct{}, args ...string) {
	p.Helper()
	cmd := p.cmd(args...)
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	select {
	case <-reached:
	case <-ended:
		p.Fatal("the command ended before it was killed")
	case <-time.After(time.Minute):
		p.Fatal("the command did not come so far")
	}
	_ = cmd.Process.Kill()
	<-ended
}

func TestUploadKilledAndResumed(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	content := random(10*part + 12345) // 11 parts
	p.write("big", content)
	args := []string{"cp", "--part-size", "5MiB", "--parallel", "2", "--json", "big", "s3://" + bucket + "/big"}

	hold, reached := holdAfter(6, isPart)
	b.set(hold, nil)
	p.killed(reached, args...)
	before := b.sent()
	if before < 4 || before > 6 {
		t.Fatalf("%d parts came before the kill", before)
	}
	states, _ := filepath.Glob(p.path(".local/state/mucura/uploads/*.json"))
	if len(states) != 1 {
		t.Fatalf("states: %v", states)
	}
	wantMode(t, states[0], 0o600)
	wantMode(t, filepath.Dir(states[0]), 0o700)

	b.set(nil, nil)
	got := decodeLine[transferred](t, p.want(0, args...))
	// One that was under way when the client died may have been stored, too.
	there := int(got.Resumed / part)
	if got.Resumed%part != 0 || there < before || there > 6 || got.Bytes != int64(len(content)) {
		t.Errorf("resumed %d of %d bytes, %d parts were answered", got.Resumed, got.Bytes, before)
	}
	if b.sent() != 11-there {
		t.Errorf("%d parts were sent again, %d were missing", b.sent(), 11-there)
	}
	p.wantObject(bucket, "big", content)
	if out := p.want(0, "uploads", "ls", "s3://"+bucket); out != "" {
		t.Errorf("left: %s", out)
	}
	if states, _ := filepath.Glob(p.path(".local/state/mucura/uploads/*")); len(states) > 0 {
		t.Errorf("left: %v", states)
	}
}

// A file that is another one now must not be mixed with parts of the old one.
func TestUploadResumedOfChangedFile(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	p.write("big", random(3*part))
	args := []string{"cp", "--part-size", "5MiB", "--parallel", "1", "big", "s3://" + bucket + "/big"}
	hold, reached := holdAfter(2, isPart)
	b.set(hold, nil)
	p.killed(reached, args...)
	b.set(nil, nil)

	content := random(3 * part)
	path := p.write("big", content)
	if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 5)); err != nil {
		t.Fatal(err)
	}
	p.want(0, args...)
	if b.sent() != 3 {
		t.Errorf("%d parts were sent, want all 3", b.sent())
	}
	p.wantObject(bucket, "big", content)
}

// Same size and time, other content: only the checksums of the parts tell.
func TestUploadResumedOfForgedFile(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	content := random(3 * part)
	path := p.write("big", content)
	stamp := time.Unix(1e9, 0)
	_ = os.Chtimes(path, time.Time{}, stamp)
	args := []string{"cp", "--part-size", "5MiB", "--parallel", "1", "big", "s3://" + bucket + "/big"}
	hold, reached := holdAfter(2, isPart)
	b.set(hold, nil)
	p.killed(reached, args...)
	b.set(nil, nil)

	content[part+1] ^= 1 // in part 2
	p.write("big", content)
	_ = os.Chtimes(path, time.Time{}, stamp)
	p.want(0, args...)
	b.mu.Lock()
	sent := slices.Sorted(slices.Values(b.parts))
	b.mu.Unlock()
	if !slices.Equal(sent, []int{2, 3}) {
		t.Errorf("parts %v were sent, want 2 and 3", sent)
	}
	p.wantObject(bucket, "big", content)
}

func TestDownloadKilledAndResumed(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	content := random(10*part + 12345)
	p.write("big", content)
	p.want(0, "cp", "big", "s3://"+bucket+"/big")
	args := []string{"cp", "--part-size", "5MiB", "--parallel", "2", "--json", "s3://" + bucket + "/big", "out/"}
	if err := os.Mkdir(p.path("out"), 0o755); err != nil {
		t.Fatal(err)
	}

	hold, reached := holdAfter(6, isRange)
	b.set(hold, nil)
	p.killed(reached, args...)
	p.wantNoFile("out/big")

	b.set(nil, nil)
	got := decodeLine[transferred](t, p.want(0, args...))
	if got.Resumed < 4*part || got.Resumed > 6*part || b.asked() != 11-int(got.Resumed/part) {
		t.Errorf("resumed %d bytes, asked for %d ranges", got.Resumed, b.asked())
	}
	p.wantFile("out/big", content)
	if left, _ := os.ReadDir(p.path("out")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// What a killed download left and somebody damaged is fetched again.
func TestDownloadResumedOfDamagedFile(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	content := random(4 * part)
	p.write("big", content)
	p.want(0, "cp", "big", "s3://"+bucket+"/big")
	args := []string{"cp", "--part-size", "5MiB", "--parallel", "1", "s3://" + bucket + "/big", "copy"}
	hold, reached := holdAfter(2, isRange)
	b.set(hold, nil)
	p.killed(reached, args...)
	b.set(nil, nil)

	partial, _ := filepath.Glob(p.path(".mucura-*.part"))
	if len(partial) != 1 {
		t.Fatalf("unfinished: %v", partial)
	}
	f, err := os.OpenFile(partial[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("damage"), 100)
	f.Close()
	p.want(0, args...)
	if b.asked() != 3 {
		t.Errorf("%d ranges were fetched, want the damaged one and the two that were missing", b.asked())
	}
	p.wantFile("copy", content)
}

// An object that changed meanwhile is not mixed with what came of the old one.
func TestDownloadResumedOfChangedObject(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	p.write("big", random(4*part))
	p.want(0, "cp", "big", "s3://"+bucket+"/big")
	args := []string{"cp", "--part-size", "5MiB", "--parallel", "1", "s3://" + bucket + "/big", "copy"}
	hold, reached := holdAfter(2, isRange)
	b.set(hold, nil)
	p.killed(reached, args...)
	b.set(nil, nil)
	content := random(3*part - 1) // shorter than what is there of the old one
	p.write("big", content)
	p.want(0, "cp", "big", "s3://"+bucket+"/big")
	b.set(nil, nil)
	p.want(0, args...)
	if b.asked() != 3 {
		t.Errorf("%d ranges were fetched, want 3", b.asked())
	}
	p.wantFile("copy", content)
}

// Processes at the same copy do not spoil each other's.
func TestSameCopyAtOnce(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	content := random(4 * part)
	p.write("big", content)
	for _, args := range [][]string{{"big", "s3://" + bucket + "/big"}, {"s3://" + bucket + "/big", "copy"}} {
		var all []*exec.Cmd
		for range 4 {
			cmd := p.cmd(append([]string{"cp", "--part-size", "5MiB"}, args...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, cmd)
		}
		for _, cmd := range all {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %v", args, err)
			}
		}
	}
	p.wantObject(bucket, "big", content)
	p.wantFile("copy", content)
	if left, _ := filepath.Glob(p.path(".mucura-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if out := p.want(0, "uploads", "ls", "s3://"+bucket); out != "" {
		t.Errorf("left: %s", out)
	}
}

// wantObject reads an object with a client of its own.
func (p *person) wantObject(bucket, key string, content []byte) {
	p.Helper()
	a, err := server.NewClient().Do(p.Context(), "GET", bucket, key, "", nil)
	if err != nil || a.Status != 200 || !bytes.Equal(a.Body, content) {
		p.Errorf("%s: %v, status %d, %d bytes, want %d", key, err, a.Status, len(a.Body), len(content))
	}
}

func wantMode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != mode {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), mode)
	}
}
