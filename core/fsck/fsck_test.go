package fsck

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/weak"
)

var ctx = context.Background()

// lab is a repository in memory with something of everything.
type lab struct {
	*testing.T
	*repo.Repo
	meta     *mem.Meta
	content  *mem.Content
	plain    *catalog.Bucket
	versions *catalog.Bucket
	ahead    time.Duration // how far the clock has been put forward
}

func newLab(t *testing.T, caps meta.Capabilities) *lab {
	t.Helper()
	l := &lab{T: t, meta: mem.NewMeta(), content: mem.NewContent()}
	registry := mem.NewMeta()
	contents := content.Store(l.content)
	if caps.Name != "batch" && caps.Name != "single" {
		contents = weak.NewContent(contents)
	}
	l.Repo = &repo.Repo{
		Meta: weak.Grade{Caps: caps}.Over(l.meta), Registry: registry, Content: contents,
		Quota:    &quota.Keeper{Registry: registry, Now: time.Now, Process: "lab"},
		Accounts: &accounts.Service{Registry: registry, Now: time.Now, SiteKey: make([]byte, 32)},
		Now:      func() time.Time { return time.Now().Add(l.ahead) }, InlineMax: 32, Leeway: time.Hour,
	}
	for _, name := range []string{"ana", "ben"} {
		value, err := json.Marshal(catalog.Account{ID: name, Name: name, State: catalog.Active, Role: catalog.Member, Quota: -1})
		l.must(err)
		_, err = registry.Put(ctx, catalog.Accounts, name, meta.Record{Value: value}, meta.Always)
		l.must(err)
	}
	l.plain = l.newBucket("plain", "ana", catalog.Unversioned)
	l.versions = l.newBucket("versions", "ben", catalog.VersioningEnabled)
	l.fill()
	return l
}

// fill makes nine versions, one delete marker and two parts.
func (l *lab) fill() {
	l.put(l.plain, "inline", "a few bytes")
	l.put(l.plain, "big", big("big"))
	l.put(l.plain, "summed", big("summed"), func(in *repo.PutObjectInput) { in.Digest.Algorithm = "CRC32" })
	h, err := l.Open(ctx, l.plain, "big", "", false)
	l.must(err)
	_, err = l.CopyObject(ctx, repo.CopyInput{Source: h, Bucket: l.versions, Key: "copy", Object: catalog.Object{Owner: "ben"}})
	l.must(err)
	l.put(l.versions, "k", big("one"))
	l.put(l.versions, "k", big("two"))
	_, err = l.DeleteObject(ctx, repo.DeleteInput{Bucket: l.versions, Key: "k", Owner: "ben"})
	l.must(err)
	l.put(l.plain, "source", strings.Repeat("s", repo.MinPartSize))
	l.multipart("multipart", 1)
	l.manifest("manifest")
	u := l.begin("unfinished")
	for n := range 2 {
		_, err := l.UploadPart(ctx, repo.UploadPartInput{Bucket: l.plain, Key: "unfinished", UploadID: u.ID, Number: n + 1, Body: strings.NewReader(big("part")), Size: -1})
		l.must(err)
	}
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lab) newBucket(name, owner string, v catalog.Versioning) *catalog.Bucket {
	l.Helper()
	b, err := l.CreateBucket(ctx, catalog.Bucket{Name: name, Owner: owner, Versioning: v})
	l.must(err)
	return b
}

// big is a body too large for the record.
func big(s string) string { return strings.Repeat(s+".", 32) }

func (l *lab) put(b *catalog.Bucket, key, body string, change ...func(*repo.PutObjectInput)) {
	l.Helper()
	in := repo.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader(body), Size: int64(len(body)), Object: catalog.Object{Owner: b.Owner}}
	for _, c := range change {
		c(&in)
	}
	_, err := l.PutObject(ctx, in)
	l.must(err)
}

func (l *lab) begin(key string) *catalog.Upload {
	l.Helper()
	u, err := l.CreateUpload(ctx, repo.CreateUploadInput{Bucket: l.plain, Key: key, Initiator: "ana", Object: catalog.Object{Owner: "ana"}})
	l.must(err)
	return u
}

