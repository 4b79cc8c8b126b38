package sweep

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

const expireAll = "<Filter/><Expiration><Days>1</Days></Expiration>"

// Removals wait for one another only where they are of one key.
func TestExpiryIsConcurrent(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.rules(l.bucket, expireAll)
		for i := range 200 {
			l.put(l.bucket, fmt.Sprintf("k%03d", i), "x")
		}
		time.Sleep(3 * day)
		var running, most atomic.Int32
		l.hook.set(func(op string, p meta.Partition, _ string) error {
			if p != catalog.InBucket(l.bucket.ID) || (op != "batch" && op != "put" && op != "delete") {
				return nil
			}
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Millisecond) // of the bubble: until all others wait, too
			running.Add(-1)
			return nil
		})
		if rep := l.sweep(); rep.Expired != 200 {
			l.Errorf("report %+v", rep)
		}
		if n := most.Load(); n < 4 || n > laneCount {
			l.Errorf("%d removals at once, want 4 to %d", n, laneCount)
		}
	})
}

// Contents are freed several at once where scans are fresh, and those of a
// manifest only when the manifest itself is gone: together, none would be left.
func TestReleasesAreConcurrent(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.manifestObject(l.bucket, "m")
		l.copy(l.open(l.bucket, "m", ""), l.bucket, "copy")
		l.manifestObject(l.bucket, "n")
		for i := range 100 {
			key := fmt.Sprintf("k%03d", i)
			l.put(l.bucket, key, big(key))
		}
		for _, key := range l.keys(l.bucket) {
			l.remove(l.bucket, key, "")
		}
		var running, most atomic.Int32
		l.hook.set(func(op string, _ meta.Partition, _ string) error {
			if op != "drop" {
				return nil
			}
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Millisecond) // of the bubble: until all others wait, too
			running.Add(-1)
			return nil
		})
		l.later()
		l.wantNothing(l.bucket)
		least, n := int32(4), most.Load()
		if caps := l.Meta.Capabilities(); caps.ScanSettles() > 0 {
			least = 1
		}
		if n < least || n > laneCount {
			l.Errorf("%d contents freed at once, want %d to %d", n, least, laneCount)
		}
	})
}

// One version that cannot be removed is reported, and left for the next run.
func TestExpiryFails(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.rules(l.bucket, expireAll)
		for i := range 50 {
			l.put(l.bucket, fmt.Sprintf("k%03d", i), "x")
		}
		time.Sleep(3 * day)
		down := errors.New("down")
		l.hook.set(func(op string, p meta.Partition, key string) error {
			if op != "get" && op != "scan" && strings.HasSuffix(key, "k007") {
				return fmt.Errorf("%w: %w", meta.ErrUnavailable, down)
			}
			return nil
		})
		if _, err := l.sweeper.Run(ctx); !errors.Is(err, down) || strings.Count(err.Error(), down.Error()) != 1 {
			l.Errorf("error %v, want it to say %q once", err, down)
		}
		if keys := l.keys(l.bucket); len(keys) == 0 || keys[0] > "k007" {
			l.Errorf("left: %q", keys)
		}
		l.hook.set(nil)
		l.sweep()
		l.wantKeys(l.bucket)
	})
}

// Every count of a report is added: a new one must not be forgotten.
func TestReportAdd(t *testing.T) {
	var one, sum Report
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(i + 1))
	}
	sum.Add(&one)
	sum.Add(&one)
	for i := range v.NumField() {
		if got := reflect.ValueOf(sum).Field(i).Int(); got != 2*int64(i+1) {
			t.Errorf("%s is %d", v.Type().Field(i).Name, got)
		}
	}
}
