package sweep

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

// slow makes each call of a store take some time, and counts calls.
func (l *lab) slow(d time.Duration) (calls *atomic.Int64) {
	calls = new(atomic.Int64)
	l.hook.set(func(string, meta.Partition, string) error {
		calls.Add(1)
		time.Sleep(d)
		return nil
	})
	return calls
}

// inSlices runs a job a budget at a time until it has come to its end.
func (l *lab) inSlices(job string, budget time.Duration) (sum Report, slices int) {
	l.Helper()
	for slices = 1; slices < 1000; slices++ {
		begun := time.Now()
		rep, more, err := l.sweeper.RunJob(ctx, job, budget)
		if err != nil {
			l.Fatalf("%s, slice %d: %v", job, slices, err)
		}
		if took := time.Since(begun); took > budget+Grace(budget)+time.Second {
			l.Errorf("%s, slice %d took %v of %v", job, slices, took, budget)
		}
		sum.Add(&rep)
		if !more {
			return sum, slices
		}
	}
	l.Fatalf("%s finds no end", job)
	return
}

// TestJobsInSlices gives each job a small part of the time it needs, again and
// again: what they do together must be what one run does.
func TestJobsInSlices(t *testing.T) {
	const budget = 200 * time.Millisecond // a few calls; the longest step takes less than Grace
	for _, job := range []string{"lifecycle", "pending", "uploads", "releases", "usage", "closed"} {
		t.Run(job, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				prepare := func() *lab {
					l := newLab(t, grades[1])
					l.manyThings()
					return l
				}
				whole := prepare()
				want, more, err := whole.sweeper.RunJob(ctx, job, 1000*time.Hour)
				if more || err != nil {
					t.Fatalf("in one: more %v, %v", more, err)
				}
				sliced := prepare()
				sliced.slow(20 * time.Millisecond)
				got, n := sliced.inSlices(job, budget)
				sliced.hook.set(nil)
				if n < 2 {
					t.Errorf("%d slices", n)
				}
				// An account whose stale lease is this very process's is put right by the
				// beginning of a recount; a pause right after it leaves no doubt to clear.
				if stale, err := sliced.Quota.Stale(ctx); err != nil || len(stale) > 0 && job == "usage" {
					t.Errorf("still in doubt: %q, %v", stale, err)
				}
				if got.Recounted > 0 {
					got.Recounted = want.Recounted
				}
				if got != want {
					t.Errorf("in %d slices: %+v, in one: %+v", n, got, want)
				}
				if a, b := whole.everything(), sliced.everything(); !reflect.DeepEqual(a, b) {
					t.Errorf("left\n%q\nwant\n%q", b, a)
				}
				sliced.audit()
			})
		})
	}
}

// manyThings makes something of everything jobs do in ten buckets, and lets three
// leeways pass.
func (l *lab) manyThings() {
	l.Helper()
	for i := range 10 {
		b := l.newBucket(fmt.Sprintf("bucket-%02d", i), catalog.VersioningEnabled)
		b = l.rules(b, "<Filter><Prefix>x</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
		for k := range 12 {
			l.put(b, fmt.Sprint("x", k), big(fmt.Sprint(i, k, "a")))
			l.put(b, fmt.Sprint("x", k), big(fmt.Sprint(i, k, "b")))
			o := l.put(b, fmt.Sprint("y", k), big(fmt.Sprint(i, k)))
			l.remove(b, fmt.Sprint("y", k), o.VersionID())
		}
		u := l.begin(b, "uploaded")
		first := l.part(b, "uploaded", u, 1, big("one"))
		l.part(b, "uploaded", u, 2, big("two"))
		l.complete(b, "uploaded", u, first)
		l.begin(b, "unfinished")
	}
	l.leavePending()
	l.must(l.Quota.Flush(ctx))
	l.leaveLease()
	mia, _ := l.person("mia")
	l.must(l.Accounts.Close(ctx, mia.ID))
	time.Sleep(3 * leeway)
}

// leavePending makes objects that still owe work.
func (l *lab) leavePending() {
	l.Helper()
	b, err := l.Repo.Bucket(ctx, "bucket-05")
	l.must(err)
	for k := range 20 {
		key := fmt.Sprint("owing", k)
		l.put(b, key, "x")
		rec, err := l.meta.Get(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), true)
		l.must(err)
		o, err := catalog.DecodeObject(rec.Value)
		l.must(err)
		o.Pending = []catalog.PendingOp{{Key: catalog.SpaceRelease + "none", Delete: true}}
		rec.Value, rec.Summary = catalog.EncodeObject(o), catalog.ObjectSummary(o)
		_, err = l.meta.Put(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), rec, meta.Always)
		l.must(err)
	}
}

// everything lists what the catalogue says, without what is made at random.
func (l *lab) everything() (all []string) {
	l.Helper()
	l.must(l.AllBuckets(ctx, func(b *catalog.Bucket) error {
		in := repo.ListInput{Max: 1000}
		page, err := l.ListVersions(ctx, b, in, "")
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			all = append(all, fmt.Sprint(b.Name, "/", e.Key, " ", e.ETag, e.Latest, e.DeleteMarker))
		}
		for _, space := range []string{catalog.SpacePart, catalog.SpaceFinished, catalog.SpaceRelease} {
			all = append(all, fmt.Sprint(b.Name, " ", space, len(l.records(catalog.InBucket(b.ID), space))))
		}
		return nil
	}))
	return append(all, fmt.Sprint(len(l.stored())))
}

