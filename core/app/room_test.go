package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// smallDisk is a store that says how much room it has.
type smallDisk struct {
	content.Store
	free atomic.Int64
}

func (s *smallDisk) Space(context.Context) (free, total int64, err error) {
	return s.free.Load(), 1 << 30, nil
}

// smallMeta is the same of a metadata store.
type smallMeta struct {
	meta.Store
	free atomic.Int64
}

func (s *smallMeta) Space(context.Context) (free, total int64, err error) {
	return s.free.Load(), 1 << 30, nil
}

// TestRoomIsKept: uploads that would leave less than --min-free are refused;
// reading, deleting and settings go on.
func TestRoomIsKept(t *testing.T) {
	l := newLab(t, "--min-free", "1MiB")
	l.want("PUT", "/box/there", large, 200)
	disk, records := &smallDisk{Store: l.Stores.Content}, &smallMeta{Store: l.Stores.Meta}
	l.Stores.Content, l.Stores.Meta = disk, records
	set := func(content, metadata int64) { disk.free.Store(1<<20 + content); records.free.Store(1<<20 + metadata) }
	refused := func(method, path, body string, header ...string) {
		t.Helper()
		if a := l.do(method, path, body, header...); a.status != 507 || a.code != "InsufficientStorage" {
			t.Errorf("%s %s: %d %s", method, path, a.status, a.code)
		}
	}
	n := int64(len(large))
	set(n, n)
	l.want("PUT", "/box/fits", large, 200)
	set(n-1, n)
	refused("PUT", "/box/k", large)
	l.want("PUT", "/box/inline", small, 200) // there is room for records
	set(n, -1)
	refused("PUT", "/box/k", large)
	refused("PUT", "/box/k", small)
	refused("PUT", "/box/k", "", "X-Amz-Copy-Source", "/box/there")
	_, id, _ := strings.Cut(l.want("POST", "/box/up?uploads", "", 200).body, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	refused("PUT", fmt.Sprintf("/box/up?partNumber=1&uploadId=%s", id), large)
	l.want("GET", "/box/k", "", 404)
	l.wantBody("/box/there", large)
	l.want("PUT", "/box/there?tagging", "<Tagging><TagSet/></Tagging>", 200)
	l.want("DELETE", "/box/there", "", 204)
	l.want("DELETE", "/box/up?uploadId="+id, "", 204)
	if u, err := l.Quota.Usage(context.Background(), rootID(l)); err != nil || u.Bytes != n+int64(len(small)) {
		t.Errorf("usage %+v, %v", u, err)
	}
	l.heal()
}

// TestRoomIsAskedFor: a store with plenty of room is asked now and then, one with
// little every time.
func TestRoomIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s spare
		store, other := new(smallDisk), new(smallDisk)
		for name, c := range map[string]struct {
			room  int64
			take  []int64
			after time.Duration
			want  bool // whether the last is taken
		}{
			"plenty":           {4 * plenty, []int64{1, plenty}, 0, true},
			"used up":          {4 * plenty, []int64{plenty, plenty, 1}, 0, false},
			"little":           {plenty, []int64{1}, 0, false},
			"after a while":    {4 * plenty, []int64{1}, plentyFor, false},
			"little after all": {-1, []int64{1}, 0, false},
		} {
			s.seen(store, c.room)
			time.Sleep(c.after)
			took := false
			for _, n := range c.take {
				took = s.take(store, n)
			}
			if took != c.want {
				t.Errorf("%s: %v", name, took)
			}
			if s.take(other, 1) {
				t.Errorf("%s: another store was not asked", name)
			}
		}
	})
}

func rootID(l *lab) string {
	l.Helper()
	acct, err := l.Accounts.ByName(context.Background(), "root")
	if err != nil {
		l.Fatal(err)
	}
	return acct.ID
}
