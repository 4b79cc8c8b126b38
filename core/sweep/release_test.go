package sweep

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

func TestReleaseWaitsForTheLeeway(t *testing.T) {
	onSmall(t, func(l *lab) {
		l.put(l.bucket, "k", big("one"))
		l.put(l.bucket, "k", big("two"))
		l.sweep()
		time.Sleep(leeway - time.Minute)
		l.sweep()
		l.wantStored(2)
		time.Sleep(2 * time.Minute)
		if rep := l.sweep(); rep.Freed != 1 || rep.FreedBytes != int64(len(big("one"))) || rep.Orphans != 0 {
			l.Errorf("report %+v", rep)
		}
		l.wantStored(1)
		if got := l.read(l.bucket, "k", ""); got != big("two") {
			l.Errorf("read %q", got)
		}
		if rep := l.sweep(); !rep.Idle() {
			l.Errorf("the second sweep did %+v", rep)
		}
	})
}

// TestHeldContentsStay drops the first holder of a content and looks whether it
// stays for another one, and goes with that.
func TestHeldContentsStay(t *testing.T) {
	for name, share := range map[string]func(l *lab, src *repo.Handle) (drop func(), read func() string){
		"copy": func(l *lab, src *repo.Handle) (func(), func() string) {
			l.copy(src, l.bucket, "copy")
			return func() { l.remove(l.bucket, "copy", "") }, func() string { return l.read(l.bucket, "copy", "") }
		},
		"copy in another bucket": func(l *lab, src *repo.Handle) (func(), func() string) {
			b := l.newBucket("other", catalog.VersioningEnabled)
			o := l.copy(src, b, "copy")
			l.put(b, "copy", "something newer")
			return func() { l.empty(b) }, func() string { return l.read(b, "copy", o.VersionID()) }
		},
		"copy of a copy": func(l *lab, src *repo.Handle) (func(), func() string) {
			l.copy(src, l.bucket, "first")
			l.copy(l.open(l.bucket, "first", ""), l.bucket, "second")
			l.remove(l.bucket, "first", "")
			return func() { l.remove(l.bucket, "second", "") }, func() string { return l.read(l.bucket, "second", "") }
		},
		"rename": func(l *lab, src *repo.Handle) (func(), func() string) {
			l.must(l.RenameObject(ctx, l.bucket, src.Key, "new", repo.WriteCond{}, repo.WriteCond{}))
			l.put(l.bucket, src.Key, "in its place")
			return func() { l.remove(l.bucket, "new", "") }, func() string { return l.read(l.bucket, "new", "") }
		},
		"part of an upload": func(l *lab, src *repo.Handle) (func(), func() string) {
			u := l.begin(l.bucket, "up")
			l.copyPart(src, 0, src.Size, l.bucket, "up", u, 1)
			// Whether it is there is for audit to see.
			return func() { l.must(l.AbortUpload(ctx, l.bucket, "up", u.ID)) }, func() string { return big("body") }
		},
		"object of a part": func(l *lab, src *repo.Handle) (func(), func() string) {
			u := l.begin(l.bucket, "up")
			l.complete(l.bucket, "up", u, l.copyPart(src, 0, src.Size, l.bucket, "up", u, 1))
			return func() { l.remove(l.bucket, "up", "") }, func() string { return l.read(l.bucket, "up", "") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			onSmall(t, func(l *lab) {
				l.put(l.bucket, "k", big("body"))
				drop, read := share(l, l.open(l.bucket, "k", ""))
				l.remove(l.bucket, "k", "")
				if l.later(); read() != big("body") {
					l.Error("other bytes")
				}
				l.wantStored(1)
				drop()
				l.later()
				l.wantNothing(l.bucket)
			})
		})
	}
}

func TestVersionsHold(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.newBucket("versions", catalog.VersioningEnabled)
		first := l.put(b, "k", big("first"))
		l.put(b, "k", big("second"))
		marker := l.remove(b, "k", "")
		l.copy(l.open(b, "k", first.VersionID()), b, "k") // the same bytes twice in one key
		l.later()
		l.wantStored(2)
		l.remove(b, "k", first.VersionID())
		l.later()
		l.wantStored(2)
		if got := l.read(b, "k", ""); got != big("first") {
			l.Errorf("read %q", got)
		}
		l.remove(b, "k", l.open(b, "k", "").VersionID())
		l.later()
		l.wantStored(1)
		l.remove(b, "k", marker.VersionID) // the second version is current again
		l.later()
		if got := l.read(b, "k", ""); got != big("second") {
			l.Errorf("read %q", got)
		}
		l.empty(b)
		l.later()
		l.wantNothing(b)
	})
}

