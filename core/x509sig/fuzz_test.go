package x509sig_test

import (
	"net/http"
	"testing"

	g "github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/x509sig"
)

// FuzzVerify changes the parts of a good request; one that passes is the good one.
func FuzzVerify(f *testing.F) {
	p := g.NewProxy(g.NewEEC("/CN=Alice", nil))
	r := request(f)
	sign(f, r, body, p, p.Chain())
	header := func(name string) string { return r.Header.Get(name) }
	f.Add(header("Authorization"), header(x509sig.HeaderDate), header(x509sig.HeaderLeaf), header(x509sig.HeaderChain), r.URL.RawQuery, body)
	f.Add(header("Authorization"), header(x509sig.HeaderDate), header(x509sig.HeaderLeaf), "", "", []byte(`{"chain":["AAAA"]}`))
	good := []string{header(x509sig.HeaderDate), header(x509sig.HeaderLeaf), header(x509sig.HeaderChain), string(body)}
	f.Fuzz(func(t *testing.T, auth, date, leaf, chain, query string, sent []byte) {
		in := r.Clone(t.Context())
		in.Header = http.Header{
			"Authorization": {auth}, x509sig.HeaderDate: {date}, http.CanonicalHeaderKey(x509sig.HeaderLeaf): {leaf},
			"Content-Type": r.Header["Content-Type"], "X-Two": r.Header["X-Two"],
		}
		if chain != "" {
			in.Header.Set(x509sig.HeaderChain, chain)
		}
		in.URL.RawQuery = query
		certs, err := x509sig.Verify(in, sent, g.Now, hosts)
		if (err == nil) != (certs != nil) {
			t.Fatalf("%d certificates and %v", len(certs), err)
		}
		if err == nil && (date != good[0] || string(sent) != good[3]) {
			t.Errorf("passes with date %q and body %q", date, sent)
		}
	})
}
