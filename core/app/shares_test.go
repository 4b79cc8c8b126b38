package app

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// fill takes places until there are none to be had, and returns how many.
func fill(s *shares, account string) (n int) {
	for s.Take(account) {
		n++
	}
	return n
}

// TestShares lets no account take what others need, and one alone nearly all.
func TestShares(t *testing.T) {
	for _, c := range []struct {
		places int
		want   []int // what each of several gets who takes all he can
	}{
		{1, []int{1, 0}}, // too few to divide
		{2, []int{2, 0}},
		{10, []int{8, 2, 0}},
		{1024, []int{820, 164, 32, 7, 1}},
	} {
		s := newShares(c.places, func() {})
		for i, want := range c.want {
			if got := fill(s, fmt.Sprint("account ", i)); got != want {
				t.Errorf("%d places: account %d got %d, want %d", c.places, i, got, want)
			}
		}
	}
	// Two that come in turn get the same, and leave a ninth.
	refused := 0
	s := newShares(900, func() { refused++ })
	for a, b := true, true; a || b; {
		a, b = s.Take("a"), s.Take("b")
	}
	if a, b := s.held["a"], s.held["b"]; a != 400 || b != 400 || s.free != 100 || refused != 2 {
		t.Errorf("in turn: %d and %d, %d free, %d refused", a, b, s.free, refused)
	}
	for range 400 {
		s.Give("a")
		s.Give("b")
	}
	if s.free != 900 || len(s.held) != 0 {
		t.Errorf("given back: %d free, %v held", s.free, s.held)
	}
}

// TestOneAccountHoldsAllPlaces has somebody upload slowly as much as his share of
// the places allows. His next request is refused, others are served; once the
// uploads are over he is, too.
func TestOneAccountHoldsAllPlaces(t *testing.T) {
	const share = 8
	l := newLab(t, "--max-requests", "10")
	l.want("PUT", "/box/k", small, 200)
	places := l.Front.Shares.(*shares)
	var uploads sync.WaitGroup
	var ends []func()
	for i := range share {
		source, body := io.Pipe()
		r, err := http.NewRequest("PUT", fmt.Sprint(l.url, "/box/slow", i), source)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(small))
		sigv4.Sign(r, sigv4.Credentials{AccessKeyID: rootKey, SecretAccessKey: rootSecret}, "mucura", "UNSIGNED-PAYLOAD", time.Now())
		uploads.Go(func() {
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("slow upload: %s", resp.Status)
			}
		})
		ends = append(ends, func() { _, _ = io.WriteString(body, small) })
	}
	await := func(free int) { // an account holds places a little longer than its answers take
		t.Helper()
		for got := -1; got != free; time.Sleep(time.Millisecond) {
			places.mu.Lock()
			got = places.free
			places.mu.Unlock()
		}
	}
	await(10 - share)
	if a := l.do("GET", "/box/k", ""); a.status != 503 || a.code != "SlowDown" || a.header.Get("Retry-After") == "" {
		t.Errorf("beyond the share: %d %s %v", a.status, a.code, a.header)
	}
	resp, err := http.Get(l.url + "/box/k")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("somebody else: %s, want an answer of its own", resp.Status)
	}
	for _, end := range ends {
		end()
	}
	uploads.Wait()
	l.wantBody("/box/k", small)
	l.wantBody("/box/slow0", small)
	await(10)
	if len(places.held) != 0 {
		t.Errorf("afterwards: %v held", places.held)
	}
}
