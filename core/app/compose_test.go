package app

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/fsck"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/weak"
)

// process is one server of several on the same stores.
func process(t *testing.T, stores *Stores) *lab {
	t.Helper()
	c, _, err := config.Parse("serve", []string{"--data", t.TempDir(), "--inline-max", "1KiB", "--min-free", "0"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := stores.Check(c); err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, log: new(lockedBuffer)}
	l.App = New(c, stores, obs.NewLog(l.log, "debug"))
	if _, _, _, err := l.Accounts.EnsureRoot(context.Background(), rootKey, rootSecret); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(l.App)
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// TestComposition puts every grade of metadata store together with either kind of
// content store and a registry apart, and three processes on each: they see each
// other's writes at once, one of them wins a condition, and what they leave is
// whole.
func TestComposition(t *testing.T) {
	grades := append(weak.Large(), weak.Grade{Caps: meta.Capabilities{Name: "everything", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10}})
	contents := map[string]func() content.Store{
		"walked":   func() content.Store { return mem.NewContent() },
		"unwalked": func() content.Store { return weak.NewContent(mem.NewContent()) },
	}
	for _, g := range grades {
		for name, newContent := range contents {
			t.Run(g.Caps.Name+"/"+name, func(t *testing.T) {
				if g.Lag > 0 {
					g.Lag, g.Caps.ScanLag = 20*time.Millisecond, 50*time.Millisecond
				}
				stores := func() *Stores {
					return &Stores{Meta: g.Over(mem.NewMeta()), Registry: mem.NewMeta(), Content: newContent(), SiteKey: make([]byte, 32)}
				}
				compose(t, stores(), g.Caps)
			})
		}
	}
}

func compose(t *testing.T, stores *Stores, caps meta.Capabilities) {
	servers := []*lab{process(t, stores), process(t, stores), process(t, stores)}
	servers[0].want("PUT", "/box", "", 200)
	for i, body := range []string{small, large} {
		path := fmt.Sprint("/box/k", i)
		servers[i].want("PUT", path, body, 200)
		for _, s := range servers {
			s.wantBody(path, body)
		}
		servers[2].want("DELETE", path, "", 204)
		servers[0].want("GET", path, "", 404)
	}
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			a := servers[i%3].do("PUT", "/box/once", fmt.Sprint(i), "If-None-Match", "*")
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	wg.Wait()
	want := map[int]int{200: 1, 412: 8}
	if caps.CAS == meta.None {
		want = map[int]int{501: 9}
	}
	if fmt.Sprint(statuses) != fmt.Sprint(want) {
		t.Errorf("answers to writers of which one may win: %v, want %v", statuses, want)
	}
	for i, s := range servers {
		wg.Go(func() { s.busy(rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	wg.Wait()
	time.Sleep(caps.ScanSettles())
	c := &fsck.Checker{Repo: servers[0].Repo, Now: time.Now, ReadData: true, Problem: func(p fsck.Problem) { t.Error(p) }}
	if rep, err := c.Run(context.Background()); err != nil || rep.Versions == 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// busy writes to keys that others write to as well, and wants whole answers.
func (l *lab) busy(rnd *rand.Rand) {
	for n := range 40 {
		path := fmt.Sprint("/box/busy", rnd.IntN(4))
		switch rnd.IntN(4) {
		case 0:
			if a := l.do("DELETE", path, ""); a.status != 204 {
				l.Errorf("DELETE %s: %d %s", path, a.status, a.code)
			}
		case 1:
			a := l.do("GET", path, "")
			if a.status != 404 && (a.status != 200 || len(a.body)%3 != 0 || !bytes.Equal([]byte(a.body), bytes.Repeat([]byte(a.body[:3]), len(a.body)/3))) {
				l.Errorf("GET %s: %d %s, %d bytes", path, a.status, a.code, len(a.body))
			}
		default:
			body := bytes.Repeat(fmt.Appendf(nil, "%03d", n), []int{1, 2000}[rnd.IntN(2)])
			if a := l.do("PUT", path, string(body)); a.status != 200 {
				l.Errorf("PUT %s: %d %s", path, a.status, a.code)
			}
		}
	}
}
