package repo

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// crashed makes a lab without batches whose last overwrite of "k" was decided,
// but whose pending work was not done.
func crashed(t *testing.T) (*lab, *catalog.Object) {
	t.Helper()
	l, inject := newFaultyLab(t, stores[1], true)
	l.versioning(t, catalog.VersioningEnabled)
	old := l.mustPut(t, "k", small("old"))
	inject.arm(crash, 2) // after the Get and the Put that decides
	l.mustPut(t, "k", small("new"))
	inject.arm(noFault, 0)
	return l, old
}

func TestVersionsAreSeenWhileTheyMove(t *testing.T) {
	l, old := crashed(t)
	s, err := l.meta.Get(ctx, l.partition(), catalog.ObjectKey("k"), false)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := catalog.DecodeObject(s.Value); err != nil || len(o.Pending) != 1 {
		t.Fatalf("nothing is pending: %+v, %v", o, err)
	}
	l.wantBody(t, "k", "", small("new"))
	l.wantBody(t, "k", old.VersionID(), small("old"))
	if err := l.Settle(ctx, l.bucket, "k"); err != nil {
		t.Fatal(err)
	}
	l.wantBody(t, "k", old.VersionID(), small("old"))
	l.audit(t, false)
}

func TestTheNextWriterFinishes(t *testing.T) {
	l, old := crashed(t)
	l.mustRemove(t, "k", old.VersionID())
	l.wantNone(t, "k", old.VersionID(), s3err.NoSuchVersion)
	l.wantBody(t, "k", "", small("new"))
	l.audit(t, false)
}

// A process that was held up does work late which another has done for it.
// What was changed since must not suffer.
func TestLateWorkHarmsNothing(t *testing.T) {
	l, old := crashed(t)
	rec, err := l.meta.Get(ctx, l.partition(), catalog.ObjectKey("k"), true)
	if err != nil {
		t.Fatal(err)
	}
	owing, err := catalog.DecodeObject(rec.Value)
	if err != nil {
		t.Fatal(err)
	}
	tag := func(o *catalog.Object) error { o.Tags = []catalog.Tag{{Key: "a", Value: "b"}}; return nil }
	if _, err := l.Update(ctx, l.bucket, "k", old.VersionID(), tag); err != nil {
		t.Fatal(err)
	}
	if err := l.rollForward(ctx, l.partition(), "k", owing, rec.Body, rec.Version, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if h := l.mustOpen(t, "k", old.VersionID()); len(h.Tags) != 1 {
		t.Error("a late move undid an update")
	}

	// The version comes back to the top and moves down again; a late removal of
	// where it was must not take it away.
	v, _, err := l.versionAt(ctx, l.bucket, catalog.VersionKey("k", old.Ref), false)
	if err != nil || v == nil {
		t.Fatal(v, err)
	}
	late := &catalog.Object{Pending: pendingOf([]meta.Op{v.remove()})}
	l.mustRemove(t, "k", owing.VersionID())
	l.wantBody(t, "k", "", small("old"))
	l.mustPut(t, "k", "newest")
	if err := l.rollForward(ctx, l.partition(), "k", late, nil, rec.Version, time.Time{}); err != nil {
		t.Fatal(err)
	}
	l.wantBody(t, "k", old.VersionID(), small("old"))
	l.audit(t, false)
}

func TestNobodysWorkIsDoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := crashed(t)
		l.Repo.state.hurry = false
		began := time.Now()
		l.mustPut(t, "k", "third")
		if took := time.Since(began); took < patience {
			t.Errorf("waited %v for the owner of the work", took)
		}
	})
}

// TestRenameInterrupted kills a rename at each of its calls: in the end the object
// is at one of both keys.
func TestRenameInterrupted(t *testing.T) {
	for _, caps := range stores {
		for _, kind := range []fault{crash, crashAfter} {
			moved, stayed := 0, 0
			for n := range 12 {
				l, i := newFaultyLab(t, caps, isSmall(caps))
				l.mustPut(t, "a", big("body"))
				i.arm(kind, n)
				_ = l.RenameObject(ctx, l.bucket, "a", "b", WriteCond{}, WriteCond{})
				i.arm(noFault, 0)
				l.settleAll(t)
				_, atA := l.read("a", "", true)
				_, atB := l.read("b", "", true)
				switch {
				case atA == nil && atB != nil:
					stayed++
				case atA != nil && atB == nil:
					moved++
				default:
					t.Errorf("%s, call %d: at the old key %v, at the new one %v", caps.Name, n, atA, atB)
				}
				l.audit(t, false)
			}
			if moved == 0 || stayed == 0 {
				t.Errorf("%s: moved %d times, stayed %d times", caps.Name, moved, stayed)
			}
		}
	}
}
