package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/fsck"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/sse"
	"github.com/mucura/mucura/core/storewrap"
	"github.com/mucura/mucura/core/sweep"
	"github.com/mucura/mucura/core/weak"
)

var ctx = context.Background()

const leeway = time.Hour

var siteKey = bytes.Repeat([]byte{7}, 32)

// site is a whole repository in memory.
type site struct {
	*testing.T
	Side
	repo     *repo.Repo
	catalog  *mem.Meta // below what is weak
	registry *mem.Meta
	content  *mem.Content
	frozen   *storewrap.Gate
	readOnly bool
	mu       sync.Mutex
	ben      *catalog.Account
}

// small and embedded are the grades of a small site.
var embedded = weak.Grade{Caps: meta.Capabilities{Name: "embedded", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10}}

// grades are embedded and those of large sites. Scans that lag do so by little, as
// time is real here.
func grades() []weak.Grade {
	all := append([]weak.Grade{embedded}, weak.Large()...)
	for i := range all {
		if all[i].Lag > 0 {
			all[i].Lag = 50 * time.Millisecond
			all[i].Caps.ScanLag = 100 * time.Millisecond
		}
	}
	return all
}

func newSite(t *testing.T, g weak.Grade) *site {
	t.Helper()
	s := &site{T: t, catalog: mem.NewMeta(), registry: mem.NewMeta(), content: mem.NewContent()}
	s.Meta, s.Registry, s.Content = g.Over(s.catalog), s.registry, s.content
	if g.Caps.Name != embedded.Caps.Name {
		s.Content = weak.NewContent(s.content)
	}
	s.frozen = &storewrap.Gate{Every: time.Millisecond, Read: func(context.Context) (bool, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.readOnly, nil
	}}
	guard := &storewrap.Guard{Gate: s.frozen}
	s.repo = s.over(&storewrap.Guarded{Store: s.Meta, Guard: guard}, &storewrap.Guarded{Store: s.registry, Guard: guard},
		&storewrap.GuardedContent{Store: s.Content, Guard: guard})
	s.Repo = s.over(s.Meta, s.registry, s.Content) // a migration's own
	return s
}

func (s *site) over(m, registry meta.Store, c content.Store) *repo.Repo {
	return &repo.Repo{
		Meta: m, Registry: registry, Content: c,
		Quota:    &quota.Keeper{Registry: registry, Now: time.Now, Process: "site", Settling: -1},
		Accounts: &accounts.Service{Registry: registry, Now: time.Now, SiteKey: siteKey},
		SSE:      &sse.Site{Key: siteKey},
		Now:      time.Now, InlineMax: 256, Leeway: leeway,
	}
}