// multipart makes an object of n parts of the source and a short last one.
func (l *lab) multipart(key string, n int) {
	l.Helper()
	u := l.begin(key)
	h, err := l.Open(ctx, l.plain, "source", "", false)
	l.must(err)
	in := repo.CompleteUploadInput{Bucket: l.plain, Key: key, UploadID: u.ID}
	for i := range n {
		p, err := l.CopyPart(ctx, repo.CopyPartInput{Source: h, Length: h.Size, Bucket: l.plain, Key: key, UploadID: u.ID, Number: i + 1})
		l.must(err)
		in.Parts = append(in.Parts, repo.CompletedPart{Number: i + 1, ETag: p.ETag})
	}
	p, err := l.UploadPart(ctx, repo.UploadPartInput{Bucket: l.plain, Key: key, UploadID: u.ID, Number: n + 1, Body: strings.NewReader(big(key)), Size: -1})
	l.must(err)
	in.Parts = append(in.Parts, repo.CompletedPart{Number: n + 1, ETag: p.ETag})
	_, err = l.CompleteUpload(ctx, in)
	l.must(err)
}

// manifest makes an object of a hundred short segments. By way of the API it would
// be of 500 MiB.
func (l *lab) manifest(key string) {
	l.Helper()
	const n = 100
	id, list := content.NewID(time.Now()), content.NewID(time.Now())
	l.replace(id, "segment")
	one := md5.Sum([]byte("segment"))
	var segments []catalog.Segment
	var parts []catalog.PartInfo
	for i := range n {
		segments = append(segments, catalog.Segment{ID: id, Length: 7})
		parts = append(parts, catalog.PartInfo{Number: i + 1, Size: 7})
	}
	l.replace(list, string(catalog.EncodeManifest(segments, parts)))
	l.put(l.plain, key, "")
	_, o := l.record(l.plain, key)
	o.Inline, o.Manifest, o.PartCount, o.Size = false, list, n, 7*n
	o.ETag = fmt.Sprintf("%x-%d", md5.Sum(bytes.Repeat(one[:], n)), n)
	l.write(l.plain, key, meta.Record{Value: catalog.EncodeObject(o), Summary: catalog.ObjectSummary(o)})
}

// check runs fsck and gives what it found wrong.
func (l *lab) check(readData bool) (Report, []Problem) {
	l.Helper()
	var mu sync.Mutex
	var found []Problem
	c := &Checker{Repo: l.Repo, Now: l.Now, ReadData: readData, Problem: func(p Problem) {
		mu.Lock()
		defer mu.Unlock()
		found = append(found, p)
	}}
	rep, err := c.Run(ctx)
	l.must(err)
	if rep.Problems != len(found) {
		l.Errorf("%d problems reported, %d counted", len(found), rep.Problems)
	}
	return rep, found
}

func (l *lab) record(b *catalog.Bucket, key string) (meta.Record, *catalog.Object) {
	l.Helper()
	rec, err := l.meta.Get(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), true)
	l.must(err)
	o, err := catalog.DecodeObject(rec.Value)
	l.must(err)
	return rec, o
}

func (l *lab) write(b *catalog.Bucket, key string, rec meta.Record) {
	l.Helper()
	_, err := l.meta.Put(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), rec, meta.Always)
	l.must(err)
}

// replace puts other bytes in the place of a content.
func (l *lab) replace(id content.ID, bytes string) {
	l.Helper()
	w, err := l.content.Create(ctx, id, -1)
	l.must(err)
	_, err = w.Write([]byte(bytes))
	l.must(err)
	l.must(w.Commit())
}

var grades = append([]meta.Capabilities{
	{Name: "batch", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10},
	{Name: "single", CAS: meta.Linearizable, FreshScan: true, MaxInline: 64 << 10, MaxValue: meta.MinValue},
}, large()...)

func large() (all []meta.Capabilities) {
	for _, g := range weak.Large() {
		if g.Caps.FreshScan && g.Caps.MaxInline >= 32 {
			all = append(all, g.Caps)
		}
	}
	return all
}

// unnamed is what a report says of n unnamed contents.
func (l *lab) unnamed(n int) int {
	if !l.Content.Capabilities().CheapWalk {
		return -1
	}
	return n
}