// TestJobTaken runs a job while another process is at it.
func TestJobTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, grades[0])
		l.manyThings()
		l.slow(time.Second)
		ended := make(chan error)
		go func() {
			_, _, err := l.sweeper.RunJob(ctx, "lifecycle", time.Hour)
			ended <- err
		}()
		time.Sleep(10 * time.Second)
		if _, _, err := l.other().sweeper.RunJob(ctx, "lifecycle", time.Hour); !errors.Is(err, course.ErrTaken) {
			t.Errorf("a second run: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, more, err := l.other().sweeper.RunJob(ctx, "lifecycle", time.Hour); more || err != nil {
			t.Errorf("afterwards: %v, %v", more, err)
		}
	})
}

// TestJobMeetsProblems: a record that cannot be read ends no round, and the next
// round begins at the beginning.
func TestJobMeetsProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, grades[0])
		l.manyThings()
		b, err := l.Repo.Bucket(ctx, "bucket-03")
		l.must(err)
		l.must(l.SetBucketDoc(ctx, b, catalog.DocLifecycle, []byte("<LifecycleConfiguration><Rule>")))
		for range 2 {
			rep, more, err := l.sweeper.RunJob(ctx, "lifecycle", time.Hour)
			if more || err == nil || !strings.Contains(err.Error(), "bucket-03") {
				t.Errorf("more %v, %v, %+v", more, err, rep)
			}
		}
		l.wantKeys(l.bucket, "plain")
	})
}

// tardy cleans one file, and then more than there is time for.
type tardy struct{ content.Store }

func (tardy) Clean(ctx context.Context, _ time.Time) (files int, bytes int64, err error) {
	<-ctx.Done()
	return 1, 10, fmt.Errorf("clean: %w", ctx.Err())
}

// TestCleaningCutShort: a store that takes long to clean is left to the next
// run, which is no failure; when the caller gives up, it is one.
func TestCleaningCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, grades[0])
		l.Repo.Content = tardy{l.Repo.Content}
		rep, more, err := l.sweeper.RunJob(ctx, "unfinished", time.Minute)
		if !more || err != nil || rep.Unfinished != 1 || rep.FreedBytes != 10 {
			t.Errorf("more %v, %v, %+v", more, err, rep)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, _, err := l.sweeper.RunJob(short, "unfinished", time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off from outside: %v", err)
		}
	})
}

// slow is a store that is not cheap to walk. It is cleaned, or not in time.
type slow struct {
	content.Store
	cleaned, cut int
	tardy        bool
}

func (s *slow) Capabilities() content.Capabilities { return content.Capabilities{Name: "slow"} }

func (s *slow) Clean(ctx context.Context, _ time.Time) (files int, bytes int64, err error) {
	if s.tardy {
		s.cut++
		<-ctx.Done()
		return 0, 0, ctx.Err()
	}
	s.cleaned++
	return 0, 0, nil
}

// TestCleaningIsRare: a store that is not cheap to walk is cleaned when it is due,
// by whatever process, and until once it came to its end; by itself the job
// always runs, and where it is cheap, too.
func TestCleaningIsRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, grades[0])
		store := &slow{Store: l.Repo.Content, tardy: true}
		l.Repo.Content = store
		run := func() bool {
			s := *l.sweeper // of another process
			s.OrphanEvery = leeway
			_, more, err := s.RunJob(ctx, "unfinished", time.Minute)
			l.must(err)
			return more
		}
		for range 2 {
			if !run() {
				t.Error("cut short, and done all the same")
			}
		}
		store.tardy = false
		for range 12 {
			if run() {
				t.Error("not done")
			}
			time.Sleep(leeway / 4)
		}
		if store.cut != 2 || store.cleaned != 3 {
			t.Errorf("cleaned %d times in three days, cut short %d times", store.cleaned, store.cut)
		}
		_, _, err := l.sweeper.RunJob(ctx, "unfinished", time.Minute)
		l.must(err)
		if store.cleaned != 4 {
			t.Error("not cleaned when it was asked for")
		}
		cheap := &quick{Store: store.Store}
		l.Repo.Content = cheap
		for range 3 {
			run()
		}
		if cheap.cleaned != 3 {
			t.Errorf("a store that is cheap to walk was cleaned %d times", cheap.cleaned)
		}
	})
}

// quick is a store that is cheap to walk, and to clean.
type quick struct {
	content.Store
	cleaned int
}

func (s *quick) Clean(context.Context, time.Time) (files int, bytes int64, err error) {
	s.cleaned++
	return 0, 0, nil
}

func TestNoSuchJob(t *testing.T) {
	if _, _, err := new(Sweeper).RunJob(ctx, "nothing", time.Second); !errors.Is(err, ErrNoJob) {
		t.Error(err)
	}
}
