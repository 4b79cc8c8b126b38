package gridproxy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

const aliceDN = "CN=Alice,OU=People,DC=example,DC=org"

// row is a chain and its verdict: a code, or "" and what an accepted chain is.
type row struct {
	name    string
	chain   [][]byte
	o       gridproxy.Options
	at      time.Time // zero: g.Now
	code    gridproxy.Code
	kind    gridproxy.Type // "": rfc3820
	depth   int
	limited bool
	id      string // "": Alice's
	until   time.Time
}

// run judges the rows and returns the codes that occurred.
func run(t *testing.T, trust *gridproxy.Trust, rows []row) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.name] {
			t.Fatalf("two rows are called %q", r.name)
		}
		seen[r.name] = true
		t.Run(r.name, func(t *testing.T) { r.check(t, trust) })
	}
}

func (r row) check(t *testing.T, trust *gridproxy.Trust) {
	t.Helper()
	at := r.at
	if at.IsZero() {
		at = g.Now
	}
	got, err := gridproxy.Verify(r.chain, at, trust, r.o)
	if r.code != "" {
		wantCode(t, err, r.code)
		return
	}
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	if r.kind == "" {
		r.kind = gridproxy.TypeRFC
	}
	if r.id == "" {
		r.id = aliceDN
	}
	if r.until.IsZero() {
		r.until = g.NotAfter
	}
	if got.Type != r.kind || got.Depth != r.depth || got.Limited != r.limited || got.Identity != r.id || !got.NotAfter.Equal(r.until) {
		t.Errorf("got %s depth %d limited %v %q until %v", got.Type, got.Depth, got.Limited, got.Identity, got.NotAfter)
	}
}

func wantCode(t *testing.T, err error, code gridproxy.Code) {
	t.Helper()
	var refusal *gridproxy.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal with %s", err, code)
	}
	if refusal.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	if _, known := gridproxy.Codes()[refusal.Code]; !known {
		t.Errorf("%s is not in the list of codes", refusal.Code)
	}
	if refusal.Detail == "" || refusal.Error() == "" {
		t.Error("a refusal without detail")
	}
}

func cat(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func chainOf(entities ...*g.Entity) (chain [][]byte) {
	for _, e := range entities {
		chain = append(chain, e.DER)
	}
	return chain
}
