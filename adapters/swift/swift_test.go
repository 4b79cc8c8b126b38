package swift

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// A content up to one segment costs one PUT, a read one GET, a deletion a
// HEAD and a DELETE.
func TestRequests(t *testing.T) {
	s, p := behindProxy(t, func(o *Options) { o.SegmentBytes = 4 << 20 })
	contenttest.Write(t, s, []byte("makes"), 5)
	for range 8 { // both containers
		contenttest.Write(t, s, []byte("x"), 5)
	}
	for _, c := range []struct {
		size int
		hint int64
	}{{0, 0}, {4 << 10, 4 << 10}, {4 << 10, -1}, {3 << 20, 3 << 20}, {3 << 20, -1}} {
		id, data := content.NewID(time.Now()), contenttest.Bytes(1, c.size)
		p.do(nil)
		w, err := s.Create(t.Context(), id, c.hint)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		wantContent(t, s, id, data)
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		path := "/v1/AUTH_test/" + s.container(id) + "/" + string(id)
		want := []string{"PUT " + path, "GET " + path, "HEAD " + path, "DELETE " + path}
		if c.size == 0 {
			want[1] = "HEAD " + path // a range of no bytes
		}
		if got := p.requests(); !slices.Equal(got, want) {
			t.Errorf("%d bytes, said to be %d: %q", c.size, c.hint, got)
		}
	}
}

// A store opened with another number of containers would not find its contents.
func TestContainersAreFixed(t *testing.T) {
	n := stack.Get(t)
	o := small(newPrefix())
	s := open(t, n.URL(), o)
	id := contenttest.Write(t, s, short(), 1<<20)
	o.Containers = 6
	if _, err := Open(t.Context(), n.URL(), o); err == nil || !strings.Contains(err.Error(), "5 containers") {
		t.Errorf("another number: %v", err)
	}
	if _, err := Open(t.Context(), n.URL()+"?containers=4", o); err == nil {
		t.Error("another number in the URL is accepted")
	}
	o.Containers = 0
	wantContent(t, open(t, n.URL(), o), id, short())
}

