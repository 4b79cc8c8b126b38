package sweep

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
)

// mess fills the lab with work for every job. It returns the bodies that must
// stay readable, by key of the lab's bucket, and another bucket in use.
func (l *lab) mess() (stays map[string]string, versions *catalog.Bucket) {
	l.Helper()
	stays = map[string]string{}
	keep := func(key, body string) { l.put(l.bucket, key, body); stays[key] = body }
	keep("plain", big("plain"))
	keep("inline", "inline")
	l.put(l.bucket, "over", big("overwritten"))
	keep("over", big("over"))
	l.put(l.bucket, "source", big("shared"))
	l.copy(l.open(l.bucket, "source", ""), l.bucket, "copy")
	stays["copy"] = big("shared")
	u := l.begin(l.bucket, "of-parts")
	l.complete(l.bucket, "of-parts", u, l.copyPart(l.open(l.bucket, "source", ""), 0, int64(len(big("shared"))), l.bucket, "of-parts", u, 1))
	stays["of-parts"] = big("shared")
	l.remove(l.bucket, "source", "")
	aborted := l.begin(l.bucket, "aborted")
	l.part(l.bucket, "aborted", aborted, 1, big("aborted"))
	l.must(l.meta.Delete(ctx, catalog.InBucket(l.bucket.ID), catalog.UploadKey("aborted", aborted.ID), meta.Always))
	twice := l.begin(l.bucket, "twice")
	l.part(l.bucket, "twice", twice, 1, big("first try"))
	l.complete(l.bucket, "twice", twice, l.part(l.bucket, "twice", twice, 1, big("second try")))
	stays["twice"] = big("second try")

	versions = l.newBucket("versions", catalog.VersioningEnabled)
	versions = l.rules(versions,
		"<Filter><Prefix>old</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>",
		"<Filter><Prefix>gone</Prefix></Filter><Expiration><Days>1</Days></Expiration>")
	l.put(versions, "old", big("old"))
	l.put(versions, "old", big("new"))
	l.put(versions, "gone", big("gone"))
	l.put(versions, "marked", big("marked"))
	l.remove(versions, "marked", "")

	dropped := l.newBucket("dropped", catalog.Unversioned)
	l.part(dropped, "up", l.begin(dropped, "up"), 1, big("of a dropped bucket"))
	l.must(l.DeleteBucket(ctx, dropped.Name))
	l.rubbish(2)
	l.leaveLease()
	return stays, versions
}

// leaveLease leaves what a process does that dies with a lease.
func (l *lab) leaveLease() {
	l.Helper()
	alive := l.Repo.Quota
	l.Repo.Quota = &quota.Keeper{Registry: l.registry, Now: time.Now, Process: "dead"}
	l.put(l.bucket, "plain", big("plain"))
	l.Repo.Quota = alive
}

func (l *lab) wantBodies(stays map[string]string) {
	l.Helper()
	for key, want := range stays {
		if got := l.read(l.bucket, key, ""); got != want {
			l.Errorf("%s: read %q, want %q", key, got, want)
		}
	}
}

// clear deletes everything and sees that the sweeper leaves nothing.
func (l *lab) clear(stays map[string]string, versions *catalog.Bucket) {
	l.Helper()
	l.later()
	l.wantBodies(stays)
	if u := l.usage(); u.Bytes != l.size(l.bucket)+l.size(versions) {
		l.Errorf("usage %+v, really %d", u, l.size(l.bucket)+l.size(versions))
	}
	l.empty(l.bucket)
	l.empty(versions)
	l.later()
	l.wantNothing(l.bucket, versions)
	if u := l.usage(); u.Bytes != 0 || u.Objects != 0 {
		l.Errorf("usage at the end %+v", u)
	}
}

// size adds up a bucket's versions.
func (l *lab) size(b *catalog.Bucket) (n int64) {
	l.Helper()
	list, err := l.ListVersions(ctx, b, repo.ListInput{Max: 1000}, "")
	l.must(err)
	for _, e := range list.Entries {
		n += e.Size
	}
	return n
}

