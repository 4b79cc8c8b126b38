package repo

import (
	"bytes"
	"crypto/md5"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

// secretOf is a customer's secret.
func secretOf(fill byte) []byte { return bytes.Repeat([]byte{fill}, sse.KeySize) }

// keyring gives the lab site keys and returns every way to encrypt: not at all,
// with the site's key, one that was the site's before, and two customers'.
func (l *lab) keyring(t tester) map[string]*sse.Key {
	t.Helper()
	l.SSE = &sse.Site{Key: secretOf(1), Older: [][]byte{secretOf(2)}}
	keys := map[string]*sse.Key{"plain": nil}
	var err [4]error
	keys["site"], err[0] = l.SSE.Current()
	keys["old"], err[1] = (&sse.Site{Key: secretOf(2)}).Current()
	keys["ana"], err[2] = sse.NewCustomerKey(secretOf(3))
	keys["ben"], err[3] = sse.NewCustomerKey(secretOf(4))
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	return keys
}

// encrypted puts under a key.
func encrypted(key *sse.Key) func(*PutObjectInput) {
	return func(in *PutObjectInput) { in.Encrypt = key }
}

// bring is the key that a client must bring to read what is encrypted under key.
func bring(key *sse.Key) *sse.Key {
	if key == nil || !key.Customer() {
		return nil
	}
	return key
}

// unlocked opens an object whose bytes are encrypted under key.
func (l *lab) unlocked(t tester, name string, key *sse.Key) *Handle {
	t.Helper()
	h := l.mustOpen(t, name, "")
	if err := h.Unlock(bring(key)); err != nil {
		t.Fatalf("unlock %q: %v", name, err)
	}
	return h
}

// wantPlain reads an object whole and a stretch of it.
func (l *lab) wantPlain(t tester, name string, key *sse.Key, want string, from, n int) {
	t.Helper()
	h := l.unlocked(t, name, key)
	for _, read := range []func(*Handle, int, int) (string, error){readRange, copyRange} {
		if got, err := read(h, 0, len(want)); err != nil || got != want {
			t.Fatalf("%q is %q, %v, want %q", name, got, err, want)
		}
		if got, err := read(h, from, n); err != nil || got != want[from:from+n] {
			t.Fatalf("%q from %d is %q, %v, want %q", name, from, got, err, want[from:from+n])
		}
	}
}

// disk is everything the stores hold, one after the other.
func (l *lab) disk(t tester) string {
	t.Helper()
	var b strings.Builder
	if err := l.content.Walk(ctx, "", func(i content.Info) error {
		rc, err := l.content.Open(ctx, i.ID, 0, -1)
		if err != nil {
			return err
		}
		defer rc.Close()
		_, err = io.Copy(&b, rc)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p := catalog.InBucket(l.bucket.ID)
	for _, space := range []string{catalog.SpaceObject, catalog.SpaceVersion, catalog.SpaceUpload, catalog.SpacePart} {
		for _, e := range l.scanAll(t, p, space) {
			rec, err := l.meta.Get(ctx, p, e.Key, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range [][]byte{rec.Value, rec.Summary, rec.Body} {
				b.Write(part)
			}
		}
	}
	return b.String()
}

// wantHidden checks that neither the bytes nor any key are on the disk.
func (l *lab) wantHidden(t tester, body string) {
	t.Helper()
	disk := l.disk(t)
	if len(body) >= 8 && strings.Contains(disk, body) {
		t.Fatalf("the disk holds %q", body)
	}
	for fill := byte(1); fill <= 4; fill++ {
		if strings.Contains(disk, string(secretOf(fill))) {
			t.Fatalf("the disk holds key %d", fill)
		}
	}
}

// TestEncryptedCopies puts under one key and copies to another, in every
// combination, inlined and not, and reads at odd offsets.
func TestEncryptedCopies(t *testing.T) {
	names := []string{"plain", "site", "old", "ana", "ben"}
	for _, caps := range stores {
		rapid.Check(t, func(t *rapid.T) {
			l := newLab(t, caps)
			keys := l.keyring(t)
			from, to := rapid.SampledFrom(names).Draw(t, "from"), rapid.SampledFrom(names).Draw(t, "to")
			body := string(rapid.SliceOfN(rapid.Byte(), 0, 3*labInline).Draw(t, "body"))
			at := rapid.IntRange(0, len(body)).Draw(t, "at")
			n := rapid.IntRange(0, len(body)-at).Draw(t, "length")
			asked := rapid.SampledFrom([]string{"", "CRC32", "SHA256"}).Draw(t, "checksum")

			o := l.mustPut(t, "a", body, encrypted(keys[from]), func(in *PutObjectInput) { in.Digest.Algorithm = "CRC32" })
			if o.Size != int64(len(body)) || (keys[from] == nil) != (o.Encryption.Algorithm == "") {
				t.Fatalf("%+v", o)
			}
			l.wantPlain(t, "a", keys[from], body, at, n)
			if keys[from] != nil {
				l.wantHidden(t, body)
			}
			before := l.contents(t)
			cp, err := l.copy(l.unlocked(t, "a", keys[from]), "b", func(in *CopyInput) { in.Encrypt, in.Algorithm = keys[to], asked })
			if err != nil {
				t.Fatal(err)
			}
			if from == to && l.contents(t) != before {
				t.Error("a copy under the same key does not share its bytes")
			}
			if asked == "" {
				asked = "CRC32"
			}
			sum := checksum.New(asked)
			sum.Write([]byte(body))
			if want := checksum.Encode(sum.Sum(nil)); cp.Checksum.Algorithm != asked || cp.Checksum.Value != want {
				t.Errorf("checksum %+v, want %s %s", cp.Checksum, asked, want)
			}
			l.wantPlain(t, "b", keys[to], body, at, n)
			l.mustRemove(t, "a", "")
			if keys[to] != nil && keys[from] != nil {
				l.wantHidden(t, body)
			}
			l.wantPlain(t, "b", keys[to], body, at, n)
		})
	}
}

// TestNoKeyTwice: the same bytes under the same key are different on the disk.
func TestNoKeyTwice(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for name, key := range l.keyring(t) {
			for _, body := range []string{small("the same"), big("the same")} {
				a := l.mustPut(t, "a", body, encrypted(key))
				b := l.mustPut(t, "b", body, encrypted(key))
				x, y := l.stored(t, "a"), l.stored(t, "b")
				if key != nil && x == y {
					t.Errorf("%s: two objects have the same stored bytes", name)
				}
				if customer := bring(key) != nil; customer != (a.ETag != md5Of(body)) || customer != (a.ETag != b.ETag) {
					t.Errorf("%s: ETags %s and %s", name, a.ETag, b.ETag)
				}
				if bring(key) != nil && a.ETag != md5Of(x) {
					t.Errorf("%s: the ETag is not that of the stored bytes", name)
				}
			}
		}
	})
}

// stored is an object's bytes as the disk has them.
func (l *lab) stored(t tester, name string) string {
	t.Helper()
	h := l.mustOpen(t, name, "")
	if h.Inline {
		if err := h.loadInline(ctx); err != nil {
			t.Fatal(err)
		}
		return string(h.body)
	}
	var b strings.Builder
	if err := h.copyRaw(ctx, &b, 0, h.Size); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUnlock(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		keys := l.keyring(t)
		for _, body := range []string{small("body"), big("body"), ""} {
			for name, key := range keys {
				l.mustPut(t, "a", body, encrypted(key))
				for other, brought := range keys {
					if brought != nil && !brought.Customer() {
						continue
					}
					h := l.mustOpen(t, "a", "")
					err := h.Unlock(brought)
					if brought == bring(key) {
						if err != nil {
							t.Errorf("%s with %s: %v", name, other, err)
						}
						continue
					}
					wantRow(t, s3err.InvalidRequest, err)
					if bring(key) == nil {
						continue
					}
					// Whoever does not care about the error gets nothing either.
					if _, err := h.Range(ctx, 0, h.Size); err == nil {
						t.Errorf("%s with %s: the bytes can be read", name, other)
					}
				}
			}
		}
	})
}

// TestDigestsArePlain: Content-MD5 is of the plain bytes whatever the ETag is.
func TestDigestsArePlain(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for _, key := range l.keyring(t) {
			for _, body := range []string{small("body"), big("body")} {
				sum := md5.Sum([]byte(body))
				l.mustPut(t, "a", body, encrypted(key), func(in *PutObjectInput) { in.Digest.MD5 = sum[:] })
				sum[0] ^= 1
				_, err := l.put("a", body, encrypted(key), func(in *PutObjectInput) { in.Digest.MD5 = sum[:] })
				wantRow(t, s3err.BadDigest, err)
			}
		}
	})
}

