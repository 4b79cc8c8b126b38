package sweep

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/weak"
)

// lagging is the grade whose scans show the past.
func lagging(t *testing.T) weak.Grade {
	t.Helper()
	for _, g := range weak.Large() {
		if g.Lag > 0 {
			g.Caps.ScanLag = g.Lag
			return g
		}
	}
	t.Fatal("there is no such grade")
	return weak.Grade{}
}

// TestLaggingScansLoseNothing has versions move between records, past scans
// that show the past, while intents and releases of their contents come due: no
// content in use may be freed.
func TestLaggingScansLoseNothing(t *testing.T) {
	for seed := range 20 {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, lagging(t))
			b := l.newBucket("versions", catalog.VersioningEnabled)
			rnd := rand.New(rand.NewPCG(uint64(seed), 1))
			for round := range 8 {
				for i := range 4 {
					l.put(b, fmt.Sprint("k", rnd.IntN(3)), big(fmt.Sprint("body", seed, round, i)))
				}
				if rnd.IntN(2) == 0 {
					l.remove(b, fmt.Sprint("k", rnd.IntN(3)), "")
				}
				// What was written a leeway ago is looked at while the same keys
				// have just been written again.
				time.Sleep(leeway / time.Duration(1+rnd.IntN(2)))
				l.put(b, fmt.Sprint("k", rnd.IntN(3)), big(fmt.Sprint("moves", seed, round)))
				if rnd.IntN(2) == 0 {
					l.remove(b, fmt.Sprint("k", rnd.IntN(3)), "")
				}
				l.sweep()
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestLaggingScansLeaveNothing sees that what is released on such a store is freed
// all the same.
func TestLaggingScansLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, lagging(t))
		b := l.newBucket("versions", catalog.VersioningEnabled)
		for i := range 3 {
			l.put(b, "k", big(fmt.Sprint(i)))
			time.Sleep(time.Hour)
		}
		l.remove(b, "k", "")
		time.Sleep(time.Hour)
		for len(l.versions(b, "k")) > 0 {
			l.remove(b, "k", l.versions(b, "k")[0])
			time.Sleep(time.Hour)
		}
		l.later()
		l.wantNothing(b)
	})
}

// TestUnwalkedStores has a writer die after each step of a large upload, on
// content stores that are never walked: in the end nothing is left, and no walk
// was made.
func TestUnwalkedStores(t *testing.T) {
	for _, g := range largeGrades() {
		t.Run(g.Caps.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, g)
				for n := 1; ; n++ {
					if !l.putKilled(n) {
						break
					}
				}
				l.empty(l.bucket)
				l.later()
				l.wantNothing(l.bucket)
				if l.weak.Walks() > 0 {
					t.Errorf("walked %d times", l.weak.Walks())
				}
				l.rubbish(2)
				l.later()
				l.wantNothing(l.bucket)
				if l.weak.Walks() == 0 {
					t.Error("not walked when asked to")
				}
			})
		})
	}
}

// putKilled uploads in pieces, and copies, and dies before the n-th call to a
// store. It tells whether there were so many.
func (l *lab) putKilled(n int) (killed bool) {
	l.Helper()
	l.hook.set(func(string, meta.Partition, string) error {
		if n--; n <= 0 {
			killed = true
			return errDead
		}
		return nil
	})
	defer l.hook.set(nil)
	in := repo.PutObjectInput{Bucket: l.bucket, Key: "k", Size: -1, Body: strings.NewReader(big("put")), Object: catalog.Object{Owner: "ana"}}
	if _, err := l.PutObject(ctx, in); err != nil {
		return killed
	}
	u, err := l.CreateUpload(ctx, repo.CreateUploadInput{Bucket: l.bucket, Key: "m", Initiator: "ana", Object: catalog.Object{Owner: "ana"}})
	if err != nil {
		return killed
	}
	p, err := l.UploadPart(ctx, repo.UploadPartInput{Bucket: l.bucket, Key: "m", UploadID: u.ID, Number: 1, Size: -1, Body: strings.NewReader(big("part"))})
	if err != nil {
		return killed
	}
	_, _ = l.CompleteUpload(ctx, repo.CompleteUploadInput{Bucket: l.bucket, Key: "m", UploadID: u.ID, Parts: []repo.CompletedPart{{Number: 1, ETag: p.ETag}}})
	return killed
}
