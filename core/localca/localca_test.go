package localca

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/storewrap"
)

var ctx = context.Background()

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func box(t *testing.T, b byte) *seal.Box {
	t.Helper()
	bx, err := seal.New(bytes.Repeat([]byte{b}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return bx
}

func open(t *testing.T, s meta.Store) *Authority {
	t.Helper()
	a, err := Open(ctx, s, box(t, 1), "lab", start)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Authority) verify(t *testing.T, leaf *x509.Certificate, name string, at time.Time) error {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("not a certificate")
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

func TestIssued(t *testing.T) {
	a := open(t, mem.NewMeta())
	cert, err := a.Issue([]string{"s3.lab.example", "192.0.2.7", "2001:db8::1", "s3"}, start)
	if err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]bool{
		"s3.lab.example": true, "192.0.2.7": true, "[2001:db8::1]": true, "s3": true,
		"other.lab.example": false, "192.0.2.8": false,
	} {
		if err := a.verify(t, cert.Leaf, name, start); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []time.Time{start.Add(-2 * time.Hour), start.Add(LeafLife + time.Minute)} {
		if a.verify(t, cert.Leaf, "s3", at) == nil {
			t.Errorf("valid at %v", at)
		}
	}
	if _, err := a.Issue(nil, start); err == nil {
		t.Error("a certificate for no name")
	}
	other := open(t, mem.NewMeta())
	if other.verify(t, cert.Leaf, "s3", start) == nil {
		t.Error("another site's authority vouches")
	}
	if a.cert.Subject.CommonName == other.cert.Subject.CommonName {
		t.Errorf("two authorities are called %s", a.cert.Subject)
	}
}

// Processes that start at once share one authority, also when answers are lost.
func TestSharedByAll(t *testing.T) {
	store := mem.NewMeta()
	lossy := &storewrap.Fault{Store: store, After: func(op storewrap.Op, _ meta.Partition, _ string) error {
		if op == storewrap.Put {
			return meta.ErrOutcomeUnknown
		}
		return nil
	}}
	var wg sync.WaitGroup
	prints := make([]string, 16)
	for i := range prints {
		wg.Go(func() {
			a, err := Open(ctx, lossy, box(t, 1), "lab", start)
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = a.Fingerprint()
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] || len(p) != 95 {
			t.Errorf("fingerprints %q", prints)
			break
		}
	}
}

// The private key is not readable without the site key.
func TestSealed(t *testing.T) {
	store := mem.NewMeta()
	a := open(t, store)
	rec, err := store.Get(ctx, catalog.TLSAuthority, recordKey, false)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(rec.Value, a.cert.Raw[:64]) {
		t.Error("the record is not sealed")
	}
	if _, err := Open(ctx, store, box(t, 2), "lab", start); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("another site key: %v", err)
	}
}

func TestSourceRenews(t *testing.T) {
	now, names := start, []string{"b", "a", "b"}
	s := &Source{Authority: open(t, mem.NewMeta()), Now: func() time.Time { return now }, Names: func() []string { return names }}
	refresh := func(want bool) {
		t.Helper()
		before := s.cert
		if got, err := s.Refresh(); err != nil || got != want || (s.cert != before) != want {
			t.Errorf("refreshed: %v, %v; want %v", got, err, want)
		}
	}
	refresh(true)
	refresh(false)
	now = now.Add(LeafLife/3*2 - time.Hour)
	refresh(false)
	now = now.Add(2 * time.Hour)
	refresh(true)
	names = []string{"a", "b"}
	refresh(false)
	names = []string{"a", "b", "192.0.2.1"} // a new address
	refresh(true)
	if c, err := s.GetCertificate(nil); err != nil || c != s.cert || !s.NotAfter().Equal(c.Leaf.NotAfter) {
		t.Errorf("serves %v, %v", c, err)
	}
}

// TestReseal: after the site key was changed and the authority sealed anew the old
// key is not needed.
func TestReseal(t *testing.T) {
	s := mem.NewMeta()
	both, err := seal.New(bytes.Repeat([]byte{2}, seal.KeySize), bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	if done, err := Reseal(ctx, s, both); done || err != nil {
		t.Errorf("without an authority: %v, %v", done, err)
	}
	first := open(t, s)
	if _, err := Open(ctx, s, box(t, 2), "lab", start); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("the new key opens it already: %v", err)
	}
	for i, want := range []bool{true, false} {
		if done, err := Reseal(ctx, s, both); done != want || err != nil {
			t.Errorf("time %d: %v, %v", i, done, err)
		}
	}
	after, err := Open(ctx, s, box(t, 2), "lab", start)
	if err != nil || !bytes.Equal(after.PEM(), first.PEM()) {
		t.Errorf("afterwards: %v", err)
	}
}
