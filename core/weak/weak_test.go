package weak_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
	"github.com/mucura/mucura/core/weak"
)

// TestMeta runs the port's conformance suite on each grade.
func TestMeta(t *testing.T) {
	for _, g := range weak.Large() {
		if g.Lag > 0 {
			g.Lag = 10 * time.Millisecond
			g.Caps.ScanLag = time.Second
		}
		t.Run(g.Caps.Name, func(t *testing.T) {
			metatest.Run(t, metatest.Options{Open: func(*testing.T) meta.Store { return g.Over(mem.NewMeta()) }})
		})
	}
}

func TestContent(t *testing.T) {
	contenttest.Run(t, contenttest.Options{
		Open:   func(*testing.T) content.Store { return weak.NewContent(mem.NewContent()) },
		Reopen: func(_ *testing.T, s content.Store) content.Store { return s },
	})
}

// TestLag sees that scans show the past, page by page, and reads the present.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := weak.Grade{Caps: meta.Capabilities{MaxValue: meta.MinValue}, Lag: time.Minute}.Over(mem.NewMeta())
		ctx := t.Context()
		put := func(key, value string) {
			if _, err := m.Put(ctx, "p", key, meta.Record{Value: []byte(value)}, meta.Always); err != nil {
				t.Fatal(err)
			}
		}
		want := func(want string) {
			t.Helper()
			for _, limit := range []int{1, 2, 1000} {
				got, from := "", ""
				for more := true; more; {
					page, err := m.Scan(ctx, "p", meta.Range{From: from, Limit: limit, WithValue: true})
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range page.Entries {
						got += e.Key + string(e.Record.Value) + " "
						from = meta.Next(e.Key)
					}
					more = page.More
				}
				if got != want {
					t.Errorf("limit %d: %q, want %q", limit, got, want)
				}
			}
		}
		for i := range 3 {
			put(strconv.Itoa(i), "a")
		}
		want("")
		time.Sleep(time.Minute)
		want("0a 1a 2a ")
		put("1", "b")
		put("3", "b")
		if err := m.Delete(ctx, "p", "0", meta.Always); err != nil {
			t.Fatal(err)
		}
		put("1", "c")
		want("0a 1a 2a ")
		if r, err := m.Get(ctx, "p", "1", false); err != nil || string(r.Value) != "c" {
			t.Errorf("read %q, %v", r.Value, err)
		}
		time.Sleep(time.Minute)
		want("1c 2a 3b ")
	})
}
