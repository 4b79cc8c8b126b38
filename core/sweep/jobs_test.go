package sweep

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
)

// failFrom makes every call of a store fail from the first on that at picks.
func (l *lab) failFrom(at func(op string, p meta.Partition, key string) bool) {
	var mu sync.Mutex // calls may come at once
	dead := false
	l.hook.set(func(op string, p meta.Partition, key string) error {
		mu.Lock()
		defer mu.Unlock()
		if dead = dead || at(op, p, key); dead {
			return errDead
		}
		return nil
	})
}

func TestUploadsLeaveNothing(t *testing.T) {
	body := strings.Repeat("p", repo.MinPartSize)
	for name, end := range map[string]func(l *lab, u *catalog.Upload, parts []repo.CompletedPart){
		"completed with some parts": func(l *lab, u *catalog.Upload, parts []repo.CompletedPart) {
			l.complete(l.bucket, "k", u, parts[1:]...)
		},
		"completed, then killed": func(l *lab, u *catalog.Upload, parts []repo.CompletedPart) {
			deleted := 0
			l.failFrom(func(op string, _ meta.Partition, key string) bool {
				if strings.HasPrefix(key, catalog.SpacePart) && (op == "delete" || op == "batch") {
					deleted++
				}
				return deleted > 0
			})
			_, _ = l.CompleteUpload(ctx, repo.CompleteUploadInput{Bucket: l.bucket, Key: "k", UploadID: u.ID, Parts: parts[1:]})
			l.hook.set(nil)
			l.wantKeys(l.bucket, "k")
		},
		"aborted": func(l *lab, u *catalog.Upload, _ []repo.CompletedPart) {
			l.must(l.AbortUpload(ctx, l.bucket, "k", u.ID))
		},
		"aborted, then killed": func(l *lab, u *catalog.Upload, _ []repo.CompletedPart) {
			// As a process leaves it that died right after the upload's record was gone.
			l.must(l.meta.Delete(ctx, catalog.InBucket(l.bucket.ID), catalog.UploadKey("k", u.ID), meta.Always))
		},
	} {
		t.Run(name, func(t *testing.T) {
			onGrades(t, func(l *lab) {
				u := l.begin(l.bucket, "k")
				var parts []repo.CompletedPart
				for n := range 3 {
					l.part(l.bucket, "k", u, n+1, "in a first try")
					parts = append(parts, l.part(l.bucket, "k", u, n+1, body))
				}
				l.later()
				l.wantStored(3) // a running upload keeps its parts however old it is
				end(l, u, parts)
				l.later()
				if keys := l.keys(l.bucket); len(keys) == 0 {
					l.wantNothing(l.bucket)
					return
				}
				l.wantStored(2)
				if got := l.read(l.bucket, "k", ""); got != body+body {
					l.Errorf("%d bytes", len(got))
				}
				l.remove(l.bucket, "k", "")
				l.later()
				l.wantNothing(l.bucket)
			})
		})
	}
}

// TestPartOfAnUploadJustBegun: its record may be written after the running
// uploads were collected.
func TestPartOfAnUploadJustBegun(t *testing.T) {
	onGrades(t, func(l *lab) {
		old := l.begin(l.bucket, "old")
		l.part(l.bucket, "old", old, 1, big("x"))
		var u *catalog.Upload
		l.during(func(op string, _ meta.Partition, key string) bool {
			return op == "scan" && key == catalog.SpacePart
		}, func() {
			l.hook.set(nil)
			u = l.begin(l.bucket, "new")
			l.part(l.bucket, "new", u, 1, big("y"))
		})
		if rep := l.sweep(); rep.Parts != 0 || u == nil {
			l.Errorf("report %+v", rep)
		}
		l.wantStored(2)
	})
}

