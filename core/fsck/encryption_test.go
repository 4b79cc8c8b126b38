package fsck

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/sse"
)

// encryptedRepo holds, for each way to encrypt, a small object, a large one,
// one made of parts, and a part of an upload.
func encryptedRepo(t *testing.T) (*repo.Repo, *catalog.Bucket) {
	t.Helper()
	ctx, store := context.Background(), mem.NewMeta()
	owner, err := json.Marshal(catalog.Account{ID: "ana", Name: "ana", State: catalog.Active, Quota: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(ctx, catalog.Accounts, "ana", meta.Record{Value: owner}, meta.Always); err != nil {
		t.Fatal(err)
	}
	site := bytes.Repeat([]byte{1}, sse.KeySize)
	r := &repo.Repo{
		Meta: store, Registry: store, Content: mem.NewContent(), Now: time.Now, InlineMax: 100, Leeway: time.Hour,
		SSE: &sse.Site{Key: site}, Accounts: &accounts.Service{Registry: store, Now: time.Now, SiteKey: site},
	}
	b, err := r.CreateBucket(ctx, catalog.Bucket{Name: "vessel", Owner: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	own, err := r.SiteKey("")
	if err != nil {
		t.Fatal(err)
	}
	customer, err := sse.NewCustomerKey(bytes.Repeat([]byte{2}, sse.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*sse.Key{"plain": nil, "site": own, "customer": customer} {
		for size, n := range map[string]int{"small": 50, "large": 5000} {
			if _, err := r.PutObject(ctx, repo.PutObjectInput{
				Bucket: b, Key: name + "/" + size, Body: strings.NewReader(strings.Repeat("x", n)), Size: int64(n),
				Object: catalog.Object{Owner: "ana"}, Encrypt: key, Digest: repo.Digest{Algorithm: "CRC32"},
			}); err != nil {
				t.Fatal(err)
			}
		}
		brought := key
		if key == own {
			brought = nil
		}
		for _, finish := range []bool{true, false} {
			u, err := r.CreateUpload(ctx, repo.CreateUploadInput{Bucket: b, Key: name + "/parts", Object: catalog.Object{Owner: "ana"}, Encrypt: key})
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.UploadPart(ctx, repo.UploadPartInput{
				Bucket: b, Key: name + "/parts", UploadID: u.ID, Number: 1, Body: strings.NewReader("a part"), Size: -1, Customer: brought,
			})
			if err != nil {
				t.Fatal(err)
			}
			if !finish {
				continue
			}
			if _, err := r.CompleteUpload(ctx, repo.CompleteUploadInput{
				Bucket: b, Key: name + "/parts", UploadID: u.ID, Parts: []repo.CompletedPart{{Number: 1, ETag: p.ETag}},
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r, b
}

// check runs fsck with its data and gives what it finds, by what it is about.
func check(t *testing.T, r *repo.Repo) (Report, map[string]string) {
	t.Helper()
	found := map[string]string{}
	rep, err := (&Checker{Repo: r, Now: time.Now, ReadData: true, Problem: func(p Problem) { found[p.Key] = p.What }}).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return rep, found
}

func TestEncryptedObjectsAreRead(t *testing.T) {
	r, _ := encryptedRepo(t)
	rep, found := check(t, r)
	if len(found) != 0 || rep.Versions != 9 || rep.Parts != 3 {
		t.Errorf("%+v, problems %v", rep, found)
	}
}

// TestDamageOfEncryptedBytes: a bit that has changed on the disk is found
// whoever encrypted it, without a customer's key.
func TestDamageOfEncryptedBytes(t *testing.T) {
	ctx := context.Background()
	r, b := encryptedRepo(t)
	var ids []content.ID
	if err := r.Content.Walk(ctx, "", func(i content.Info) error { ids = append(ids, i.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		flip(t, r.Content, id)
	}
	for _, name := range []string{"plain", "site", "customer"} {
		p, key := catalog.InBucket(b.ID), catalog.ObjectKey(name+"/small")
		rec, err := r.Meta.Get(ctx, p, key, true)
		if err != nil {
			t.Fatal(err)
		}
		rec.Body = bytes.Clone(rec.Body)
		rec.Body[3] ^= 1
		if _, err := r.Meta.Put(ctx, p, key, rec, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	rep, found := check(t, r)
	if rep.Problems != 12 {
		t.Errorf("%d problems of 12: %v", rep.Problems, found)
	}
	for key, what := range found {
		if !strings.Contains(what, "damaged") {
			t.Errorf("%s: %s", key, what)
		}
	}
}

// flip changes a bit of a content.
func flip(t *testing.T, store content.Store, id content.ID) {
	t.Helper()
	ctx := context.Background()
	rc, err := store.Open(ctx, id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	b[3] ^= 1
	if err := store.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	w, err := store.Create(ctx, id, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestSiteKeyIsMissing: what cannot be decrypted is a problem.
func TestSiteKeyIsMissing(t *testing.T) {
	r, _ := encryptedRepo(t)
	r.SSE = &sse.Site{Key: bytes.Repeat([]byte{9}, sse.KeySize)}
	rep, found := check(t, r)
	if rep.Problems != 4 || !strings.Contains(found["site/large"], "not configured") {
		t.Errorf("%d problems: %v", rep.Problems, found)
	}
}