// TestLostSiteKey: without its key a site's object is an error, not rubbish.
func TestLostSiteKey(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		keys := l.keyring(t)
		for _, body := range []string{small("body"), big("body")} {
			l.SSE = &sse.Site{Key: secretOf(2)}
			l.mustPut(t, "a", body, encrypted(keys["old"]))
			l.SSE = &sse.Site{Key: secretOf(9)}
			_, err := l.mustOpen(t, "a", "").Range(ctx, 0, 1)
			wantRow(t, s3err.InternalError, err)
			l.SSE = &sse.Site{Key: secretOf(9), Older: [][]byte{secretOf(2)}}
			l.wantPlain(t, "a", nil, body, 1, 2)
			// A copy onto itself moves it to the current key.
			now, err := l.SSE.Current()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.copy(l.mustOpen(t, "a", ""), "a", func(in *CopyInput) { in.Encrypt = now }); err != nil {
				t.Fatal(err)
			}
			l.SSE = &sse.Site{Key: secretOf(9)}
			l.wantPlain(t, "a", nil, body, 1, 2)
		}
	})
}

// TestEncryptedUpload makes objects of parts that were sent and copied, under
// each key from each key.
func TestEncryptedUpload(t *testing.T) {
	l := newLab(t, stores[0])
	keys := l.keyring(t)
	a, b := fullPart('a'), "the last part"
	for from, source := range keys {
		l.mustPut(t, "source", a, encrypted(source))
		for to, key := range keys {
			u := l.begin(t, "k", func(in *CreateUploadInput) { in.Encrypt, in.Object.Checksum.Algorithm = key, "CRC32" })
			before := l.contents(t)
			one, err := l.CopyPart(ctx, CopyPartInput{
				Source: l.unlocked(t, "source", source), Length: int64(len(a)),
				Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: 1, Customer: bring(key),
			})
			if err != nil {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			if shared := l.contents(t) == before; shared != (from == to) {
				t.Errorf("%s to %s: shared is %v", from, to, shared)
			}
			two, err := l.UploadPart(ctx, UploadPartInput{
				Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: 2, Body: strings.NewReader(b), Size: -1, Customer: bring(key),
			})
			if err != nil {
				t.Fatal(err)
			}
			o, err := l.complete("k", u, []CompletedPart{{Number: 1, ETag: one.ETag}, {Number: 2, ETag: two.ETag}})
			if err != nil {
				t.Fatal(err)
			}
			sum := checksum.New("CRC32")
			sum.Write([]byte(a + b))
			if o.Checksum.Value != checksum.Encode(sum.Sum(nil)) {
				t.Errorf("%s to %s: checksum %+v", from, to, o.Checksum)
			}
			stored := l.stored(t, "k")
			if want := etagOf(stored[:len(a)], stored[len(a):]); bring(key) != nil && o.ETag != want {
				t.Errorf("%s to %s: ETag %s, want %s of what is stored", from, to, o.ETag, want)
			}
			if key != nil && (strings.Contains(stored, "aaaaaaaa") || strings.Contains(stored, b)) {
				t.Errorf("%s to %s: plain bytes are stored", from, to)
			}
			for _, at := range []int{0, 1, len(a) - 3} {
				l.wantPlain(t, "k", key, a+b, at, min(7, len(a)))
			}
			// The parts of what was made of parts can be shared in their turn.
			v := l.begin(t, "again", func(in *CreateUploadInput) { in.Encrypt, in.Object.Checksum.Algorithm = key, "CRC32" })
			p, err := l.CopyPart(ctx, CopyPartInput{
				Source: l.unlocked(t, "k", key), Length: o.Size, Bucket: l.bucket, Key: "again", UploadID: v.ID, Number: 1, Customer: bring(key),
			})
			if err != nil || p.Checksum.Value != o.Checksum.Value || bring(key) != nil && p.ETag != md5Of(stored) {
				t.Errorf("%s to %s: again %+v, %v", from, to, p, err)
			}
			if err := l.AbortUpload(ctx, l.bucket, "again", v.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPartKeys: the parts of an upload are encrypted as it began.
func TestPartKeys(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		keys := l.keyring(t)
		l.mustPut(t, "source", big("x"))
		for name, key := range keys {
			u := l.begin(t, "k", func(in *CreateUploadInput) { in.Encrypt = key })
			for other, brought := range keys {
				if brought != nil && !brought.Customer() {
					continue
				}
				_, put := l.UploadPart(ctx, UploadPartInput{
					Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: 1, Body: strings.NewReader("x"), Size: 1, Customer: brought,
				})
				_, cp := l.CopyPart(ctx, CopyPartInput{
					Source: l.mustOpen(t, "source", ""), Length: 3, Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: 2, Customer: brought,
				})
				if brought != bring(key) {
					wantRow(t, s3err.InvalidRequest, put)
					wantRow(t, s3err.InvalidRequest, cp)
				} else if put != nil || cp != nil {
					t.Errorf("%s with %s: %v, %v", name, other, put, cp)
				}
			}
		}
	})
}

// TestSiteKeyChangesMeanwhile: an upload that began before the site's key was
// changed goes on under the old one, so the object has one key.
func TestSiteKeyChangesMeanwhile(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		keys := l.keyring(t)
		l.SSE = &sse.Site{Key: secretOf(2)}
		u := l.begin(t, "k", func(in *CreateUploadInput) { in.Encrypt = keys["old"] })
		l.SSE = &sse.Site{Key: secretOf(1), Older: [][]byte{secretOf(2)}}
		p, err := l.part("k", u, 1, big("part"), Digest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.complete("k", u, []CompletedPart{{Number: 1, ETag: p.ETag}}); err != nil {
			t.Fatal(err)
		}
		l.wantPlain(t, "k", nil, big("part"), 3, 4)
	})
}

// TestEncryptedMoves: what rewrites a record keeps its bytes readable.
func TestEncryptedMoves(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for _, key := range l.keyring(t) {
			for _, body := range []string{small("body"), big("body")} {
				l.mustPut(t, "a", body, encrypted(key))
				if err := l.RenameObject(ctx, l.bucket, "a", "b", WriteCond{}, WriteCond{}); err != nil {
					t.Fatal(err)
				}
				if _, err := l.Update(ctx, l.bucket, "b", "", func(o *catalog.Object) error {
					o.Tags = []catalog.Tag{{Key: "k", Value: "v"}}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				l.wantPlain(t, "b", key, body, 1, 2)
			}
		}
	})
}

// TestPlainReadsAreDirect makes sure that plain bytes cost nothing more: what
// comes back is the store's own reader.
func TestPlainReadsAreDirect(t *testing.T) {
	l := newLab(t, meta.Capabilities{Name: "batch", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10})
	l.keyring(t)
	l.mustPut(t, "a", big("body"))
	h := l.mustOpen(t, "a", "")
	rc, err := h.Range(ctx, 0, h.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, ok := rc.(io.WriterTo); !ok {
		t.Errorf("%T is not the store's reader", rc)
	}
}