func TestClean(t *testing.T) {
	for _, caps := range grades {
		l := newLab(t, caps)
		for _, readData := range []bool{false, true} {
			rep, found := l.check(readData)
			rep.Bytes = 0
			if want := (Report{Buckets: 2, Versions: 9, Markers: 1, Parts: 2, Unnamed: l.unnamed(0)}); rep != want || len(found) != 0 {
				t.Errorf("%s: %+v, %v", caps.Name, rep, found)
			}
		}
		l.ahead = 2 * time.Hour
		l.replace(content.NewID(time.Now()), "named by nobody")
		if rep, found := l.check(true); rep.Unnamed != l.unnamed(1) || len(found) != 0 {
			t.Errorf("%s, later: %+v, %v", caps.Name, rep, found)
		}
	}
}

// damages are each kind of damage, done to the repository behind its back.
var damages = map[string]struct {
	do   func(l *lab)
	read bool     // is seen only when data is read
	want []string // bucket/key of each problem, and a word of what is said
}{
	"content missing": {
		do:   func(l *lab) { _, o := l.record(l.plain, "summed"); l.must(l.content.Delete(ctx, o.Segments[0].ID)) },
		want: []string{"plain/summed not found"},
	},
	"shared content missing": {
		do:   func(l *lab) { _, o := l.record(l.plain, "big"); l.must(l.content.Delete(ctx, o.Segments[0].ID)) },
		want: []string{"plain/big not found", "versions/copy not found"},
	},
	"content truncated": {
		do:   func(l *lab) { _, o := l.record(l.plain, "summed"); l.replace(o.Segments[0].ID, big("summed")[1:]) },
		want: []string{"plain/summed bytes of"},
	},
	"flipped bit": {
		do: func(l *lab) {
			_, o := l.record(l.plain, "summed")
			l.replace(o.Segments[0].ID, "t"+big("summed")[1:])
		},
		read: true, want: []string{"plain/summed damaged"},
	},
	"flipped bit inline": {
		do: func(l *lab) {
			rec, _ := l.record(l.plain, "inline")
			rec.Body[3] ^= 1
			l.write(l.plain, "inline", rec)
		},
		read: true, want: []string{"plain/inline damaged"},
	},
	"flipped bit in a part": {
		do: func(l *lab) {
			_, o := l.record(l.plain, "multipart")
			l.replace(o.Segments[1].ID, "N"+big("multipart")[1:])
		},
		read: true, want: []string{"plain/multipart damaged"},
	},
	"inline body short": {
		do: func(l *lab) {
			rec, _ := l.record(l.plain, "inline")
			rec.Body = rec.Body[1:]
			l.write(l.plain, "inline", rec)
		},
		want: []string{"plain/inline bytes are kept of"},
	},
	"summary of another size": {
		do: func(l *lab) {
			rec, o := l.record(l.plain, "inline")
			o.Size++
			rec.Summary = catalog.ObjectSummary(o)
			l.write(l.plain, "inline", rec)
		},
		want: []string{"plain/inline summary"},
	},
	"summary of another ETag": {
		do: func(l *lab) {
			rec, o := l.record(l.versions, "copy")
			o.ETag = "0" + o.ETag[1:]
			rec.Summary = catalog.ObjectSummary(o)
			l.write(l.versions, "copy", rec)
		},
		want: []string{"versions/copy summary"},
	},
	"summary unreadable": {
		do: func(l *lab) {
			rec, _ := l.record(l.plain, "big")
			rec.Summary = []byte("?")
			l.write(l.plain, "big", rec)
		},
		want: []string{"plain/big summary"},
	},
	"record unreadable": {
		do: func(l *lab) {
			rec, _ := l.record(l.plain, "big")
			rec.Value = rec.Value[:9]
			l.write(l.plain, "big", rec)
		},
		want: []string{"plain/big malformed"},
	},
	"record of no kind": {
		do: func(l *lab) {
			_, err := l.meta.Put(ctx, catalog.InBucket(l.plain.ID), "zebra", meta.Record{}, meta.Always)
			l.must(err)
		},
		want: []string{"plain no known kind"},
	},
	"manifest missing": {
		do:   func(l *lab) { _, o := l.record(l.plain, "manifest"); l.must(l.content.Delete(ctx, o.Manifest)) },
		want: []string{"plain/manifest manifest"},
	},
	"manifest damaged": {
		do:   func(l *lab) { _, o := l.record(l.plain, "manifest"); l.replace(o.Manifest, "rubbish") },
		want: []string{"plain/manifest manifest"},
	},
	"manifest short": {
		do: func(l *lab) {
			_, o := l.record(l.plain, "manifest")
			segments, err := l.Segments(ctx, o)
			l.must(err)
			l.replace(o.Manifest, string(catalog.EncodeManifest(segments[1:], make([]catalog.PartInfo, len(segments)))))
		},
		want: []string{"plain/manifest bytes of"},
	},
	"sizes disagree": {
		do: func(l *lab) {
			rec, o := l.record(l.plain, "big")
			o.Size--
			rec.Value, rec.Summary = catalog.EncodeObject(o), catalog.ObjectSummary(o)
			l.write(l.plain, "big", rec)
		},
		want: []string{"plain/big bytes of"},
	},
	"content of a part missing": {
		do: func(l *lab) {
			page, err := l.meta.Scan(ctx, catalog.InBucket(l.plain.ID), meta.Range{From: catalog.SpacePart, Before: "q", WithValue: true})
			l.must(err)
			p, err := catalog.DecodePart(page.Entries[1].Record.Value)
			l.must(err)
			l.must(l.content.Delete(ctx, p.Segments[0].ID))
		},
		want: []string{"plain/(part 2 of not found"},
	},
	"owner missing": {
		do:   func(l *lab) { l.must(l.Registry.Delete(ctx, catalog.Accounts, "ben", meta.Always)) },
		want: []string{"versions owner"},
	},
}

