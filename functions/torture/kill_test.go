package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/functions/internal/world"
)

// environments is how many processes serve at once.
const environments = 8

// torment is how long each of the tests of this file goes on:
// MUCURA_TEST_FUNCTIONS_TIME, such as 10m, or some seconds.
func torment(t *testing.T) time.Duration {
	d, err := time.ParseDuration(os.Getenv("MUCURA_TEST_FUNCTIONS_TIME"))
	if err != nil {
		d = 6 * time.Second
	}
	t.Logf("for %s", d)
	return d
}

// TestKilledContainers: eight processes of shape B behind a balancer that takes
// turns, each killed or frozen at random, while clients upload in parts, copy and
// list. No answer is wrong, and no acknowledged write is lost.
func TestKilledContainers(t *testing.T) {
	w := theSite(t)
	var all []*world.Container
	for range environments {
		c, err := w.Container(t.Context(), "gateway")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Freeze(false); c.Kill() })
		all = append(all, c)
	}
	balancer := roundRobin(all)
	ctx, cancel := context.WithTimeout(t.Context(), torment(t))
	defer cancel()
	var kills int
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil || kills == 0 {
			c := all[rand.IntN(len(all))]
			if rand.IntN(3) == 0 {
				c.Freeze(true)
				sleep(ctx, time.Duration(rand.IntN(400))*time.Millisecond)
				c.Freeze(false)
				continue
			}
			c.Kill()
			kills++
			if err := c.Launch(); err != nil {
				t.Error(err)
				return
			}
			sleep(ctx, 300*time.Millisecond+time.Duration(rand.IntN(400))*time.Millisecond)
		}
	})
	l := &load{base: balancer, bucket: "/killed-b", part: 5 << 20}
	l.run(ctx, t)
	wg.Wait()
	for _, c := range all {
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.check(t)
	t.Logf("%d kills; %s", kills, l.counts())
	if kills == 0 {
		t.Error("nothing was killed")
	}
	noSecrets(t)
}

// TestKilledEnvironments is the same with eight environments of shape A, which
// are frozen after every event besides.
func TestKilledEnvironments(t *testing.T) {
	w := theSite(t)
	f := w.Function("gateway", environments, true)
	t.Cleanup(f.Close)
	u, stop, err := world.Front(lambdatest.HTTPAPI, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(t.Context(), torment(t))
	defer cancel()
	kills := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil || kills == 0 {
			if f.Kill(rand.IntN(environments)) {
				kills++
			}
			sleep(ctx, 100*time.Millisecond+time.Duration(rand.IntN(300))*time.Millisecond)
		}
	})
	l := &load{base: u, bucket: "/killed-a", part: 300_000, one: true}
	l.run(ctx, t)
	wg.Wait()
	l.check(t)
	t.Logf("%d kills; %s", kills, l.counts())
	if kills == 0 {
		t.Error("nothing was killed")
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// roundRobin is a balancer; what it cannot reach is a 502 to the client.
func roundRobin(all []*world.Container) string {
	var next atomic.Int64
	var to []*url.URL
	for _, c := range all {
		u, err := url.Parse(c.URL)
		if err != nil {
			panic(err)
		}
		to = append(to, u)
	}
	u, _, err := world.Serve(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			u := to[int(next.Add(1))%len(to)]
			r.Out.URL.Scheme, r.Out.URL.Host = u.Scheme, u.Host
			r.Out.URL.RawPath, r.Out.URL.RawQuery = r.In.URL.RawPath, r.In.URL.RawQuery
		},
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		FlushInterval: -1,
	})
	if err != nil {
		panic(err)
	}
	return u
}

// load is clients at work. Each has keys of its own, so it knows what is right.
type load struct {
	base, bucket string
	part         int  // bytes of a part
	one          bool // uploads have one part, for less than 5 MiB is for the last one only

	clients                            []*writer
	writes, uploads, copies, lists, no atomic.Int64
}

// writer is one client: what its keys hold, by the last acknowledged write. A
// key in doubt may hold any of several: the answer to the last write was lost.
type writer struct {
	l     *load
	n     int
	c     *http.Client
	sure  map[string][32]byte
	doubt map[string][][32]byte // the content before, and what may be there
}

const (
	writers = 6
	keys    = 5
)