func (s *site) freeze(context.Context) error {
	s.mu.Lock()
	s.readOnly = true
	s.mu.Unlock()
	time.Sleep(5 * time.Millisecond)
	return nil
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func big(text string) string { return strings.Repeat(text+".", 200) }

// fill makes something of everything.
func (s *site) fill() {
	s.Helper()
	r := s.repo
	for _, name := range []string{"ana", "ben"} {
		a, err := r.Accounts.Add(ctx, accounts.NewAccount{Name: name, Email: name + "@example.org", Quota: 1 << 40})
		s.must(err)
		_, err = r.Accounts.AddKey(ctx, a.ID, accounts.KeySpec{Label: "laptop"})
		s.must(err)
		s.ben = a
	}
	for _, b := range []catalog.Bucket{
		{Name: "plain"}, {Name: "versions", Versioning: catalog.VersioningEnabled},
		{Name: "suspended", Versioning: catalog.VersioningEnabled},
		{Name: "locked", Lock: &catalog.LockConfig{Enabled: true, Mode: catalog.Governance, Days: 1}},
		{Name: "deleted"},
	} {
		b.Owner = s.ben.ID
		made, err := r.CreateBucket(ctx, b)
		s.must(err)
		s.fillBucket(made)
	}
	_, err := r.UpdateBucket(ctx, "suspended", func(b *catalog.Bucket) error {
		b.Versioning = catalog.VersioningSuspended
		b.Policy = `{"Version":"2012-10-17","Statement":[]}`
		b.Tags = []catalog.Tag{{Key: "k", Value: "v"}}
		b.ACL = &catalog.ACL{Grants: []catalog.Grant{{Group: catalog.AllUsers, Permission: catalog.PermRead}}}
		return nil
	})
	s.must(err)
	b, err := r.Bucket(ctx, "suspended")
	s.must(err)
	s.must(r.SetBucketDoc(ctx, b, catalog.DocLifecycle, []byte("<LifecycleConfiguration/>")))
	s.put(b, "k", "null version", nil)
	s.put(b, "big", big("null version"), nil)
	s.drop("deleted")
}

func (s *site) fillBucket(b *catalog.Bucket) {
	s.Helper()
	site, err := s.repo.SiteKey("")
	s.must(err)
	customer, err := sse.NewCustomerKey(bytes.Repeat([]byte{9}, 32))
	s.must(err)
	for name, key := range map[string]*sse.Key{"": nil, "site": site, "customer": customer} {
		s.put(b, "small"+name, "small"+b.Name, key)
		s.put(b, "tiny"+name, "t", key)
		s.put(b, "big"+name, big(b.Name+name), key)
		s.put(b, "big"+name, big("again "+b.Name+name), key)
	}
	s.put(b, "empty", "", nil)
	s.put(b, "odd \x01é/%", big("odd"), nil)
	s.copy(b, "big", "copy")
	s.copy(b, "small", "copy-small")
	s.copy(b, "bigsite", "copy-encrypted")
	s.multipart(b, "finished", true)
	s.multipart(b, "unfinished", false)
	s.delete(b, "tiny", "")
}

func (s *site) put(b *catalog.Bucket, key, body string, under *sse.Key) {
	s.Helper()
	_, err := s.repo.PutObject(ctx, repo.PutObjectInput{
		Bucket: b, Key: key, Body: strings.NewReader(body), Size: int64(len(body)), Encrypt: under,
		Object: catalog.Object{Owner: b.Owner, ContentType: "text/plain", Tags: []catalog.Tag{{Key: "t", Value: key}},
			UserMeta: []catalog.Tag{{Key: "m", Value: "é"}}, ACL: &catalog.ACL{Grants: []catalog.Grant{{Account: b.Owner, Permission: catalog.PermRead}}}},
		Digest: repo.Digest{Algorithm: "CRC32"},
	})
	s.must(err)
}

func (s *site) copy(b *catalog.Bucket, from, to string) {
	s.Helper()
	h, err := s.repo.Open(ctx, b, from, "", true)
	s.must(err)
	var key *sse.Key
	if h.Encryption.Algorithm != "" {
		key, err = s.repo.SiteKey("")
		s.must(err)
	}
	_, err = s.repo.CopyObject(ctx, repo.CopyInput{Source: h, Bucket: b, Key: to, Encrypt: key, Object: catalog.Object{Owner: b.Owner}})
	s.must(err)
}

func (s *site) multipart(b *catalog.Bucket, key string, complete bool) {
	s.Helper()
	u, err := s.repo.CreateUpload(ctx, repo.CreateUploadInput{Bucket: b, Key: key, Initiator: b.Owner, Object: catalog.Object{Owner: b.Owner}})
	s.must(err)
	p, err := s.repo.UploadPart(ctx, repo.UploadPartInput{Bucket: b, Key: key, UploadID: u.ID, Number: 3, Body: strings.NewReader(key), Size: -1})
	s.must(err)
	if complete {
		_, err = s.repo.CompleteUpload(ctx, repo.CompleteUploadInput{Bucket: b, Key: key, UploadID: u.ID, Parts: []repo.CompletedPart{{Number: 3, ETag: p.ETag}}})
		s.must(err)
	}
}

func (s *site) delete(b *catalog.Bucket, key, version string) {
	s.Helper()
	_, err := s.repo.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: key, VersionID: version, Owner: b.Owner})
	s.must(err)
}

// drop deletes a bucket with all it holds.
func (s *site) drop(name string) {
	s.Helper()
	b, err := s.repo.Bucket(ctx, name)
	s.must(err)
	time.Sleep(settles(s.Meta))
	for {
		list, err := s.repo.ListObjects(ctx, b, repo.ListInput{Max: 1000})
		s.must(err)
		if len(list.Entries) == 0 {
			break
		}
		for _, e := range list.Entries {
			s.delete(b, e.Key, "")
		}
		time.Sleep(settles(s.Meta))
	}
	s.must(s.repo.DeleteBucket(ctx, name))
}

func settles(m meta.Store) time.Duration {
	caps := m.Capabilities()
	return caps.ScanSettles()
}