// TestManifests shares what a manifest lists in every way there is, and drops
// the holders in different orders.
func TestManifests(t *testing.T) {
	part := func(l *lab, from, to string) {
		u := l.begin(l.bucket, to)
		l.complete(l.bucket, to, u, l.copyPart(l.open(l.bucket, from, ""), 0, repo.MinPartSize, l.bucket, to, u, 1))
	}
	for name, steps := range map[string]func(l *lab) (left []string){
		"alone": func(l *lab) []string { return []string{"m"} },
		"copied": func(l *lab) []string {
			l.copy(l.open(l.bucket, "m", ""), l.bucket, "copy")
			l.remove(l.bucket, "m", "")
			return []string{"copy"}
		},
		"part outlives it": func(l *lab) []string {
			part(l, "m", "part")
			l.remove(l.bucket, "m", "")
			return []string{"part"}
		},
		"it outlives a part": func(l *lab) []string {
			part(l, "m", "part")
			l.remove(l.bucket, "part", "")
			return []string{"m"}
		},
		"a copy outlives it and a part of it": func(l *lab) []string {
			part(l, "m", "part")
			l.copy(l.open(l.bucket, "m", ""), l.bucket, "copy")
			l.remove(l.bucket, "m", "")
			l.later()
			l.remove(l.bucket, "part", "")
			return []string{"copy"}
		},
		"it outlives a copy and a part of that": func(l *lab) []string {
			l.copy(l.open(l.bucket, "m", ""), l.bucket, "copy")
			part(l, "copy", "part")
			l.remove(l.bucket, "copy", "")
			l.later()
			l.remove(l.bucket, "part", "")
			return []string{"m"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onGrades(t, func(l *lab) {
				l.manifestObject(l.bucket, "m")
				left := steps(l)
				l.later()
				l.wantKeys(l.bucket, left...)
				for _, key := range left {
					if got := l.read(l.bucket, key, ""); !strings.HasPrefix(got, strings.Repeat("a", repo.MinPartSize)) {
						l.Errorf("%s: other bytes", key)
					}
					l.remove(l.bucket, key, "")
				}
				l.later()
				l.wantNothing(l.bucket)
			})
		})
	}
}

// TestYoungReference: a copy has written its reference and not yet its record.
func TestYoungReference(t *testing.T) {
	onSmall(t, func(l *lab) {
		o := l.put(l.bucket, "k", big("body"))
		l.remove(l.bucket, "k", "")
		id := o.Segments[0].ID
		time.Sleep(leeway + time.Minute)
		ref := catalog.Reference{At: time.Now(), Bucket: l.bucket.ID, Key: "copy"}
		_, err := l.meta.Put(ctx, catalog.References(id), repo.ReferencePrefix(id)+"x", meta.Record{Value: catalog.EncodeReference(&ref)}, meta.Always)
		l.must(err)
		if rep := l.sweep(); rep.Kept != 1 || rep.Freed != 0 {
			l.Errorf("report %+v", rep)
		}
		l.wantStored(1)
		l.later() // nobody came: an orphan now
		l.wantStored(0)
	})
}

// during runs fn once, right before the first call that at picks. Calls may come
// at once; at is asked about one after the other.
func (l *lab) during(at func(op string, p meta.Partition, key string) bool, fn func()) *atomic.Bool {
	ran := new(atomic.Bool)
	var mu sync.Mutex
	picks := func(op string, p meta.Partition, key string) bool {
		mu.Lock()
		defer mu.Unlock()
		return at(op, p, key)
	}
	l.hook.set(func(op string, p meta.Partition, key string) error {
		if picks(op, p, key) && ran.CompareAndSwap(false, true) {
			fn()
		}
		return nil
	})
	return ran
}

