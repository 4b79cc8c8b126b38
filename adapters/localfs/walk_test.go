package localfs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// However few IDs Walk may hold, it shows all of them, in order.
func TestWalkInPasses(t *testing.T) {
	s, err := Open(faultfs.NewDisk(), "/c", Options{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 100
	for i := range n {
		id := content.NewID(time.UnixMilli(int64(i * 7919 % n)))
		contenttest.WriteID(t, s, id, make([]byte, i), n)
	}
	for _, batch := range []int{1, 2, 7, 50, 99, 100, 101, 1000} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			s.walkBatch = batch
			var last content.ID
			seen := 0
			err := s.Walk(context.Background(), "", func(i content.Info) error {
				if i.ID <= last {
					t.Errorf("%s after %s", i.ID, last)
				}
				if want := (i.ID.Time().UnixMilli() * 79) % n; i.Size != want {
					t.Errorf("%s has %d bytes, want %d", i.ID, i.Size, want)
				}
				last = i.ID
				seen++
				return nil
			})
			if err != nil || seen != n {
				t.Errorf("%d of %d seen: %v", seen, n, err)
			}
		})
	}
}

// selection keeps exactly the smallest.
func TestSelection(t *testing.T) {
	h := selection{most: 10}
	for i := range 1000 {
		h.add(content.ID(fmt.Sprintf("%032x", i*7919%1000)))
	}
	var sum int
	for _, id := range h.ids {
		sum += int(id[15])
	}
	if len(h.ids) != 10 || sum != 45 {
		t.Errorf("%d kept, their sum is %d", len(h.ids), sum)
	}
}