// TestKilledAtEveryCall kills the sweeper before each of its calls to a store in
// turn, in several runs that are a leeway apart, and lets another one go on.
func TestKilledAtEveryCall(t *testing.T) {
	for _, g := range grades {
		t.Run(g.Caps.Name, func(t *testing.T) {
			n := 1
			for ended := false; !ended; n += 3 {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, g)
					stays, versions := l.mess()
					ended = true
					for run := range 4 { // also in the runs in which the jobs of the one before go on
						time.Sleep(leeway + time.Minute)
						ended = !l.runKilled(n+run%3) && ended
					}
					l.wantBodies(stays)
					l.clear(stays, versions)
				})
				if t.Failed() {
					t.Fatalf("killed at call %d", n)
				}
			}
			t.Logf("killed at each of %d calls", n)
		})
	}
}

// runKilled runs the sweeper and kills it before its n-th call. It tells whether
// there were so many.
func (l *lab) runKilled(n int) (killed bool) {
	l.Helper()
	var calls atomic.Int64
	l.hook.set(func(string, meta.Partition, string) error {
		if calls.Add(1) >= int64(n) {
			return errDead
		}
		return nil
	})
	_, err := l.sweeper.Run(ctx)
	killed = calls.Load() >= int64(n)
	if err != nil && !killed {
		l.Error(err)
	}
	l.hook.set(nil)
	l.audit()
	return killed
}

// TestManySweepersAndWriters runs sweepers of two processes beside each other
// and beside writers.
func TestManySweepersAndWriters(t *testing.T) {
	onGrades(t, func(l *lab) {
		stays, versions := l.mess()
		second := l.other()
		rounds := 6
		if l.grade.Caps.Name == "riak" {
			rounds = 2 // each request there is one of HTTP
		}
		for round := range rounds {
			time.Sleep(leeway/2 + time.Minute)
			var wg sync.WaitGroup
			for _, s := range []*Sweeper{l.sweeper, second.sweeper, l.sweeper} {
				wg.Go(func() {
					if _, err := s.Run(ctx); err != nil {
						l.Errorf("round %d: %v", round, err)
					}
				})
			}
			for i, at := range []*lab{l, second, l, second} {
				wg.Go(func() { at.write(versions, rand.New(rand.NewPCG(uint64(round), uint64(i)))) })
			}
			wg.Wait()
			l.audit()
		}
		l.wantBodies(stays)
		l.clear(stays, versions)
	})
}

// write changes what a crowd of clients changes.
func (l *lab) write(b *catalog.Bucket, rnd *rand.Rand) {
	for range 30 {
		time.Sleep(time.Duration(rnd.IntN(1000)) * time.Microsecond)
		key := fmt.Sprint("crowd-", rnd.IntN(3))
		in := repo.PutObjectInput{Bucket: b, Key: key, Size: -1}
		switch rnd.IntN(5) {
		case 0, 1:
			in.Body = strings.NewReader(big(fmt.Sprint(rnd.Uint64())))
			_, _ = l.PutObject(ctx, in)
		case 2:
			_, _ = l.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: key, Owner: "ana"})
		case 3:
			if ids := l.versions(b, key); len(ids) > 0 {
				_, _ = l.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: key, VersionID: ids[rnd.IntN(len(ids))]})
			}
		case 4:
			if h, err := l.Open(ctx, b, key, "", true); err == nil {
				_, _ = l.CopyObject(ctx, repo.CopyInput{Source: h, Bucket: b, Key: fmt.Sprint("crowd-", rnd.IntN(3)), Object: catalog.Object{Owner: "ana"}})
			}
		}
	}
}

// TestReportIsHonest: a run that finds nothing to do says so.
func TestReportIsHonest(t *testing.T) {
	onGrades(t, func(l *lab) {
		if rep := l.sweep(); !rep.Idle() {
			l.Errorf("empty: %+v", rep)
		}
		stays, _ := l.mess()
		time.Sleep(2*leeway + time.Hour)
		if rep := l.sweep(); rep.Idle() {
			l.Errorf("found nothing: %+v", rep)
		}
		l.later()
		l.wantBodies(stays)
		if rep := l.sweep(); !rep.Idle() {
			l.Errorf("again: %+v", rep)
		}
	})
}