// write changes things until ctx is done or the site is read-only.
func (s *site) write(ctx context.Context, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for n := 0; ctx.Err() == nil; n++ {
		name := []string{"plain", "versions", "suspended"}[rnd.IntN(3)]
		b, err := s.repo.Bucket(ctx, name)
		if err != nil {
			continue
		}
		key := fmt.Sprint("w", rnd.IntN(10))
		body := fmt.Sprint(seed, n)
		switch rnd.IntN(6) {
		case 0:
			body = big(body)
			fallthrough
		case 1, 2:
			_, err = s.repo.PutObject(ctx, repo.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader(body), Size: -1, Object: catalog.Object{Owner: b.Owner}})
		case 3:
			_, err = s.repo.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: key, Owner: b.Owner})
		case 4:
			if h, oerr := s.repo.Open(ctx, b, key, "", true); oerr == nil {
				_, err = s.repo.CopyObject(ctx, repo.CopyInput{Source: h, Bucket: b, Key: fmt.Sprint("w", rnd.IntN(10)), Object: catalog.Object{Owner: b.Owner}})
			}
		case 5:
			_, err = s.repo.Update(ctx, b, key, "", func(o *catalog.Object) error { o.Tags = []catalog.Tag{{Key: "n", Value: body}}; return nil })
		}
		if errors.Is(err, meta.ErrReadOnly) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// migration makes one from s to t.
func (s *site) migration(t *site, state meta.Store) *Migration {
	return &Migration{
		From: s.Side, To: t.Side, State: state, SiteKey: "k", Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Freeze: s.freeze, Workers: 4, slice: 7,
	}
}

// wantEqual compares two sites, and verifies the second.
func (s *site) wantEqual(t *site) {
	s.Helper()
	time.Sleep(max(settles(s.Meta), settles(t.Meta)))
	n := 0
	c := &Comparison{A: s.Side, B: t.Side, ReadData: true, Difference: func(d Difference) {
		if n++; n < 10 {
			s.Errorf("differs: %s", d)
		}
	}}
	sum, err := c.Run(ctx)
	s.must(err)
	if sum.Differences != n || sum.Versions < 50 || sum.Uploads < 4 || sum.Parts < 4 || sum.Bytes == 0 {
		s.Errorf("compared %+v", sum)
	}
	f := &fsck.Checker{Repo: t.Repo, Now: time.Now, ReadData: true, Problem: func(p fsck.Problem) { s.Errorf("fsck: %s", p) }}
	_, err = f.Run(ctx)
	s.must(err)
	t.wantNoRubbish()
	t.wantUsage()
}

// wantNoRubbish sees that every content is named by a record or release.
func (s *site) wantNoRubbish() {
	s.Helper()
	named := map[content.ID]bool{}
	sw := &sweep.Sweeper{Repo: s.Repo, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	s.must(sw.Named(ctx, func(id content.ID) { named[id] = true }))
	s.must(s.content.Walk(ctx, "", func(i content.Info) error {
		if !named[i.ID] {
			s.Errorf("content %s is named by nothing", i.ID)
		}
		return nil
	}))
}

func (s *site) wantUsage() {
	s.Helper()
	var bytes, objects int64
	sw := &sweep.Sweeper{Repo: s.Repo, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	s.must(s.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error {
		n, o, err := sw.CountBucket(ctx, b)
		bytes += n
		objects += o
		return err
	}))
	var u catalog.Usage
	s.must(scanWith(ctx, s.registry, catalog.Usages, false, func(e meta.Entry) error {
		one, err := s.Repo.Quota.Usage(ctx, e.Key)
		u.Bytes += one.Bytes
		u.Objects += one.Objects
		if len(one.Leases) > 0 {
			s.Errorf("account %s has leases", e.Key)
		}
		return err
	}))
	if u.Bytes != bytes || u.Objects != objects || bytes == 0 {
		s.Errorf("usage %d bytes, %d objects; really %d, %d", u.Bytes, u.Objects, bytes, objects)
	}
}

// readAll reads an object through the API.
func (s *site) readAll(b *catalog.Bucket, key string, under *sse.Key) string {
	s.Helper()
	h, err := s.Repo.Open(ctx, b, key, "", false)
	s.must(err)
	s.must(h.Unlock(under))
	rc, err := h.Range(ctx, 0, h.Size)
	s.must(err)
	defer rc.Close()
	body, err := io.ReadAll(rc)
	s.must(err)
	return string(body)
}

func deleteOf(b *catalog.Bucket, key string) repo.DeleteInput {
	return repo.DeleteInput{Bucket: b, Key: key, Owner: b.Owner}
}

func uploadOf(b *catalog.Bucket) repo.CreateUploadInput {
	return repo.CreateUploadInput{Bucket: b, Key: "new", Initiator: b.Owner, Object: catalog.Object{Owner: b.Owner}}
}
