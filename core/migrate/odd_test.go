package migrate

import (
	"errors"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/storewrap"
	"github.com/mucura/mucura/core/weak"
)

// TestManifest moves an object of so many parts that its segments lie in a
// manifest, over contents that another object shares.
func TestManifest(t *testing.T) {
	home, away := newSite(t, embedded), newSite(t, weak.Large()[1])
	home.fill()
	b, err := home.repo.Bucket(ctx, "plain")
	home.must(err)
	home.put(b, "source", strings.Repeat("s", repo.MinPartSize), nil)
	h, err := home.repo.Open(ctx, b, "source", "", false)
	home.must(err)
	u, err := home.repo.CreateUpload(ctx, repo.CreateUploadInput{Bucket: b, Key: "large", Initiator: b.Owner, Object: catalog.Object{Owner: b.Owner}})
	home.must(err)
	in := repo.CompleteUploadInput{Bucket: b, Key: "large", UploadID: u.ID}
	for n := range catalog.MaxEmbedded + 4 {
		p, err := home.repo.CopyPart(ctx, repo.CopyPartInput{Source: h, Length: h.Size, Bucket: b, Key: "large", UploadID: u.ID, Number: n + 1})
		home.must(err)
		in.Parts = append(in.Parts, repo.CompletedPart{Number: n + 1, ETag: p.ETag})
	}
	o, err := home.repo.CompleteUpload(ctx, in)
	home.must(err)
	if o.Manifest == "" {
		t.Fatal("no manifest was needed")
	}
	m := home.migration(away, mem.NewMeta())
	home.must(m.Begin(ctx))
	_, err = m.Pass(ctx)
	home.must(err)
	home.must(m.Final(ctx))
	home.wantEqual(away)
	h, err = away.Repo.Open(ctx, b, "large", "", false)
	away.must(err)
	if h.Manifest != o.Manifest || len(away.stored()) > len(home.stored())+10 {
		t.Errorf("manifest %q; %d contents became %d: bytes are no more shared", h.Manifest, len(home.stored()), len(away.stored()))
	}
}

func (s *site) stored() (ids []content.ID) {
	s.Helper()
	s.must(s.content.Walk(ctx, "", func(i content.Info) error { ids = append(ids, i.ID); return nil }))
	return ids
}

// TestOwingRecords moves records whose writers died between the deciding write and
// what follows from it, on stores without batches: what they owe names versions of
// that store, so it is done before, and seen by the passes that follow.
func TestOwingRecords(t *testing.T) {
	for _, g := range grades() {
		if g.Caps.Name == "no-batch" || g.Caps.Name == "lagging" {
			t.Run(g.Caps.Name, func(t *testing.T) { owingRecords(t, g) })
		}
	}
}

func owingRecords(t *testing.T, g weak.Grade) {
	home, away := newSite(t, g), newSite(t, embedded)
	home.fill()
	b, err := home.repo.Bucket(ctx, "versions")
	home.must(err)
	left := 0
	dying := home.over(&storewrap.Fault{Store: home.Meta, Before: func(op storewrap.Op, _ meta.Partition, key string) error {
		if op == storewrap.Get || op == storewrap.Scan {
			return nil
		}
		if left--; left < 0 {
			return errors.Join(meta.ErrUnavailable, errors.New("died"))
		}
		return nil
	}}, home.registry, home.Content)
	left = 1 // the deciding write
	_, err = dying.PutObject(ctx, repo.PutObjectInput{Bucket: b, Key: "small", Body: strings.NewReader("new"), Size: 3, Object: catalog.Object{Owner: b.Owner}})
	home.must(err)
	left = 1
	_, err = dying.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: "tinysite", Owner: b.Owner})
	home.must(err)
	m := home.migration(away, mem.NewMeta())
	home.must(m.Begin(ctx))
	p, err := m.Pass(ctx)
	home.must(err)
	if p.Later != 2 {
		t.Errorf("%d records were put off, want 2", p.Later)
	}
	home.must(m.Final(ctx))
	home.wantEqual(away)
	if got := away.readAll(b, "small", nil); got != "new" {
		t.Errorf("read %q", got)
	}
	list, err := away.Repo.ListVersions(ctx, b, repo.ListInput{Prefix: "small", Max: 10}, "")
	away.must(err)
	if len(list.Entries) < 4 {
		t.Errorf("%d versions", len(list.Entries))
	}
}

// TestLongFinished leaves out of the memory of a completed upload what a target of
// small values has no room for.
func TestLongFinished(t *testing.T) {
	away := newSite(t, weak.Large()[1])
	m := newSite(t, embedded).migration(away, mem.NewMeta())
	f := &catalog.Finished{Key: "k", ETag: "e"}
	for range 5000 {
		f.Used = append(f.Used, content.NewID(f.At))
	}
	rec := meta.Record{Value: catalog.EncodeFinished(f)}
	if err := m.layFinished(&rec); err != nil || len(rec.Value) > meta.MinValue {
		t.Fatalf("%d bytes, %v", len(rec.Value), err)
	}
	got, err := catalog.DecodeFinished(rec.Value)
	if err != nil || got.Key != "k" || got.ETag != "e" || got.Used != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