// Of processes that make the same store with other numbers at the same time, none
// writes into containers that the others will not look at.
func TestRacingLayouts(t *testing.T) {
	n := stack.Get(t)
	prefix := newPrefix()
	var mu sync.Mutex
	var ids []content.ID
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			o := small(prefix)
			o.Containers = 2 + i
			s, err := Open(context.Background(), n.URL(), o)
			if err != nil {
				return
			}
			defer s.Close()
			id := content.NewID(time.Now())
			if write(s, id, short()) == nil {
				mu.Lock()
				ids = append(ids, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	o := small(prefix)
	o.Containers = 0
	s := open(t, n.URL(), o)
	for _, id := range ids {
		wantContent(t, s, id, short())
	}
}

// Many long uploads at once share the memory there is, and all are stored whole.
func TestBudget(t *testing.T) {
	const writers = 24
	n := stack.Get(t)
	o := small(newPrefix())
	o.SegmentBytes, o.BufferBytes = 2<<20, 4<<20
	s := open(t, n.URL(), o)
	data := contenttest.Bytes(5, 5_000_000)
	var wg sync.WaitGroup
	ids := make([]content.ID, writers)
	for i := range writers {
		wg.Go(func() {
			ids[i] = content.NewID(time.Now())
			if err := write(s, ids[i], data[i*1000:]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most := o.BufferBytes + writers<<20; s.budget.peak > most || s.budget.taken != 0 {
		t.Errorf("%d bytes of %d were taken at once, %d are now", s.budget.peak, most, s.budget.taken)
	}
	for i, id := range ids {
		wantContent(t, s, id, data[i*1000:])
	}
}

// A deletion takes the segments with it, those of an upload that was never
// committed included.
func TestDeleteTakesSegments(t *testing.T) {
	s, _ := behindProxy(t, nil)
	id := contenttest.Write(t, s, contenttest.Bytes(6, 1_000_000), 1<<20)
	crashed := content.NewID(time.Now())
	w, err := s.Create(t.Context(), crashed, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(contenttest.Bytes(7, 1_000_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.(*writer).sent(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []content.ID{id, crashed} {
		if page := segmentsOf(t, s, id); len(page) == 0 {
			t.Error("there are no segments")
		}
		if err := s.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
		if page := segmentsOf(t, s, id); len(page) != 0 {
			t.Errorf("%d segments stay", len(page))
		}
		wantAbsent(t, s, id)
	}
	if err := w.Commit(); err == nil {
		t.Error("a content whose segments were deleted is committed")
	}
	wantAbsent(t, s, crashed)
	wantClean(t, s)
}

func segmentsOf(t *testing.T, s *Store, id content.ID) []entry {
	t.Helper()
	page, err := s.list(t.Context(), s.container(id), segmentPrefix(id), segmentPrefix(id)+"~", 7)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// Clean keeps what a listing that lags seems to make rubbish, and looks again
// at uploads that were going on.
func TestCleanAsksForTheObject(t *testing.T) {
	s, p := behindProxy(t, nil)
	id := contenttest.Write(t, s, long(), 1<<20)
	// Swift denies the object, but lists it.
	p.times(1000, http.MethodHead, string(id), harm{status: 404})
	wantClean(t, s)
	// It has the object, but does not list it.
	again := open(t, stack.Get(t).URLAt(p.addr()), s.opts)
	p.times(1000, http.MethodGet, "&marker="+string(id[:31]), harm{status: 204})
	wantClean(t, again)
	if n := p.count("HEAD"); n != 1 {
		t.Errorf("%d HEADs, want 1", n)
	}
	p.do(nil)
	wantContent(t, s, id, long())

	// An upload that began long ago, and whose segment was stored just now.
	again = open(t, stack.Get(t).URLAt(p.addr()), s.opts)
	crashed := content.NewID(time.Now().Add(-48 * time.Hour))
	if err := again.put(t.Context(), again.container(crashed), segmentName(crashed, 0), filled(again, short()), md5.Sum(short())); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if files, _, err := again.Clean(t.Context(), time.Now().Add(-24*time.Hour)); files != 0 || err != nil {
			t.Errorf("freed %d: %v", files, err)
		}
	}
	if files, size, err := again.Clean(t.Context(), time.Now().Add(time.Minute)); files != 1 || size != 50_000 || err != nil {
		t.Errorf("freed %d segments, %d bytes: %v", files, size, err)
	}
}

// A long content is asked for once in the life of a store, not at every Clean.
func TestCleanAsksOnce(t *testing.T) {
	s, p := behindProxy(t, nil)
	id := content.NewID(time.Now().Add(-48 * time.Hour))
	if err := write(s, id, long()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		p.do(nil)
		wantClean(t, s)
		asked := 0
		for _, r := range p.requests() {
			if strings.Contains(r, "&marker="+string(id[:31])) {
				asked++
			}
		}
		if asked != want {
			t.Errorf("asked %d times, want %d", asked, want)
		}
	}
}

// Clean finds what was never committed among many contents, in pages of the
// listings, and asks for no other object.
func TestCleanAmongMany(t *testing.T) {
	s, p := behindProxy(t, nil)
	const contents = 40
	begin := time.Now().Add(-48 * time.Hour)
	var kept []content.ID
	for i := range contents {
		id := content.NewID(begin.Add(time.Duration(i) * time.Minute))
		if i%4 > 0 {
			if err := write(s, id, long()); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, id)
			continue
		}
		for n := range 2 {
			if err := s.put(t.Context(), s.container(id), segmentName(id, n), filled(s, short()), md5.Sum(short())); err != nil {
				t.Fatal(err)
			}
		}
	}
	fresh := open(t, stack.Get(t).URLAt(p.addr()), s.opts)
	p.do(nil)
	if files, size, err := fresh.Clean(t.Context(), time.Now().Add(time.Minute)); files != contents/4*2 || size != contents/4*2*50_000 || err != nil {
		t.Errorf("freed %d segments, %d bytes: %v", files, size, err)
	}
	if n := p.count("HEAD"); n != contents/4 {
		t.Errorf("%d HEADs, want %d", n, contents/4)
	}
	// Pages have seven lines; there are 2 or 3 segments of each content.
	if n := p.count("GET"); n > contents*3/7+contents/7+10 {
		t.Errorf("%d listings", n)
	}
	for _, id := range kept {
		wantContent(t, fresh, id, long())
	}
	wantClean(t, open(t, stack.Get(t).URLAt(p.addr()), s.opts))
}

// What one container cannot do ends the others, and is told.
func TestCleanFails(t *testing.T) {
	s, p := behindProxy(t, func(o *Options) { o.attempts = 2 })
	p.do(func(r *http.Request) *harm {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, s.containerAt(1)) {
			return &harm{status: 503}
		}
		return nil
	})
	if _, _, err := s.Clean(t.Context(), time.Now()); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("Clean: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, _, err := s.Clean(ctx, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without time: %v", err)
	}
}

func filled(s *Store, data []byte) *buffer {
	b := &buffer{budget: s.budget}
	for len(data) > 0 {
		b.grow(int64(len(data)), true)
		data = data[b.append(data):]
	}
	return b
}

// Anybody can read at a signed URL, for a time, and do nothing else.
func TestSignedURL(t *testing.T) {
	n := stack.Get(t)
	o := small(newPrefix())
	if _, err := open(t, n.URL(), o).SignedURL(t.Context(), content.NewID(time.Now()), http.MethodGet, time.Minute); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a key: %v", err)
	}
	o.TempURLKey = "first"
	first := open(t, n.URL(), o)
	o.TempURLKey = "second"
	second := open(t, n.URL(), o)
	for _, data := range [][]byte{short(), long()} {
		id := contenttest.Write(t, first, data, 1<<20)
		for _, s := range []*Store{first, second, first} { // the older key stays good
			u, err := s.SignedURL(t.Context(), id, http.MethodGet, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if code, b := fetch(t, http.MethodGet, u); code != 200 || !bytes.Equal(b, data) {
				t.Errorf("GET: %d, %d bytes", code, len(b))
			}
			if code, _ := fetch(t, http.MethodDelete, u); code != 401 {
				t.Errorf("DELETE at a URL for GET: %d", code)
			}
			if code, _ := fetch(t, http.MethodGet, strings.Replace(u, string(id), string(content.NewID(time.Now())), 1)); code != 401 {
				t.Errorf("another content: %d", code)
			}
		}
	}
	id := content.NewID(time.Now())
	first.opts.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	if u, err := first.SignedURL(t.Context(), id, http.MethodGet, time.Minute); err != nil {
		t.Error(err)
	} else if code, _ := fetch(t, http.MethodGet, u); code != 401 {
		t.Errorf("expired: %d", code)
	}
	for _, c := range []struct {
		method string
		ttl    time.Duration
	}{{"PUT", time.Minute}, {"GET", 0}, {"GET", 8 * 24 * time.Hour}} {
		if _, err := second.SignedURL(t.Context(), id, c.method, c.ttl); err == nil {
			t.Errorf("%s for %s is signed", c.method, c.ttl)
		}
	}
	if _, err := second.SignedURL(t.Context(), "../x", "GET", time.Minute); err == nil {
		t.Error("a malformed ID is signed")
	}
}

func fetch(t *testing.T, method, url string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

// A container's quota is a full store: nothing is kept, and reads go on.
func TestQuota(t *testing.T) {
	n := stack.Get(t)
	o := small(newPrefix())
	o.Containers = 1
	s := open(t, n.URL(), o)
	kept := contenttest.Write(t, s, short(), 1<<20)
	if _, err := s.succeed(t.Context(), &request{method: http.MethodPost, container: s.containerAt(0),
		header: map[string]string{"X-Container-Meta-Quota-Bytes": "60000"}}); err != nil {
		t.Fatal(err)
	}
	// Proxies keep what they know of a container in memory for a while.
	if err := n.RevokeTokens(); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{short(), long()} {
		id := content.NewID(time.Now())
		if err := write(s, id, data); !errors.Is(err, content.ErrFull) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
		wantAbsent(t, s, id)
	}
	wantContent(t, s, kept, short())
	wantClean(t, s)
}

// Walk merges containers of very different lengths, from any ID.
func TestWalkPages(t *testing.T) {
	n := stack.Get(t)
	s := open(t, n.URL(), small(newPrefix()))
	var ids []content.ID
	for i := range 31 {
		id := content.NewID(time.Unix(int64(i%7), 0))
		if err := write(s, id, []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for i := range ids {
		var got []content.ID
		if err := s.Walk(t.Context(), ids[i], func(c content.Info) error { got = append(got, c.ID); return nil }); err != nil || !slices.Equal(got, ids[i:]) {
			t.Fatalf("from the %dth: %d of %d: %v", i, len(got), len(ids)-i, err)
		}
	}
}

// Errors name the request and Swift's transaction, and no secret.
func TestErrorsTellNoSecret(t *testing.T) {
	s, p := behindProxy(t, func(o *Options) { o.attempts = 1 })
	p.times(100, http.MethodPut, "/t", harm{status: 503, header: http.Header{"X-Trans-Id": {"tx123"}}})
	err := write(s, content.NewID(time.Now()), short())
	if err == nil || !strings.Contains(err.Error(), "tx123") {
		t.Errorf("no transaction: %v", err)
	}
	noSecret(t, fmt.Sprint(err))
	if tok := s.session.current.Load().value; strings.Contains(fmt.Sprint(err), tok) {
		t.Error("the token is in an error")
	}
	p.times(100, http.MethodGet, "/auth", harm{reset: true})
	stack.Get(t).RevokeTokens()
	err = s.Ping(t.Context())
	if !errors.Is(err, content.ErrUnavailable) {
		t.Error(err)
	}
	noSecret(t, fmt.Sprint(err))
}
