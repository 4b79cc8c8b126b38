package contenttest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
)

func testWalk(t *testing.T, o Options) {
	s := o.open(t)
	if all := walk(t, s, ""); len(all) != 0 {
		t.Fatalf("an empty store shows %v", all)
	}
	// Written in an order that is not that of the IDs.
	start := time.Now().Add(-time.Hour)
	var ids []content.ID
	for i := range 60 {
		id := content.NewID(start.Add(time.Duration(i*37%60) * time.Minute))
		WriteID(t, s, id, Bytes(1, i), 1<<20)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, from := range []int{0, 1, 30, 59} {
		if got := idsOf(walk(t, s, ids[from])); !slices.Equal(got, ids[from:]) {
			t.Errorf("from the %dth: %d contents, want %d", from, len(got), len(ids[from:]))
		}
	}
	if got := idsOf(walk(t, s, "")); !slices.Equal(got, ids) {
		t.Errorf("from the beginning: %d contents", len(got))
	}
	// An ID is compared as a string: from need not be one that exists, nor whole.
	if got := idsOf(walk(t, s, ids[10]+"0")); !slices.Equal(got, ids[11:]) {
		t.Errorf("from behind the 10th: %d contents", len(got))
	}
	if got := walk(t, s, "g"); len(got) != 0 {
		t.Errorf("from behind all: %d contents", len(got))
	}
	stop := errors.New("stop")
	n := 0
	err := s.Walk(context.Background(), "", func(content.Info) error {
		if n++; n == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 5 {
		t.Errorf("stopped at %d with %v", n, err)
	}
	testWalkCancel(t, s)
}

func idsOf(all []content.Info) (ids []content.ID) {
	for _, i := range all {
		ids = append(ids, i.ID)
	}
	return ids
}

// What is there throughout a walk is shown exactly once, whatever comes and goes.
func testWalkWhileChanging(t *testing.T, o Options) {
	s := o.open(t)
	want := map[content.ID]bool{}
	for i := range 40 {
		want[Write(t, s, Bytes(1, i), 100)] = true
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				id := content.NewID(time.Now().Add(-time.Second))
				w, err := s.Create(context.Background(), id, 1)
				if err == nil {
					err = w.Commit()
				}
				if err == nil {
					err = s.Delete(context.Background(), id)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		seen := 0
		for _, i := range walk(t, s, "") {
			if want[i.ID] {
				seen++
			}
		}
		if seen != len(want) {
			t.Errorf("walk shows %d of %d contents", seen, len(want))
		}
	}
	close(done)
	wg.Wait()
}

// Clean frees what writers that never ended left, and nothing else.
func testJanitor(t *testing.T, o Options) {
	s := o.open(t)
	j, ok := s.(content.Janitor)
	if !ok {
		t.Skip("not implemented")
	}
	ctx := context.Background()
	kept := Write(t, s, []byte("kept"), 4)
	n := max(5, o.Buffered+1)
	id, w := create(t, s, int64(n))
	if _, err := w.Write(Bytes(7, n)); err != nil {
		t.Fatal(err)
	}
	if files, size, err := j.Clean(ctx, time.Now().Add(-time.Hour)); files != 0 || size != 0 || err != nil {
		t.Errorf("young: freed %d files, %d bytes: %v", files, size, err)
	}
	files, size, err := j.Clean(ctx, time.Now().Add(time.Hour))
	if files < 1 || size > int64(n) || size < int64(n-o.Buffered) || err != nil {
		t.Errorf("old: freed %d files, %d bytes of %d: %v", files, size, n, err)
	}
	if o.Buffered == 0 && files != 1 {
		t.Errorf("old: freed %d files of one", files)
	}
	if err := w.Commit(); err == nil {
		t.Error("a content whose bytes were freed is committed")
	}
	absent(t, s, id)
	wantBytes(t, s, kept, 0, -1, []byte("kept"))
	if files, _, err := j.Clean(ctx, time.Now().Add(time.Hour)); files != 0 || err != nil {
		t.Errorf("again: freed %d files: %v", files, err)
	}
}
