package sse

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func customer(t testing.TB, fill byte) *Key {
	t.Helper()
	k, err := NewCustomerKey(bytes.Repeat([]byte{fill}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// encrypt gives the bytes as they are stored from an offset on.
func encrypt(t interface{ Fatal(...any) }, k *Key, name string, offset int64, plain []byte) []byte {
	s, err := k.Stream(name, offset)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(plain))
	s.XORKeyStream(out, plain)
	return out
}

// TestFormat pins what is on disks already: bytes made by independent
// implementations (HMAC of Python, AES of OpenSSL).
func TestFormat(t *testing.T) {
	// prk = HMAC-SHA256(b"mucura SSE-C v1", bytes([1])*32)
	// key = HMAC-SHA256(prk, b"mucura content v1\0" + name + b"\1")
	// AES-256-CTR(key, counter 0) over b"plain text of a content"
	got := hex.EncodeToString(encrypt(t, customer(t, 1), "0199a0b1c2d3000102030405060708ff", 0, []byte("plain text of a content")))
	if want := "854d5572fe136f2984abfa561a4efecd08c1a5c625b8d9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestStretches reads any stretch of a content by itself.
func TestStretches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := customer(new(testing.T), 7)
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "plain")
		name := rapid.String().Draw(t, "name")
		stored := encrypt(t, k, name, 0, plain)
		if len(stored) != len(plain) {
			t.Fatalf("%d bytes are stored for %d", len(stored), len(plain))
		}
		from := rapid.IntRange(0, len(plain)).Draw(t, "from")
		rc, err := k.Reader(io.NopCloser(iotest.OneByteReader(bytes.NewReader(stored[from:]))), name, int64(from))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil || !bytes.Equal(got, plain[from:]) {
			t.Fatalf("from %d: %x, %v, want %x", from, got, err, plain[from:])
		}
	})
}

// TestFarAway reads where a 32-bit counter would have come round.
func TestFarAway(t *testing.T) {
	k, far := customer(t, 1), int64(16)<<32
	zero := make([]byte, 16)
	if bytes.Equal(encrypt(t, k, "n", 0, zero), encrypt(t, k, "n", far, zero)) {
		t.Error("the key stream repeats")
	}
	if !bytes.Equal(encrypt(t, k, "n", far-1, zero)[1:], encrypt(t, k, "n", far, zero)[:15]) {
		t.Error("the key stream has a seam")
	}
}

// TestApart shows that no two names, keys or uses share a key stream.
func TestApart(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, KeySize)
	site := &Site{Key: secret}
	own, err := site.Current()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for label, k := range map[string]*Key{"one": customer(t, 1), "two": customer(t, 2), "site": own} {
		for _, name := range []string{"", "a", "b", strings.Repeat("a", 32)} {
			s := string(encrypt(t, k, name, 0, make([]byte, 32)))
			if old, twice := seen[s]; twice {
				t.Errorf("%s/%q and %s have one key stream", label, name, old)
			}
			seen[s] = fmt.Sprintf("%s/%q", label, name)
		}
	}
}

func TestCheck(t *testing.T) {
	k := customer(t, 1)
	a, b := k.Check(), k.Check()
	if bytes.Equal(a, b) {
		t.Error("two checks are the same: the salt is not random")
	}
	if !k.Matches(a) || !k.Matches(b) {
		t.Error("the key does not match its own check")
	}
	if customer(t, 2).Matches(a) {
		t.Error("another key matches")
	}
	for i := range a {
		bad := bytes.Clone(a)
		bad[i] ^= 1
		if k.Matches(bad) {
			t.Errorf("a check changed at %d matches", i)
		}
	}
	for _, n := range []int{0, SaltSize, len(a) - 1} {
		if k.Matches(a[:n]) {
			t.Errorf("%d bytes of a check match", n)
		}
	}
}

func TestKeySize(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewCustomerKey(make([]byte, n)); !errors.Is(err, ErrKeySize) {
			t.Errorf("key of %d bytes: %v", n, err)
		}
		if _, err := (&Site{Key: make([]byte, n)}).Current(); !errors.Is(err, ErrKeySize) {
			t.Errorf("site key of %d bytes: %v", n, err)
		}
	}
}

// TestSiteKeyChange keeps old contents readable.
func TestSiteKeyChange(t *testing.T) {
	one, two := bytes.Repeat([]byte{1}, KeySize), bytes.Repeat([]byte{2}, KeySize)
	old, err := (&Site{Key: one}).Current()
	if err != nil {
		t.Fatal(err)
	}
	site := &Site{Key: two, Older: [][]byte{one}}
	now, err := site.Current()
	if err != nil || now.SiteID() == old.SiteID() || now.Customer() {
		t.Fatalf("current key %v, %v", now, err)
	}
	again, err := site.Named(old.SiteID())
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("written before the change")
	if got := encrypt(t, again, "n", 0, encrypt(t, old, "n", 0, plain)); !bytes.Equal(got, plain) {
		t.Errorf("got %q", got)
	}
	if _, err := (&Site{Key: two}).Named(old.SiteID()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a key that is not configured: %v", err)
	}
}

// TestSilent keeps secrets out of logs.
func TestSilent(t *testing.T) {
	k := customer(t, 1)
	secret := hex.EncodeToString(k.secret[:4])
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, k); s != "sse.Key()" || strings.Contains(s, secret) {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	k := customer(b, 1)
	buf := make([]byte, 256<<10)
	b.SetBytes(int64(len(buf)))
	s, err := k.Stream("n", 0)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.XORKeyStream(buf, buf)
	}
}

func BenchmarkStream(b *testing.B) {
	k := customer(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Stream("0199a0b1c2d3000102030405060708ff", 5); err != nil {
			b.Fatal(err)
		}
	}
}
