package repo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// versionedKey is a key with its versions, newest first. current tells that
// the newest one is an object, not a delete marker.
type versionedKey struct {
	key      string
	versions []catalog.Object
	current  bool
}

func genVersions() *rapid.Generator[[]versionedKey] {
	return rapid.Custom(func(t *rapid.T) []versionedKey {
		names := rapid.SliceOfNDistinct(genListKey(), 0, 25, rapid.ID[string]).Draw(t, "keys")
		slices.Sort(names)
		keys := make([]versionedKey, len(names))
		for i, name := range names {
			k := versionedKey{key: name, current: rapid.Bool().Draw(t, "current")}
			n := rapid.IntRange(1, 5).Draw(t, "versions")
			null := rapid.IntRange(-1, n-1).Draw(t, "null")
			for v := range n {
				marker := v > 0 && rapid.Bool().Draw(t, "marker") || v == 0 && !k.current
				k.versions = append(k.versions, catalog.Object{
					Ref: catalog.VersionRef{Seq: uint64(100 - v), Rand: rapid.Uint64().Draw(t, "rand")}, Null: v == null, DeleteMarker: marker,
				})
			}
			keys[i] = k
		}
		return keys
	})
}

func TestListVersionsIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := mem.NewMeta()
		r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
		keys := genVersions().Draw(t, "versions")
		var lines []modelLine
		var names []string
		latest := map[string]bool{}
		for _, k := range keys {
			names = append(names, k.key)
			for i := range k.versions {
				o := &k.versions[i]
				at := catalog.VersionKey(k.key, o.Ref)
				if i == 0 && k.current {
					at = catalog.ObjectKey(k.key)
				}
				putRecord(t, store, at, o)
				lines = append(lines, modelLine{name: k.key, id: o.VersionID()})
				latest[k.key+"\x00"+o.VersionID()] = i == 0
			}
			if !k.current && rapid.Bool().Draw(t, "gone") {
				putRecord(t, store, catalog.ObjectKey(k.key), &catalog.Object{Gone: true})
			}
		}
		in := genListInput(names).Draw(t, "in")
		version, left := "", lines
		for {
			l, err := r.ListVersions(context.Background(), listBucket, in, version)
			if err != nil {
				t.Fatal(err)
			}
			asked := in
			if version != "" { // what follows the marker within its key comes first
				asked.After = ""
			}
			want, truncated := model(left, asked)
			if got := linesOf(l, (*repo.ListEntry).VersionID); !slices.Equal(got, want) || l.Truncated != truncated {
				t.Fatalf("%#v version %q:\n got %#v %v\nwant %#v %v", in, version, got, l.Truncated, want, truncated)
			}
			for _, e := range l.Entries {
				if e.Latest != latest[e.Key+"\x00"+e.VersionID()] {
					t.Fatalf("%q %s: latest is %v", e.Key, e.VersionID(), e.Latest)
				}
			}
			if !l.Truncated {
				return
			}
			last := want[len(want)-1]
			if l.Next != last.name || l.NextVersion != last.id {
				t.Fatalf("next %q %q, want %#v", l.Next, l.NextVersion, last)
			}
			in.After, version = l.Next, l.NextVersion
			if left = lines; version != "" {
				left = lines[slices.Index(lines, last)+1:]
			}
		}
	})
}

// The versions a page showed may be deleted before the next is asked for, as
// tools do that delete everything.
func TestListVersionsWhileDeleting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := mem.NewMeta()
		r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
		want := map[string]bool{}
		for _, k := range genVersions().Draw(t, "versions") {
			for i := range k.versions {
				o := &k.versions[i]
				putRecord(t, store, catalog.VersionKey(k.key, o.Ref), o)
				want[k.key+"\x00"+o.VersionID()] = true
			}
		}
		in := repo.ListInput{Max: rapid.IntRange(1, 5).Draw(t, "max")}
		for version := ""; ; {
			l, err := r.ListVersions(context.Background(), listBucket, in, version)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range l.Entries {
				id := e.Key + "\x00" + e.VersionID()
				if !want[id] {
					t.Fatalf("%q was shown twice", id)
				}
				delete(want, id)
				at := catalog.VersionKey(e.Key, e.Version)
				if err := store.Delete(context.Background(), catalog.InBucket(listBucket.ID), at, meta.Always); err != nil {
					t.Fatal(err)
				}
			}
			if in.After, version = l.Next, l.NextVersion; !l.Truncated {
				break
			}
		}
		if len(want) > 0 {
			t.Fatalf("%d versions were not shown", len(want))
		}
	})
}

func TestListVersionsMarkers(t *testing.T) {
	store := mem.NewMeta()
	r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
	for seq := range 4 {
		putRecord(t, store, catalog.VersionKey("k", catalog.VersionRef{Seq: uint64(seq)}), &catalog.Object{Ref: catalog.VersionRef{Seq: uint64(seq)}})
	}
	putRecord(t, store, catalog.ObjectKey("k"), &catalog.Object{Ref: catalog.VersionRef{Seq: 9}})
	list := func(after, version string) string {
		l, err := r.ListVersions(context.Background(), listBucket, repo.ListInput{After: after, Max: 9}, version)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range l.Entries {
			out = append(out, fmt.Sprintf("%d%v", e.Version.Seq, e.Latest)[:2])
		}
		return strings.Join(out, " ")
	}
	id := func(seq uint64) string { return catalog.VersionRef{Seq: seq}.ID() }
	for _, c := range []struct{ after, version, want string }{
		{"", "", "9t 3f 2f 1f 0f"},
		{"j", id(2), "9t 3f 2f 1f 0f"},
		{"k", "", ""},
		{"k", id(10), "9t 3f 2f 1f 0f"}, // was deleted
		{"k", id(9), "3f 2f 1f 0f"},
		{"k", id(5), "3f 2f 1f 0f"}, // was deleted
		{"k", id(2), "1f 0f"},
		{"k", id(0), ""},
		{"k", "null", "9t 3f 2f 1f 0f"}, // was deleted: its place is not known
	} {
		if got := list(c.after, c.version); got != c.want {
			t.Errorf("after %q %q: %s, want %s", c.after, c.version, got, c.want)
		}
	}
	for _, c := range []struct{ after, version string }{{"", id(1)}, {"k", "nonsense"}, {"k", id(1)[:31]}} {
		_, err := r.ListVersions(context.Background(), listBucket, repo.ListInput{After: c.after, Max: 9}, c.version)
		if !errors.Is(err, s3err.InvalidArgument) {
			t.Errorf("after %q %q: %v", c.after, c.version, err)
		}
	}
}
