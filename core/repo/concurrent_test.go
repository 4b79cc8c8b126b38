package repo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// both gives two processes on the same stores.
func (l *lab) both() []*lab {
	l.Repo.state.hurry = false
	other := &Repo{
		Meta: l.Meta, Registry: l.Registry, Content: l.Content, Now: l.Now, InlineMax: l.InlineMax, Leeway: l.Leeway,
	}
	return []*lab{l, {Repo: other, meta: l.meta, content: l.content, bucket: l.bucket}}
}

// crowd runs n goroutines, spread over two processes.
func (l *lab) crowd(n int, do func(l *lab, i int)) { crowd(l.both(), n, do) }

func crowd(labs []*lab, n int, do func(l *lab, i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(labs[i%len(labs)], i) })
	}
	wg.Wait()
}

func TestManyWritersOfOneKey(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		const n = 64
		l.crowd(n, func(l *lab, i int) {
			if _, err := l.put("k", fmt.Sprint("body ", i)); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
		versions := l.versionsOf(t, "k")
		if want := map[bool]int{true: n, false: 1}[l.bucket.Versioning == catalog.VersioningEnabled]; len(versions) != want {
			t.Errorf("%d versions, want %d", len(versions), want)
		}
		l.audit(t, false)
	})
}

func TestOneWinner(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		for round := range 5 {
			var won atomic.Int32
			winner := ""
			key := strconv.Itoa(round)
			l.crowd(16, func(l *lab, i int) {
				body := fmt.Sprint("body ", i)
				_, err := l.put(key, body, ifNone)
				switch {
				case err == nil && won.Add(1) == 1:
					winner = body
				case err != nil && !errors.Is(err, s3err.PreconditionFailed):
					t.Errorf("writer %d: %v", i, err)
				}
			})
			if won.Load() != 1 {
				t.Fatalf("%d winners", won.Load())
			}
			l.wantBody(t, key, "", winner)
		}
	})
}

func TestCountingByIfMatch(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		const n, each = 8, 5
		l.mustPut(t, "k", "0")
		l.crowd(n, func(l *lab, i int) {
			for range each {
				for {
					h, err := l.Open(ctx, l.bucket, "k", "", true)
					if err != nil {
						t.Error(err)
						return
					}
					body, err := slurp(h)
					if err != nil {
						t.Error(err)
						return
					}
					count, _ := strconv.Atoi(body)
					_, err = l.put("k", strconv.Itoa(count+1), ifMatch(h.ETag))
					if err == nil {
						break
					}
					if !errors.Is(err, s3err.PreconditionFailed) {
						t.Error(err)
						return
					}
				}
			}
		})
		l.wantBody(t, "k", "", strconv.Itoa(n*each))
	})
}

// TestMixedCrowd lets writers put, delete, undelete and copy at once, and then
// looks whether the records make sense together.
func TestMixedCrowd(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		mixed(t, []*lab{l})
		l.coherent(t)
	})
}

func TestMixedCrowdOfTwoProcesses(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) { mixed(t, l.both()) })
}

func mixed(t *testing.T, labs []*lab) {
	t.Helper()
	crowd(labs, 12, func(l *lab, i int) {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		for n := range 25 {
			key := modelKeys[r.IntN(2)]
			err := l.anything(r, key, fmt.Sprint(i, ".", n))
			if err != nil && s3err.From(err).Status >= 500 && !errors.Is(err, s3err.SlowDown) {
				t.Error(err)
			}
		}
	})
	labs[0].settleAll(t)
	labs[0].audit(t, false)
}

func (l *lab) anything(r *rand.Rand, key, body string) error {
	switch r.IntN(6) {
	case 0:
		_, err := l.put(key, small(body))
		return err
	case 1:
		_, err := l.put(key, big(body))
		return err
	case 2:
		_, err := l.remove(key, "")
		return err
	case 3:
		h, err := l.Open(ctx, l.bucket, key, "", r.IntN(2) == 0)
		if err == nil {
			_, err = l.copy(h, modelKeys[r.IntN(2)])
		}
		return err
	case 4:
		_, err := l.Update(ctx, l.bucket, key, "", func(o *catalog.Object) error { o.Tags = []catalog.Tag{{Key: "a"}}; return nil })
		return err
	}
	list, err := l.ListVersions(ctx, l.bucket, ListInput{Prefix: key, Max: 4}, "")
	if err == nil && len(list.Entries) > 0 {
		e := list.Entries[r.IntN(len(list.Entries))]
		_, err = l.remove(e.Key, e.VersionID())
	}
	return err
}

// coherent checks that of each key at most one version is "null", that the
// current version is the newest, and that a key without one has a marker on top.
func (l *lab) coherent(t *testing.T) {
	t.Helper()
	for _, key := range modelKeys {
		others, err := l.newestVersions(ctx, l.bucket, key, 1000)
		if err != nil {
			t.Fatal(err)
		}
		cur, err := l.openCurrent(ctx, l.bucket, key, true)
		if err != nil {
			t.Fatal(err)
		}
		nulls := 0
		for _, v := range others {
			if v.object.Null {
				nulls++
			}
			if cur != nil && v.object.Ref.Seq >= cur.Ref.Seq {
				t.Errorf("%q: version %s is not older than the current one", key, v.object.VersionID())
			}
			if !v.object.DeleteMarker {
				l.wantBody(t, key, v.object.VersionID(), l.bodyOf(t, key, v.object.VersionID()))
			}
		}
		if cur != nil && cur.Null {
			nulls++
		}
		if nulls > 1 {
			t.Errorf("%q has %d null versions", key, nulls)
		}
		if cur == nil && len(others) > 0 && !others[0].object.DeleteMarker {
			t.Errorf("%q: its newest version %s is not current", key, others[0].object.VersionID())
		}
	}
}

func (l *lab) bodyOf(t *testing.T, key, versionID string) string {
	t.Helper()
	body, err := l.read(key, versionID, true)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