func TestRemainsOfDeletedBuckets(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.newBucket("gone", catalog.VersioningEnabled)
		l.put(b, "k", big("body"))
		l.copy(l.open(b, "k", ""), l.bucket, "copy")
		l.empty(b)
		u := l.begin(b, "up")
		l.part(b, "up", u, 1, big("part"))
		l.must(l.DeleteBucket(ctx, b.Name))
		// A writer who comes too late leaves an object behind.
		if _, err := l.PutObject(ctx, repo.PutObjectInput{Bucket: b, Key: "late", Body: strings.NewReader(big("late")), Size: int64(len(big("late")))}); err == nil {
			l.Error("wrote to a deleted bucket")
		}
		l.later()
		if got := l.read(l.bucket, "copy", ""); got != big("body") {
			l.Errorf("read %q", got)
		}
		l.wantStored(1)
		l.empty(l.bucket)
		l.later()
		l.wantNothing(l.bucket, b)
	})
}

// TestBucketBeingDeleted: the entry of a bucket whose deletion is under way stays.
func TestBucketBeingDeleted(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.newBucket("closing", catalog.Unversioned)
		ran := l.during(func(op string, p meta.Partition, _ string) bool {
			return op == "delete" && p == catalog.Buckets
		}, func() {
			l.hook.set(nil)
			l.sweep()
		})
		l.must(l.DeleteBucket(ctx, b.Name))
		if left := l.entries(catalog.Dropped); !ran.Load() || left != 1 {
			l.Errorf("swept %v, %d entries left", ran.Load(), left)
		}
		l.later()
		if left := l.entries(catalog.Dropped); left != 0 {
			l.Errorf("%d entries left", left)
		}
	})
}

// TestBucketNotDeletedAfterAll: its deletion ended before its record was gone.
func TestBucketNotDeletedAfterAll(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.failFrom(func(op string, p meta.Partition, _ string) bool { return op == "delete" && p == catalog.Buckets })
		if err := l.DeleteBucket(ctx, l.bucket.Name); err == nil {
			l.Fatal("deleted")
		}
		l.hook.set(nil)
		l.put(l.bucket, "k", big("body"))
		l.later()
		if left := l.entries(catalog.Dropped); left != 0 {
			l.Errorf("%d entries left", left)
		}
		if got := l.read(l.bucket, "k", ""); got != big("body") {
			l.Errorf("read %q", got)
		}
	})
}

// entries counts the records of a partition of the registry.
func (l *lab) entries(p meta.Partition) (n int) {
	l.Helper()
	l.must(scan(ctx, l.registry, p, "", "", false, func(meta.Entry) error { n++; return nil }))
	return n
}

// rubbish stores contents that no record names.
func (l *lab) rubbish(n int) {
	l.Helper()
	l.sweeper.Walk = true // nothing else finds it where a write leaves an intent
	for range n {
		w, err := l.content.Create(ctx, content.NewID(time.Now()), -1)
		l.must(err)
		_, err = w.Write([]byte("rubbish"))
		l.must(errors.Join(err, w.Commit()))
	}
}

func TestOrphansAreSeenTwice(t *testing.T) {
	for _, slice := range []int{0, 1, 3} {
		t.Run(fmt.Sprint("slices of ", slice), func(t *testing.T) {
			onSmall(t, func(l *lab) {
				l.sweeper.slice = slice
				for i := range 4 {
					l.put(l.bucket, fmt.Sprint("k", i), big("body"))
				}
				l.manifestObject(l.bucket, "m")
				l.rubbish(10)
				kept := len(l.stored()) - 10
				time.Sleep(leeway - time.Minute)
				if rep := l.sweep(); rep.Suspects != 0 {
					l.Errorf("young: %+v", rep)
				}
				time.Sleep(2 * time.Minute)
				if rep := l.sweep(); rep.Suspects != 10 || rep.Orphans != 0 {
					l.Errorf("first seen: %+v", rep)
				}
				time.Sleep(leeway - time.Minute)
				if rep := l.sweep(); rep.Orphans != 0 {
					l.Errorf("a leeway has not passed: %+v", rep)
				}
				time.Sleep(2 * time.Minute)
				if rep := l.sweep(); rep.Orphans != 10 || rep.FreedBytes != 70 {
					l.Errorf("second seen: %+v", rep)
				}
				l.wantStored(kept)
				l.empty(l.bucket)
				l.later()
				l.wantNothing(l.bucket)
			})
		})
	}
}