// TestVersionsMoveUnderTheSweeper moves the one holder of a content within its
// key in two steps, right before any two of the sweeper's looks at that key.
func TestVersionsMoveUnderTheSweeper(t *testing.T) {
	const looks = 8
	for name, steps := range map[string][2]func(l *lab, b *catalog.Bucket, marker string){
		"is current for a while": {
			func(l *lab, b *catalog.Bucket, marker string) { l.remove(b, "k", marker) },
			func(l *lab, b *catalog.Bucket, marker string) { l.remove(b, "k", "") },
		},
		"is copied within the key": {
			func(l *lab, b *catalog.Bucket, marker string) { l.copy(l.open(b, "k", l.versions(b, "k")[1]), b, "k") },
			func(l *lab, b *catalog.Bucket, marker string) {
				ids := l.versions(b, "k")
				l.remove(b, "k", ids[len(ids)-1])
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			onGrades(t, func(l *lab) {
				for first := range looks {
					for second := first; second < looks; second++ {
						newLab(t, l.grade).moveDuring(first, second, steps)
					}
				}
			})
		})
	}
}

// moveDuring does one step before the first and one before the second of the
// calls to the store that read the key.
func (l *lab) moveDuring(first, second int, steps [2]func(l *lab, b *catalog.Bucket, marker string)) {
	l.Helper()
	b := l.newBucket("versions", catalog.VersioningEnabled)
	version := l.put(b, "k", big("body")).VersionID()
	l.copy(l.open(b, "k", ""), b, "k")
	l.remove(b, "k", version) // releases what the copy holds
	marker := l.remove(b, "k", "").VersionID
	calls := 0
	var watch func(op string, p meta.Partition, key string) error
	watch = func(_ string, _ meta.Partition, key string) error {
		if key != catalog.ObjectKey("k") && key != catalog.VersionsPrefix("k") {
			return nil
		}
		call := calls
		calls++
		l.hook.set(nil) // the steps' own calls do not count
		for i, at := range []int{first, second} {
			if call == at {
				steps[i](l, b, marker)
			}
		}
		l.hook.set(watch)
		return nil
	}
	l.hook.set(watch)
	held, err := l.sweeper.holds(ctx, b.ID, "k", "", l.stored()[0], newLook())
	l.hook.set(nil)
	if !held || err != nil {
		l.Errorf("moved at looks %d and %d: held %v, %v", first, second, held, err)
	}
}

// versions lists the IDs of a key's versions, newest first.
func (l *lab) versions(b *catalog.Bucket, key string) (ids []string) {
	l.Helper()
	list, err := l.ListVersions(ctx, b, repo.ListInput{Prefix: key, Max: 1000}, "")
	l.must(err)
	for _, e := range list.Entries {
		ids = append(ids, e.VersionID())
	}
	return ids
}

// TestCopiesMoveUnderTheSweeper: while the references are gone through, the one
// holder left is copied and deleted. Whichever reference comes first, the copy's
// holder must be seen.
func TestCopiesMoveUnderTheSweeper(t *testing.T) {
	for _, to := range []string{"to-a", "to-b", "to-c", "to-d", "to-e", "to-f"} {
		t.Run(to, func(t *testing.T) {
			onGrades(t, func(l *lab) {
				l.put(l.bucket, "k", big("body"))
				l.copy(l.open(l.bucket, "k", ""), l.bucket, "from")
				l.remove(l.bucket, "k", "")
				time.Sleep(leeway + time.Minute)
				ran := l.during(func(op string, _ meta.Partition, key string) bool {
					return op == "get" && key == catalog.ObjectKey("from")
				}, func() {
					l.hook.set(nil)
					l.copy(l.open(l.bucket, "from", ""), l.bucket, to)
					l.remove(l.bucket, "from", "")
				})
				l.sweep()
				if !ran.Load() {
					l.Error("nothing was moved")
				}
				if got := l.read(l.bucket, to, ""); got != big("body") {
					l.Errorf("read %q", got)
				}
				l.remove(l.bucket, to, "")
				l.later()
				l.wantNothing(l.bucket)
			})
		})
	}
}

// TestDamagedRecordKeepsNothingElse: a release that cannot be settled is an
// error, and the others are settled.
func TestDamagedRecordKeepsNothingElse(t *testing.T) {
	onGrades(t, func(l *lab) {
		for _, key := range []string{"a", "b", "c"} {
			l.put(l.bucket, key, big(key))
			l.remove(l.bucket, key, "")
		}
		_, err := l.meta.Put(ctx, catalog.InBucket(l.bucket.ID), catalog.ObjectKey("b"), meta.Record{Value: []byte("rubbish")}, meta.Always)
		l.must(err)
		time.Sleep(leeway + time.Minute)
		rep, err := l.sweeper.Run(ctx)
		if err == nil || rep.Freed != 2 {
			l.Errorf("report %+v, %v", rep, err)
		}
		l.wantStored(1)
	})
}
