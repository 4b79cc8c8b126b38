package repo

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// counting counts the calls to a store.
type counting struct {
	meta.Store
	n map[string]int
}

func (c counting) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	c.n[fmt.Sprint("get body=", withBody)]++
	return c.Store.Get(ctx, p, key, withBody)
}

func (c counting) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	c.n["put"]++
	return c.Store.Put(ctx, p, key, r, cond)
}

func (c counting) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	c.n["delete"]++
	return c.Store.Delete(ctx, p, key, cond)
}

func (c counting) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	c.n["scan"]++
	return c.Store.Scan(ctx, p, r)
}

func (c counting) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	c.n["batch"]++
	return c.Store.Batch(ctx, p, ops)
}

// TestCalls holds down what an operation asks of the catalogue.
func TestCalls(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		c := counting{l.meta, map[string]int{}}
		l.Meta = c
		check := func(what string, want map[string]int, do func()) {
			t.Helper()
			clear(c.n)
			do()
			if !maps.Equal(c.n, want) {
				t.Errorf("%s: %v, want %v", what, c.n, want)
			}
		}
		caps := l.meta.Capabilities()
		// A body that becomes a content costs one put more where that cannot be
		// walked; the commit then is a batch, if there are any.
		inline := map[string]int{"get body=false": 1, "put": 1}
		stored := inline
		if !isSmall(caps) {
			stored = map[string]int{"get body=false": 1, "put": 2}
			if caps.Batch {
				stored = map[string]int{"get body=false": 1, "put": 1, "batch": 1}
			}
		}
		small := inline
		if caps.MaxInline < len("other") {
			small = stored
		}
		check("first put", small, func() { l.mustPut(t, "k", "body") })
		check("small put over small", small, func() { l.mustPut(t, "k", "other") })
		get := map[string]int{"get body=true": 1}
		check("get", get, func() {
			h, err := l.Open(ctx, l.bucket, "k", "", true)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := slurp(h); err != nil {
				t.Fatal(err)
			}
		})
		check("head", map[string]int{"get body=false": 1}, func() { l.mustOpen(t, "k", "") })
		if caps.MaxInline >= len("other") {
			check("delete", map[string]int{"get body=false": 1, "delete": 1}, func() { l.mustRemove(t, "k", "") })
		} else {
			l.mustRemove(t, "k", "")
		}
		if caps.CAS == meta.Linearizable && caps.MaxInline >= len("other") {
			for i := range surelyNew {
				l.mustPut(t, fmt.Sprint("new", i), "body")
			}
			check("small put of another new key", map[string]int{"put": 1}, func() { l.mustPut(t, "new", "body") })
			check("small put over small after new keys", map[string]int{"get body=false": 1, "put": 2}, func() { l.mustPut(t, "new", "other") })
			check("small put over small", inline, func() { l.mustPut(t, "new", "body") })
		}
		if caps.CAS == meta.Linearizable && caps.MaxInline >= len("other") {
			src := l.mustOpen(t, "new", "")
			l.mustPut(t, "new0", "over") // the next is not expected to be new
			copyTo := func(key string) func() {
				return func() {
					if _, err := l.CopyObject(ctx, CopyInput{Source: src, Bucket: l.bucket, Key: key}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i := range surelyNew {
				copyTo(fmt.Sprint("copy", i))()
			}
			check("copy to a new key", map[string]int{"put": 1}, copyTo("copy"))
			check("copy to itself", inline, copyTo("new"))
		}
		check("big put", stored, func() { l.mustPut(t, "k", big("body")) })
		if caps.Batch {
			over := map[string]int{"get body=false": 1, "batch": 1}
			if !isSmall(caps) {
				over["put"] = 1
			}
			check("big put over big", over, func() { l.mustPut(t, "k", big("other")) })
		}
	})
}

func BenchmarkPut4KiB(b *testing.B) {
	l := newLab(b, stores[0])
	l.InlineMax = 64 << 10
	body := strings.Repeat("x", 4096)
	b.ReportAllocs()
	for b.Loop() {
		l.mustPut(b, "k", body)
	}
}

func BenchmarkOpen4KiB(b *testing.B) {
	l := newLab(b, stores[0])
	l.InlineMax = 64 << 10
	l.mustPut(b, "k", strings.Repeat("x", 4096))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Open(ctx, l.bucket, "k", "", true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut16MiB(b *testing.B) {
	l := newLab(b, meta.Capabilities{CAS: meta.Linearizable, Batch: true, MaxInline: 64 << 10})
	body := strings.Repeat("x", 16<<20)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		o := l.mustPut(b, "k", body)
		if err := l.content.Delete(ctx, o.Segments[0].ID); err != nil {
			b.Fatal(err)
		}
	}
}