// TestOrphanAfterAll: what gets a record after it was seen is forgotten.
func TestOrphanAfterAll(t *testing.T) {
	onSmall(t, func(l *lab) {
		o := l.put(l.bucket, "k", big("body"))
		rec, err := l.meta.Get(ctx, catalog.InBucket(l.bucket.ID), catalog.ObjectKey("k"), true)
		l.must(err)
		l.must(l.meta.Delete(ctx, catalog.InBucket(l.bucket.ID), catalog.ObjectKey("k"), meta.Always))
		time.Sleep(leeway + time.Minute)
		if rep := l.sweep(); rep.Suspects != 1 {
			l.Errorf("report %+v", rep)
		}
		_, err = l.meta.Put(ctx, catalog.InBucket(l.bucket.ID), catalog.ObjectKey("k"), rec, meta.Always)
		l.must(err)
		l.later()
		if got := l.read(l.bucket, "k", ""); got != big("body") || o.ETag == "" {
			l.Errorf("read %q", got)
		}
		if left := l.records(catalog.Orphans, ""); len(left) != 0 {
			l.Errorf("%d notes are left", len(left))
		}
	})
}

// TestOrphanSearchIsRare: where it is told to be.
func TestOrphanSearchIsRare(t *testing.T) {
	onSmall(t, func(l *lab) {
		l.sweeper.OrphanEvery = 3 * leeway
		walks := 0
		l.hook.set(func(op string, _ meta.Partition, _ string) error {
			if op == "walk" {
				walks++
			}
			return nil
		})
		for range 9 {
			l.sweep()
			time.Sleep(leeway)
		}
		if walks != 3 {
			l.Errorf("%d walks", walks)
		}
	})
}

// TestUnreadableRecordSparesOrphans: a record that cannot be read may name anything.
func TestUnreadableRecordSparesOrphans(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.rubbish(1)
		_, err := l.meta.Put(ctx, catalog.InBucket(l.bucket.ID), catalog.ObjectKey("k"), meta.Record{Value: []byte("damaged")}, meta.Always)
		l.must(err)
		for range 4 {
			time.Sleep(leeway + time.Minute)
			if rep, err := l.sweeper.Run(ctx); err == nil || rep.Orphans != 0 {
				l.Errorf("report %+v, %v", rep, err)
			}
		}
		l.wantStored(1)
	})
}

// TestRecount: a process died with a lease, and without telling all it did.
func TestRecount(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.newBucket("versions", catalog.VersioningEnabled)
		var want int64
		for i := range 5 {
			want += l.put(b, "k", big(fmt.Sprint("version ", i))).Size
		}
		l.remove(b, "k", "")
		want += l.manifestObject(l.bucket, "m").Size
		u := l.begin(l.bucket, "up")
		l.part(l.bucket, "up", u, 1, big("part"))
		want += int64(len(big("part")))
		l.must(l.meta.Delete(ctx, catalog.InBucket(l.bucket.ID), "x", meta.Always))
		if u := l.usage(); u.Bytes != want {
			l.Fatalf("%d bytes are used, want %d", u.Bytes, want)
		}

		dead := &quota.Keeper{Registry: l.registry, Now: time.Now, Process: "dead"}
		alive := l.Repo.Quota
		l.Repo.Quota = dead
		want += l.put(l.bucket, "untold", big("untold")).Size
		l.remove(b, "k", l.versions(b, "k")[1])
		want -= int64(len(big("version 4")))
		l.Repo.Quota = alive
		if err := l.sweeper.Recount(ctx, "ana"); err != nil { // while the dead one's lease may be good
			l.Fatal(err)
		}
		time.Sleep(time.Hour)
		rep := l.sweep()
		if rep.Recounted != 1 {
			l.Errorf("report %+v", rep)
		}
		got := l.usage()
		if got.Bytes != want || got.Objects != 4+1+1 || len(got.Leases) > 1 {
			l.Errorf("usage %+v, want %d bytes", got, want)
		}
	})
}
