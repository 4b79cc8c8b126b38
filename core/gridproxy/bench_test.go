package gridproxy_test

import (
	"testing"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// BenchmarkVerify is what one request of a grid job costs: a proxy of depth 2
// with VOMS attributes, every key RSA of 2048 bits, from the PEM text.
func BenchmarkVerify(b *testing.B) {
	rsa := func() g.Option { return g.Keyed(g.RSAKey(2048)) }
	w := g.NewRSAWorld()
	trust := w.Trust(b)
	text := g.NewProxy(g.NewProxy(w.Alice, rsa(), g.Also(g.VOMS(w.AC(w.Alice, standard)))), rsa()).PEM()
	b.ReportAllocs()
	for b.Loop() {
		chain, err := gridproxy.ParsePEM(text)
		if err != nil {
			b.Fatal(err)
		}
		r, err := gridproxy.Verify(chain, g.Now, trust, gridproxy.Options{})
		if err != nil || r.VOMS != gridproxy.VOMSValid {
			b.Fatal(err, r)
		}
	}
}
