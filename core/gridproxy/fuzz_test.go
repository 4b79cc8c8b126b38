package gridproxy_test

import (
	"bytes"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// FuzzChain cuts its input into certificates at a marker, so that it can move,
// leave out and repeat them, and checks what must hold of every accepted chain.
func FuzzChain(f *testing.F) {
	w := g.NewWorld()
	trust := w.Trust(f)
	marker := []byte("--next--")
	proxy := g.NewProxy(w.Alice, g.Also(g.VOMS(w.AC(w.Alice, standard))))
	for _, leaf := range []*g.Entity{w.Alice, proxy, g.NewLimited(proxy), g.NewLegacy(w.Alice, false), w.Dave, w.CA} {
		f.Add(bytes.Join(leaf.Chain(), marker), true)
		f.Add(bytes.Join(append(leaf.Chain(), w.CA.DER, w.Root.DER), marker), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, legacy bool) {
		chain := bytes.Split(in, marker)
		r, err := gridproxy.Verify(chain, g.Now, trust, gridproxy.Options{AllowLegacy: legacy})
		if (r == nil) == (err == nil) {
			t.Fatalf("%v and %v", r, err)
		}
		if err != nil {
			return
		}
		if !strings.HasSuffix(r.Identity, ",DC=example,DC=org") || r.NotAfter.Before(g.Now) || r.Depth >= len(chain) ||
			r.VOMS != gridproxy.VOMSValid && r.FQANs != nil || (r.Depth == 0) != (r.Type == gridproxy.TypeEEC) {
			t.Errorf("accepted %+v", r)
		}
	})
}

func FuzzPEM(f *testing.F) {
	w := g.NewWorld()
	f.Add(w.Alice.PEM())
	f.Add(g.NewProxy(w.Alice).PEM())
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, in []byte) {
		chain, err := gridproxy.ParsePEM(in)
		if err == nil && (len(chain) == 0 || len(chain) > gridproxy.MaxCertificates) {
			t.Errorf("%d certificates", len(chain))
		}
		var again []byte
		for _, c := range chain {
			again = append(again, g.CertPEM(c)...)
		}
		if err == nil && len(again) <= gridproxy.MaxPEMBytes {
			if _, err := gridproxy.ParsePEM(again); err != nil {
				t.Errorf("written again: %v", err)
			}
		}
	})
}

func FuzzProxyInfo(f *testing.F) {
	f.Add(g.ProxyInfo(g.InheritAll, -1, nil))
	f.Add(g.ProxyInfo(g.Limited, 3, []byte("x")))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := gridproxy.ParseProxyInfo(in); err == nil {
			var raw asn1.RawValue
			if rest, err := asn1.Unmarshal(in, &raw); err != nil || len(rest) > 0 {
				t.Errorf("encoding/asn1 says %v, %d bytes left", err, len(rest))
			}
		}
	})
}

func FuzzAC(f *testing.F) {
	w := g.NewWorld()
	f.Add(w.AC(w.Alice, standard))
	f.Add(w.AC(w.Alice, standard, func(a *g.AC) {
		a.Extensions = append(a.Extensions, g.Ext(g.TargetInfo, true, g.Seq(g.Seq(g.Tagged(0, g.URI("x"))))))
	}))
	trust := w.Trust(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		_ = gridproxy.ParseAC(in)
		_, _ = gridproxy.SplitACs(in)
		if len(in) > gridproxy.MaxChainBytes/2 {
			return
		}
		proxy := g.NewProxy(w.Alice, g.Also(g.VOMS(in)))
		r, err := gridproxy.Verify(proxy.Chain(), g.Now, trust, gridproxy.Options{})
		if err != nil {
			t.Fatalf("attributes changed the verdict: %v", err)
		}
		if r.VOMS == gridproxy.VOMSValid && !strings.HasPrefix(r.FQANs[0], "/"+g.VO) {
			t.Errorf("%q", r.FQANs)
		}
	})
}

func FuzzSigningPolicy(f *testing.F) {
	f.Add(g.Policy(g.DN("/CN=x"), "a*", "b?"), "/CN=x")
	f.Add("access_id_CA X509 '/CN=x'\npos_rights globus CA:sign\ncond_subjects globus \"/x\"", "a")
	f.Fuzz(func(t *testing.T, text, subject string) {
		p, err := gridproxy.ParseSigningPolicy(text)
		if len(subject) > 1000 {
			return
		}
		if ok := p.Permits("/CN=x", subject); ok && (err != nil || !strings.Contains(text, "/CN=x")) {
			t.Errorf("%q permits %q", text, subject)
		}
	})
}

func FuzzNamespaces(f *testing.F) {
	f.Add(g.Permit(g.DN("/CN=x"), "a.*", "b"), "abc")
	f.Add("TO Issuer SELF DENY Subject \"a+\" # x", "a")
	f.Fuzz(func(t *testing.T, text, subject string) {
		n, err := gridproxy.ParseNamespaces(text)
		if n.Permits("/CN=x", subject) && (err != nil || !strings.Contains(strings.ToUpper(text), "PERMIT")) {
			t.Errorf("%q permits %q", text, subject)
		}
	})
}

func FuzzLSC(f *testing.F) {
	f.Add("/CN=a\n/CN=b\n--- NEXT CHAIN ---\n/CN=c\n/CN=d\n")
	f.Fuzz(func(t *testing.T, text string) {
		chains, err := gridproxy.ParseLSC(text)
		if (err == nil) != (len(chains) > 0) {
			t.Errorf("%d alternatives and %v", len(chains), err)
		}
		for _, c := range chains {
			if len(c) == 0 {
				t.Error("an alternative that any number of certificates would match")
			}
		}
	})
}

// FuzzName checks that the text is one line of printable characters or of
// others than control characters, and that no two names share it.
func FuzzName(f *testing.F) {
	f.Add(g.DN("/DC=org/CN=a,b+c").DER(), g.DN("/DC=org/CN=a").DER())
	f.Add(g.Name{{{Type: "CN", Value: "#x "}, {Type: "1.2.3", Value: "y"}}}.DER(), g.DN("/CN=\\23x").DER())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		n, err := gridproxy.ParseName(a)
		if err != nil {
			return
		}
		text := n.String()
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("control characters in %q", text)
		}
		_, _, _ = gridproxy.SubjectHashes(a)
		_ = n.Slash()
		other, err := gridproxy.ParseName(b)
		if err == nil && other.String() == text && !gridproxy.SameName(n, other) {
			t.Errorf("%x and %x are both %q", a, b, text)
		}
	})
}

func FuzzCRL(f *testing.F) {
	w := g.NewWorld()
	f.Add(w.CAAnchor.CRLs[0])
	f.Add(g.CRLPEM(w.CAAnchor.CRLs[0]))
	f.Fuzz(func(t *testing.T, in []byte) { _, _ = gridproxy.ParseCRL(in) })
}

// FuzzDER compares the reader with encoding/asn1: what the one takes the other
// takes, and sees the same.
func FuzzDER(f *testing.F) {
	f.Add(g.Seq(g.Int(5)))
	f.Add([]byte{0x30, 0x81, 0x80})
	f.Fuzz(func(t *testing.T, in []byte) {
		tag, content, rest, err := gridproxy.NextDER(in)
		if err != nil {
			return
		}
		var raw asn1.RawValue
		left, err := asn1.Unmarshal(in, &raw)
		if err != nil || raw.FullBytes[0] != tag || !bytes.Equal(raw.Bytes, content) || !bytes.Equal(left, rest) {
			t.Errorf("encoding/asn1 says %v", err)
		}
	})
}
