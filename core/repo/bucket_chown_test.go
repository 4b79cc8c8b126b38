package repo

import (
	"errors"
	"slices"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/storewrap"
)

func TestChownBucket(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		grants := []catalog.Grant{
			{Group: catalog.AllUsers, Permission: catalog.PermRead},
			{Account: "ana", Permission: catalog.PermFullControl},
			{Account: "cy", Permission: catalog.PermRead},
		}
		if _, err := l.CreateBucket(ctx, catalog.Bucket{Name: "gift", Owner: "ana", ACL: &catalog.ACL{Grants: grants}}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // giving it once more changes nothing
			if _, err := l.ChownBucket(ctx, "gift", "bob"); err != nil {
				t.Fatal(err)
			}
			b, err := l.Bucket(ctx, "gift")
			if err != nil || b.Owner != "bob" {
				t.Fatalf("%+v, %v", b, err)
			}
			if g := b.ACL.Grants; g[0] != grants[0] || g[1].Account != "bob" || g[2] != grants[2] {
				t.Fatalf("grants %+v", g)
			}
			if names := l.bucketNames(t, "ana", "", 9); slices.Contains(names, "gift") {
				t.Fatalf("ana has %v", names)
			}
			if names := l.bucketNames(t, "bob", "", 9); !slices.Equal(names, []string{"gift"}) {
				t.Fatalf("bob has %v", names)
			}
		}
		if _, err := l.ChownBucket(ctx, "none", "bob"); !errors.Is(err, s3err.NoSuchBucket) {
			t.Fatal(err)
		}
	})
}

// TestChownBucketFails lets each write of a change of owner fail: the bucket
// has one owner, and it is in that owner's list alone.
func TestChownBucketFails(t *testing.T) {
	for left := range 3 {
		l := newLab(t, stores[0])
		if _, err := l.CreateBucket(ctx, catalog.Bucket{Name: "gift", Owner: "ana"}); err != nil {
			t.Fatal(err)
		}
		registry, writes := l.Registry, left
		l.Registry = &storewrap.Fault{Store: registry, Before: func(op storewrap.Op, _ meta.Partition, _ string) error {
			if op != storewrap.Put && op != storewrap.Delete {
				return nil
			}
			if writes--; writes == -1 {
				return meta.ErrUnavailable
			}
			return nil
		}}
		_, err := l.ChownBucket(ctx, "gift", "bob")
		l.Registry = registry
		if err != nil && s3err.From(err).Status != 503 {
			t.Fatal(err)
		}
		b, err := l.Bucket(ctx, "gift")
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range []string{"ana", "bob"} {
			if listed := slices.Contains(l.bucketNames(t, account, "", 9), "gift"); listed != (b.Owner == account) {
				t.Errorf("write %d: of %s, listed for %s: %v", left, b.Owner, account, listed)
			}
		}
	}
}
