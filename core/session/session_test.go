package session

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func codec(t testing.TB, keys ...byte) *Codec {
	t.Helper()
	var all [][]byte
	for _, b := range keys {
		all = append(all, key(b))
	}
	c, err := New(all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sample() *catalog.Session {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return &catalog.Session{
		Account: "a1", Epoch: 3, Issued: now, Expires: now.Add(time.Hour), By: catalog.ByX509, Name: "job",
		Identity: "CN=Alice,DC=org", Issuer: "CN=CA", Limited: true, Groups: []string{"/vo/g/Role=r", "/vo"},
		Key: "MUKEY", Policies: []string{"{}", "{ }"},
	}
}

func issue(t testing.TB, c *Codec) (*catalog.Session, Credentials) {
	t.Helper()
	s := sample()
	cr, err := c.Issue(s)
	if err != nil {
		t.Fatal(err)
	}
	return s, cr
}

func TestRoundTrip(t *testing.T) {
	c := codec(t, 1)
	s, cr := issue(t, c)
	got, secret, err := codec(t, 1).Open(cr.AccessKeyID, cr.SessionToken) // another process
	if err != nil || secret != cr.SecretAccessKey || !reflect.DeepEqual(got, s) {
		t.Fatalf("Open = %+v, %v; want %+v", got, err, s)
	}
	if !Is(cr.AccessKeyID) || len(cr.SecretAccessKey) != 40 || cr.Expiration != s.Expires || s.VO() != "vo" {
		t.Errorf("%+v", cr)
	}
	_, other := issue(t, c)
	if other.AccessKeyID == cr.AccessKeyID || other.SecretAccessKey == cr.SecretAccessKey {
		t.Error("two sessions share a key")
	}
	if strings.Contains(cr.SessionToken, "Alice") || strings.ContainsAny(cr.SessionToken+cr.SecretAccessKey, "+/=") {
		t.Errorf("token %q", cr.SessionToken)
	}
}

// Two site keys are valid while the site changes its key, whichever seals.
func TestRotation(t *testing.T) {
	old, both, bothOld, fresh := codec(t, 1), codec(t, 2, 1), codec(t, 1, 2), codec(t, 2)
	_, a := issue(t, old)
	_, b := issue(t, both)
	for name, c := range map[string]*Codec{"new first": both, "old first": bothOld} {
		for _, cr := range []Credentials{a, b} {
			if _, secret, err := c.Open(cr.AccessKeyID, cr.SessionToken); err != nil || secret != cr.SecretAccessKey {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, _, err := fresh.Open(a.AccessKeyID, a.SessionToken); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("under a forgotten site key: %v", err)
	}
}

// TestForged: whatever was not issued is refused, and nothing panics.
func TestForged(t *testing.T) {
	c := codec(t, 1, 2)
	_, cr := issue(t, c)
	_, other := issue(t, c)
	refused := func(what, id, token string) {
		t.Helper()
		s, secret, err := c.Open(id, token)
		if s != nil || secret != "" || !errors.Is(err, ErrToken) && !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	refused("another's token", cr.AccessKeyID, other.SessionToken)
	for i := range cr.SessionToken {
		refused("truncated", cr.AccessKeyID, cr.SessionToken[:i])
		for bit := range 8 {
			b := []byte(cr.SessionToken)
			b[i] ^= 1 << bit
			refused("bit flipped", cr.AccessKeyID, string(b))
		}
	}
	for i := range cr.AccessKeyID {
		for bit := range 8 {
			b := []byte(cr.AccessKeyID)
			b[i] ^= 1 << bit
			refused("ID flipped", string(b), cr.SessionToken)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := make([]byte, rnd.IntN(400))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		refused("random", cr.AccessKeyID, string(b))
	}
	refused("long", cr.AccessKeyID, strings.Repeat("A", MaxToken+1))
	refused("line end", cr.AccessKeyID, cr.SessionToken[:8]+"\n"+cr.SessionToken[8:])
	refused("more behind", cr.AccessKeyID, cr.SessionToken+"A")
	refused("no token", cr.AccessKeyID, "")
	_, foreign := issue(t, codec(t, 9))
	refused("another site's", foreign.AccessKeyID, foreign.SessionToken)
}

func TestTooLong(t *testing.T) {
	s := sample()
	s.Policies = []string{strings.Repeat("x", MaxToken)}
	if _, err := codec(t, 1).Issue(s); err == nil {
		t.Error("issued a token no header can carry")
	}
	if _, err := New(key(1)[:16]); err == nil {
		t.Error("took a short key")
	}
}

func FuzzOpen(f *testing.F) {
	c := codec(f, 1)
	_, cr := issue(f, c)
	f.Add(cr.AccessKeyID, cr.SessionToken)
	f.Fuzz(func(t *testing.T, id, token string) {
		s, _, err := c.Open(id, token)
		if err == nil && (id != cr.AccessKeyID || token != cr.SessionToken) {
			t.Fatalf("opened %+v", s)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	c := codec(b, 1)
	_, cr := issue(b, c)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Open(cr.AccessKeyID, cr.SessionToken); err != nil {
			b.Fatal(err)
		}
	}
}
