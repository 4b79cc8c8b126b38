package fsck

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/course"
)

// slowContent takes a second to open a content, or as long as the context allows.
type slowContent struct {
	content.Store
	opened map[content.ID]int
	slow   map[content.ID]time.Duration
}

func (s *slowContent) Unwrap() content.Store { return s.Store }

func (s *slowContent) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	s.opened[id]++
	wait := time.Second
	if d, ok := s.slow[id]; ok {
		wait = d
	}
	select {
	case <-time.After(wait):
		return s.Store.Open(ctx, id, offset, length)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// scrubLab is a lab whose contents are slow to open.
func scrubLab(t *testing.T) (*lab, *slowContent) {
	l := newLab(t, grades[0])
	slow := &slowContent{Store: l.content, opened: map[content.ID]int{}, slow: map[content.ID]time.Duration{}}
	l.Content = slow
	return l, slow
}

func (l *lab) scrub(budget time.Duration, found *[]string) (Scrubbed, bool) {
	l.Helper()
	c := &Checker{Repo: l.Repo, Now: l.Now, Problem: func(p Problem) { *found = append(*found, p.Bucket+"/"+p.Key) }}
	done, more, err := c.Scrub(ctx, budget)
	l.must(err)
	return done, more
}

// round scrubs until the end of a round.
func (l *lab) round(budget time.Duration) (sum Scrubbed, slices int, found []string) {
	l.Helper()
	for more := true; more; slices++ {
		var done Scrubbed
		done, more = l.scrub(budget, &found)
		sum.Versions += done.Versions
		sum.Parts += done.Parts
		sum.Bytes += done.Bytes
		sum.Problems += done.Problems
		sum.TooLong += done.TooLong
		sum.Cleared += done.Cleared
		if slices > 100 {
			l.Fatal("no end")
		}
	}
	return sum, slices, found
}

func (l *lab) marks() (all []string) {
	l.Helper()
	l.must(Damages(ctx, l.meta, func(_ string, d catalog.Damage) error {
		all = append(all, d.Bucket+"/"+string(d.Key))
		return nil
	}))
	slices.Sort(all)
	return all
}

func TestScrubInSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, slow := scrubLab(t)
		want, _ := l.check(true)
		clear(slow.opened)
		got, n, found := l.round(2500 * time.Millisecond)
		if got.Versions != want.Versions-1 || got.Parts != want.Parts || got.Bytes != want.Bytes-700 || len(found) > 0 {
			t.Errorf("in slices %+v, whole %+v, found %q", got, want, found)
		}
		// The object of 100 segments takes 100 seconds.
		if got.TooLong != 1 || n < 4 {
			t.Errorf("%d too long, %d slices", got.TooLong, n)
		}
		got, n, _ = l.round(5 * time.Minute)
		if got.TooLong != 0 || got.Versions != want.Versions || n != 1 {
			t.Errorf("with time: %+v in %d slices", got, n)
		}
	})
}

func TestScrubMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := scrubLab(t)
		_, big := l.record(l.plain, "big")
		_, summed := l.record(l.plain, "summed")
		l.replace(summed.Segments[0].ID, strings.Repeat("?", int(summed.Size)))
		l.must(l.content.Delete(ctx, big.Segments[0].ID))
		for range 2 { // a further round confirms them
			_, _, found := l.round(3 * time.Second)
			// big was copied to versions/copy, which has the same content.
			if want := []string{"plain/big", "plain/summed", "versions/copy"}; !slices.Equal(found, want) || !slices.Equal(l.marks(), want) {
				t.Fatalf("found %q, marked %q, want %q", found, l.marks(), want)
			}
			time.Sleep(time.Hour)
		}
		_, err := l.Repo.Bucket(ctx, "plain")
		l.must(err)
		l.put(l.plain, "summed", "whole again")
		l.put(l.plain, "big", "whole again")
		sum, _, _ := l.round(3 * time.Second)
		if want := []string{"versions/copy"}; !slices.Equal(l.marks(), want) || sum.Cleared != 2 {
			t.Errorf("marked %q, want %q, %d cleared", l.marks(), want, sum.Cleared)
		}
	})
}

// TestScrubKilled kills a slice, and has another go on where it was.
func TestScrubKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, slow := scrubLab(t)
		_, inManifest := l.record(l.plain, "manifest")
		slow.slow[inManifest.Manifest] = 24 * time.Hour
		killed, kill := context.WithCancel(ctx)
		ended := make(chan error)
		go func() {
			c := &Checker{Repo: l.Repo, Now: l.Now}
			_, _, err := c.Scrub(killed, 48*time.Hour)
			ended <- err
		}()
		time.Sleep(time.Minute)
		var found []string
		if _, _, err := (&Checker{Repo: l.Repo, Now: l.Now}).Scrub(ctx, time.Hour); !errors.Is(err, course.ErrTaken) {
			t.Errorf("a second one at once: %v", err)
		}
		kill()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("killed: %v", err)
		}
		clear(slow.slow)
		_, big := l.record(l.plain, "big")
		before := slow.opened[big.Segments[0].ID]
		_, more := l.scrub(time.Hour, &found)
		// "big" comes before "manifest" and is only read for its copy.
		if more || slow.opened[big.Segments[0].ID] != before+1 {
			t.Errorf("more %v; %q was read %d times more", more, "big", slow.opened[big.Segments[0].ID]-before)
		}
	})
}