func TestDamage(t *testing.T) {
	for name, d := range damages {
		for _, caps := range grades {
			t.Run(name+"/"+caps.Name, func(t *testing.T) {
				l := newLab(t, caps)
				d.do(l)
				l.ahead = 2 * time.Hour
				// Nothing may be answered from what was read before the damage.
				l.Repo = &repo.Repo{Meta: l.meta, Registry: l.Registry, Content: l.content, Accounts: l.Accounts, Now: l.Now, InlineMax: 32, Leeway: time.Hour}
				if _, found := l.check(false); d.read && len(found) != 0 {
					t.Errorf("without reading: %v", found)
				}
				_, found := l.check(true)
				if len(found) != len(d.want) {
					t.Fatalf("found %v, want %q", found, d.want)
				}
				for i, want := range d.want {
					where, what, _ := strings.Cut(want, " ")
					if strings.HasPrefix(want, "plain/(") {
						where, what = "plain/(part 2 of", "not found"
					}
					if got := found[i].String(); !strings.HasPrefix(got, where) || !strings.Contains(got, what) {
						t.Errorf("found %q, want %q", got, want)
					}
				}
			})
		}
	}
}

// TestBusy: beside writers nothing is found wrong.
func TestBusy(t *testing.T) {
	for _, caps := range grades {
		t.Run(caps.Name, func(t *testing.T) {
			l := newLab(t, caps)
			var wg sync.WaitGroup
			for id := range 4 {
				wg.Go(func() {
					for n := range 60 {
						l.churn(fmt.Sprint("key-", (id+n)%5), n)
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			for running := true; running; {
				if _, found := l.check(true); len(found) != 0 {
					t.Errorf("found %v", found)
				}
				select {
				case <-done:
					running = false
				default:
				}
			}
			if _, found := l.check(true); len(found) != 0 {
				t.Errorf("at the end: %v", found)
			}
		})
	}
}

// churn changes a key of each bucket.
func (l *lab) churn(key string, n int) {
	for _, b := range []*catalog.Bucket{l.plain, l.versions} {
		body := big(fmt.Sprint(key, n))
		if n%3 == 0 {
			body = "small"
		}
		_, _ = l.PutObject(ctx, repo.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader(body), Size: int64(len(body)), Object: catalog.Object{Owner: b.Owner}})
		if n%4 == 0 {
			_, _ = l.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: key, Owner: b.Owner})
		}
	}
}