func (l *load) run(ctx context.Context, t *testing.T) {
	t.Helper()
	for {
		if a, err := do(t.Context(), client(), "PUT", l.base, l.bucket, nil); err == nil && (a.status == 200 || a.status == 409) {
			break
		}
	}
	var wg sync.WaitGroup
	for n := range writers {
		w := &writer{l: l, n: n, c: client(), sure: map[string][32]byte{}, doubt: map[string][][32]byte{}}
		w.c.Timeout = time.Minute
		l.clients = append(l.clients, w)
		wg.Go(func() {
			for ctx.Err() == nil || !l.tried() {
				if err := w.step(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// tried tells whether everything has been done.
func (l *load) tried() bool {
	return l.writes.Load() > 0 && l.uploads.Load() > 0 && l.copies.Load() > 0 && l.lists.Load() > 0
}

func (l *load) counts() string {
	return fmt.Sprintf("%d puts, %d uploads in parts, %d copies, %d listings; %d requests without a good answer", l.writes.Load(), l.uploads.Load(), l.copies.Load(), l.lists.Load(), l.no.Load())
}

func (w *writer) key(i int) string { return fmt.Sprintf("w%d/key %d+ü", w.n, i) }

func (w *writer) target(key string) string { return w.l.bucket + "/" + escape(key) }

// ask is do. ok is false when nobody knows what happened: no answer, or one that
// asks to try again.
func (w *writer) ask(method, target string, body []byte, header ...string) (a *answer, ok bool) {
	a, err := do(context.Background(), w.c, method, w.l.base, target, body, header...)
	if err != nil || a.status >= 500 {
		w.l.no.Add(1)
		return a, false
	}
	return a, true
}

// step does one thing. An error is a wrong answer.
func (w *writer) step() error {
	key := w.key(rand.IntN(keys))
	switch rand.IntN(6) {
	case 0:
		return w.upload(key)
	case 1:
		return w.copy(key, w.key(rand.IntN(keys)))
	case 2:
		return w.list()
	case 3:
		return w.get(key)
	}
	body := random(1 + rand.IntN(200_000))
	a, ok := w.ask("PUT", w.target(key), body)
	w.l.writes.Add(1)
	return w.wrote(key, body, a, ok)
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())})
	_, _ = r.Read(b) // it never fails
	return b
}

// wrote notes what a write did, if that is known.
func (w *writer) wrote(key string, body []byte, a *answer, ok bool) error {
	sum := sha256.Sum256(body)
	switch {
	case !ok:
		if old, has := w.sure[key]; has {
			w.doubt[key] = append(w.doubt[key], old)
			delete(w.sure, key)
		} else if len(w.doubt[key]) == 0 {
			w.doubt[key] = append(w.doubt[key], [32]byte{}) // nothing
		}
		w.doubt[key] = append(w.doubt[key], sum)
		return nil
	case a.status != 200:
		return fmt.Errorf("write of %q: %d %s", key, a.status, a.body)
	}
	w.sure[key] = sum
	// An earlier write whose answer was lost can commit no more: it would have to
	// replace a record that is no longer there.
	delete(w.doubt, key)
	return nil
}

// matches tells whether a key may hold this.
func (w *writer) matches(key string, sum [32]byte) bool {
	if want, has := w.sure[key]; has {
		return sum == want
	}
	if len(w.doubt[key]) == 0 {
		return sum == [32]byte{}
	}
	for _, s := range w.doubt[key] {
		if s == sum {
			return true
		}
	}
	return false
}

func (w *writer) get(key string) error {
	a, ok := w.ask("GET", w.target(key), nil)
	if !ok {
		return nil
	}
	sum := [32]byte{}
	switch a.status {
	case 200:
		sum = sha256.Sum256(a.body)
	case 404:
	default:
		return fmt.Errorf("get of %q: %d %s", key, a.status, a.body)
	}
	if !w.matches(key, sum) {
		return fmt.Errorf("%q holds what nobody wrote there last (%d, %d bytes)", key, a.status, len(a.body))
	}
	return nil
}

// upload writes a key in parts; each part is sent until it is acknowledged, as
// clients do.
func (w *writer) upload(key string) error {
	a, ok := w.ask("POST", w.target(key)+"?uploads", nil)
	if !ok {
		return nil
	}
	var begun struct{ UploadId string }
	if err := xml.Unmarshal(a.body, &begun); err != nil || a.status != 200 {
		return fmt.Errorf("create upload: %d %s", a.status, a.body)
	}
	sizes := []int{w.l.part, w.l.part / 3}
	if w.l.one {
		sizes = sizes[:1]
	}
	var whole bytes.Buffer
	var list bytes.Buffer
	for i, size := range sizes {
		body := random(size)
		whole.Write(body)
		tag := ""
		for try := range 50 {
			a, ok := w.ask("PUT", w.target(key)+"?partNumber="+strconv.Itoa(i+1)+"&uploadId="+begun.UploadId, body)
			if !ok {
				// All processes may be starting, which takes a while on a busy machine.
				time.Sleep(time.Duration(try) * 50 * time.Millisecond)
				continue
			}
			if a.status != 200 {
				return fmt.Errorf("part of %q: %d %s", key, a.status, a.body)
			}
			tag = a.header.Get("ETag")
			break
		}
		if tag == "" {
			return errors.New("a part was not taken in 50 tries")
		}
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, tag)
	}
	a, ok = w.ask("POST", w.target(key)+"?uploadId="+begun.UploadId, []byte("<CompleteMultipartUpload>"+list.String()+"</CompleteMultipartUpload>"))
	w.l.uploads.Add(1)
	if ok && a.status == 200 && bytes.Contains(a.body, []byte("<Error>")) {
		ok = false // S3 may find out after it has begun to answer
	}
	return w.wrote(key, whole.Bytes(), a, ok)
}

// copy copies a key whose content is known.
func (w *writer) copy(to, from string) error {
	sum, has := w.sure[from]
	if !has || to == from {
		return nil
	}
	a, ok := w.ask("PUT", w.target(to), nil, "X-Amz-Copy-Source", w.target(from))
	w.l.copies.Add(1)
	if !ok {
		return w.wroteSum(to, sum)
	}
	if a.status != 200 {
		return fmt.Errorf("copy to %q: %d %s", to, a.status, a.body)
	}
	w.sure[to] = sum
	delete(w.doubt, to)
	return nil
}

// wroteSum is wrote for a write in doubt whose content is known by its sum.
func (w *writer) wroteSum(key string, sum [32]byte) error {
	old, has := w.sure[key]
	switch {
	case has:
		w.doubt[key] = [][32]byte{old, sum}
		delete(w.sure, key)
	case len(w.doubt[key]) == 0:
		w.doubt[key] = [][32]byte{{}, sum}
	default:
		w.doubt[key] = append(w.doubt[key], sum)
	}
	return nil
}

// list holds a listing against what must be there.
func (w *writer) list() error {
	a, ok := w.ask("GET", w.l.bucket+"?list-type=2&prefix="+url.QueryEscape(fmt.Sprintf("w%d/", w.n)), nil)
	if !ok {
		return nil
	}
	w.l.lists.Add(1)
	var page struct{ Contents []struct{ Key string } }
	if err := xml.Unmarshal(a.body, &page); err != nil || a.status != 200 {
		return fmt.Errorf("listing: %d %s", a.status, a.body)
	}
	listed := map[string]bool{}
	for i, o := range page.Contents {
		listed[o.Key] = true
		if _, sure := w.sure[o.Key]; !sure && len(w.doubt[o.Key]) == 0 {
			return fmt.Errorf("%q is listed, and was never written", o.Key)
		}
		if i > 0 && page.Contents[i-1].Key >= o.Key {
			return fmt.Errorf("%q is listed out of order", o.Key)
		}
	}
	for key := range w.sure {
		if !listed[key] {
			return fmt.Errorf("%q was acknowledged, and is not listed", key)
		}
	}
	return nil
}

// check reads everything again, when nothing is killed any more.
func (l *load) check(t *testing.T) {
	t.Helper()
	before := l.no.Load()
	for _, w := range l.clients {
		w.c.CloseIdleConnections()
		for i := range keys {
			if err := w.get(w.key(i)); err != nil {
				t.Error(err)
			}
		}
		if err := w.list(); err != nil {
			t.Error(err)
		}
	}
	// Environments that were killed last are found out one by one.
	if n := l.no.Load() - before; n > environments {
		t.Errorf("%d requests failed with everything at rest", n)
	}
}
