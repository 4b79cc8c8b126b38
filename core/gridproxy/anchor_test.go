package gridproxy_test

import (
	"crypto"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// load reads a trust directory of these anchors.
func load(t *testing.T, anchors ...g.Anchor) *gridproxy.Trust {
	t.Helper()
	trust, err := gridproxy.LoadFS(g.Directory(anchors...), nil, g.Now)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// hashes are the names under which a directory files the CA.
func hashes(t *testing.T, ca *g.Entity) []string {
	t.Helper()
	hash, old, err := gridproxy.SubjectHashes(ca.Name.DER())
	if err != nil {
		t.Fatal(err)
	}
	return []string{hash, old}
}

// open is an anchor that may sign anything and has revoked nothing.
func open(ca *g.Entity) g.Anchor {
	return g.Anchor{CA: ca, Policy: g.Policy(ca.Name, "*"), CRLs: [][]byte{g.NewCRL(ca, nil)}}
}

func TestOwner(t *testing.T) {
	w := g.NewWorld()
	const dn = "/DC=org/DC=example/OU=People/CN=Alice"
	eec := func(options ...g.Option) [][]byte { return g.NewEEC(dn, w.CA, options...).Chain() }
	usage := func(oids ...string) g.Option { return g.Extensions(g.ExtKeyUsage(oids...)) }
	stranger := g.NewCA("/DC=org/DC=example/CN=Issuing CA", nil)
	sub := g.NewCA("/DC=org/DC=example/CN=Sub CA", w.CA)
	rsaCA := g.NewCA("/DC=org/DC=example/CN=Issuing CA", w.Root, g.Keyed(g.RSAKey(2048)))
	self := g.NewEEC(dn, nil)
	own := gridproxy.TypeEEC
	run(t, w.Trust(t), []row{
		{name: "revoked", chain: g.NewProxy(w.Dave).Chain(), code: gridproxy.CodeRevoked},
		{name: "revoked, alone", chain: w.Dave.Chain(), code: gridproxy.CodeRevoked},
		{name: "expired under a live proxy", code: gridproxy.CodeExpired,
			chain: g.NewProxy(g.NewEEC(dn, w.CA, g.Valid(g.NotBefore, g.Now.Add(-time.Second)))).Chain()},
		{name: "valid to the second", chain: eec(g.Valid(g.NotBefore, g.Now)), kind: own, until: g.Now},
		{name: "not yet valid, without leeway", chain: eec(g.Valid(g.Now.Add(time.Second), g.NotAfter)), code: gridproxy.CodeNotYetValid},
		{name: "is a CA", chain: eec(g.Extensions(g.BasicConstraints(true, -1))), code: gridproxy.CodeEECIsCA},
		{name: "without extensions", chain: eec(g.Extensions()), kind: own},
		{name: "of an unknown CA", chain: g.NewEEC(dn, g.NewCA("/CN=Unknown", nil)).Chain(), code: gridproxy.CodeUntrusted},
		{name: "of an unknown CA, sent along", code: gridproxy.CodeUntrusted, chain: chainOf(g.NewEEC(dn, stranger), stranger)},
		{name: "of a CA of the same name and another key", chain: g.NewEEC(dn, stranger).Chain(), code: gridproxy.CodeUntrusted},
		{name: "self-signed", chain: self.Chain(), code: gridproxy.CodeUntrusted},
		{name: "issued by another person", chain: chainOf(g.NewEEC("/DC=org/DC=example/CN=Eve", w.Bob), w.Bob), code: gridproxy.CodeUntrusted},
		{name: "damaged signature", chain: eec(g.With(func(c *g.Cert) { c.BadSignature = true })), code: gridproxy.CodeUntrusted},
		{name: "signed with SHA-1", code: gridproxy.CodeWeakSignature, chain: chainOf(g.NewEEC(dn, rsaCA, g.Signed(g.Scheme{Hash: crypto.SHA1})), rsaCA)},
		{name: "of an intermediate sent along, without list of its key", code: gridproxy.CodeCRLSignature, chain: chainOf(g.NewEEC(dn, rsaCA), rsaCA)},
		{name: "of an intermediate without policy or list", code: gridproxy.CodeSigningPolicyMissing, chain: chainOf(g.NewEEC(dn, sub), sub)},
		{name: "Ed25519 key", chain: eec(g.Keyed(g.EdKey())), code: gridproxy.CodeWeakKey},
		{name: "critical Netscape type", code: gridproxy.CodeCriticalExtension,
			chain: eec(g.Also(g.Ext("2.16.840.1.113730.1.1", true, g.TLV(3, []byte{7, 0x80}))))},
		{name: "basicConstraints with FALSE written", kind: own,
			chain: eec(g.Extensions(g.Ext("2.5.29.19", true, g.Seq([]byte{1, 1, 0}))))},
		{name: "key of RSA 1024", chain: eec(g.Keyed(g.RSAKey(1024))), code: gridproxy.CodeWeakKey},
		{name: "empty subject", chain: g.NewEECNamed(nil, w.CA).Chain(), code: gridproxy.CodeEECName},
		{name: "unknown critical extension", chain: eec(g.Also(g.Ext("1.2.3.4", true, g.Null()))), code: gridproxy.CodeCriticalExtension},
		{name: "only serverAuth", chain: eec(usage(g.ServerAuth)), code: gridproxy.CodeHostCertificate},
		{name: "only serverAuth, allowed", o: gridproxy.Options{AllowHostEEC: true}, chain: eec(usage(g.ServerAuth)), kind: own},
		{name: "serverAuth and clientAuth", chain: eec(usage(g.ServerAuth, g.ClientAuth)), kind: own},
		{name: "serverAuth and another", chain: eec(usage(g.ServerAuth, "1.2.3.4")), kind: own},
		{name: "emailProtection only", chain: eec(usage("1.3.6.1.5.5.7.3.4")), kind: own},
		{name: "subjectAltName", kind: own, chain: eec(g.Also(g.Ext("2.5.29.17", false, g.Seq(g.TLV(0x81, []byte("a@example.org"))))))},
		{name: "issuer ends first", kind: own, at: g.NotAfter.Add(-time.Second), chain: eec(g.Valid(g.NotBefore, g.NotAfter.AddDate(5, 0, 0)))},
		{name: "issuer has expired", at: g.NotAfter.Add(time.Second), code: gridproxy.CodeExpired,
			chain: eec(g.Valid(g.NotBefore, g.NotAfter.AddDate(5, 0, 0)))},
		{name: "outside the namespace", chain: g.NewEEC("/DC=com/DC=example/CN=Alice", w.CA).Chain(), code: gridproxy.CodeSigningPolicy},
		{name: "outside, with the slash form of a name inside", code: gridproxy.CodeSigningPolicy,
			chain: g.NewEECNamed(g.Name{{{Type: "O", Value: "x"}}, {{Type: "CN", Value: "/DC=org/DC=example/CN=Alice"}}}, w.CA).Chain()},
	})
	_, err := gridproxy.Verify(w.Alice.Chain(), g.Now, nil, gridproxy.Options{})
	wantCode(t, err, gridproxy.CodeNoTrust)
}

func TestPaths(t *testing.T) {
	w := g.NewWorld()
	const dn = "/DC=org/DC=example/OU=People/CN=Alice"
	anchors := func(change func(root, ca *g.Anchor)) *gridproxy.Trust {
		root, ca := w.RootAnchor, w.CAAnchor
		change(&root, &ca)
		return load(t, root, ca)
	}
	row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC}.check(t, anchors(func(_, _ *g.Anchor) {}))

	t.Run("revoked intermediate", func(t *testing.T) {
		trust := anchors(func(root, _ *g.Anchor) { root.CRLs = [][]byte{g.NewCRL(w.Root, []*big.Int{w.CA.Serial})} })
		row{chain: w.Alice.Chain(), code: gridproxy.CodeRevoked}.check(t, trust)
	})
	t.Run("intermediate outside the root's policy", func(t *testing.T) {
		trust := anchors(func(root, _ *g.Anchor) { root.Policy = g.Policy(w.Root.Name, "/DC=net/*") })
		row{chain: w.Alice.Chain(), code: gridproxy.CodeSigningPolicy}.check(t, trust)
	})
	t.Run("path length of CAs", func(t *testing.T) {
		root := g.NewCA("/DC=org/DC=example/CN=Narrow", nil, g.Extensions(g.BasicConstraints(true, 0), g.KeyUsage(g.KeyCertSign|g.CRLSign)))
		ca := g.NewCA("/DC=org/DC=example/CN=Below", root)
		trust := load(t, g.Anchor{CA: root, Policy: g.Policy(root.Name, "*"), CRLs: [][]byte{g.NewCRL(root, nil)}},
			g.Anchor{CA: ca, Policy: g.Policy(ca.Name, "*"), CRLs: [][]byte{g.NewCRL(ca, nil)}})
		row{chain: g.NewEEC(dn, ca).Chain(), code: gridproxy.CodeUntrusted}.check(t, trust)
		row{chain: g.NewEEC(dn, root).Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
	})
	t.Run("path length below an intermediate", func(t *testing.T) {
		narrow := g.NewCA("/DC=org/DC=example/CN=Narrow", w.Root, g.Extensions(g.BasicConstraints(true, 0), g.KeyUsage(g.KeyCertSign|g.CRLSign)))
		sub := g.NewCA("/DC=org/DC=example/CN=Below", narrow)
		trust := load(t, open(w.Root), open(narrow), open(sub))
		row{chain: g.NewEEC(dn, narrow).Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
		row{chain: deep(g.NewEEC(dn, narrow), 3).Chain(), depth: 3}.check(t, trust) // proxies are no CAs
		row{chain: g.NewEEC(dn, sub).Chain(), code: gridproxy.CodeUntrusted}.check(t, trust)
	})
	for name, c := range map[string]struct {
		options []g.Option
		code    gridproxy.Code
	}{
		"usual":                      {nil, ""},
		"has expired":                {[]g.Option{g.Valid(g.NotBefore, g.Now.Add(-time.Hour))}, gridproxy.CodeExpired},
		"not yet valid":              {[]g.Option{g.Valid(g.Now.Add(time.Hour), g.NotAfter)}, gridproxy.CodeNotYetValid},
		"may not sign certificates":  {[]g.Option{g.Extensions(g.BasicConstraints(true, -1), g.KeyUsage(g.CRLSign|g.DigitalSignature))}, gridproxy.CodeUntrusted},
		"empty key usage":            {[]g.Option{g.Extensions(g.BasicConstraints(true, -1), g.Ext("2.5.29.15", true, g.TLV(3, []byte{0})))}, gridproxy.CodeUntrusted},
		"no key usage":               {[]g.Option{g.Extensions(g.BasicConstraints(true, -1))}, ""},
		"critical unknown extension": {[]g.Option{g.Also(g.Ext("1.2.3.4", true, g.Null()))}, gridproxy.CodeUntrusted},
		"signed with SHA-1":          {[]g.Option{g.Signed(g.Scheme{Hash: crypto.SHA1})}, gridproxy.CodeUntrusted},
		"damaged":                    {[]g.Option{g.With(func(c *g.Cert) { c.BadSignature = true })}, gridproxy.CodeUntrusted},
	} {
		t.Run("intermediate "+name, func(t *testing.T) {
			ca := g.NewCA("/DC=org/DC=example/CN=Sub CA", w.Root, c.options...)
			row{chain: g.NewProxy(g.NewEEC(dn, ca)).Chain(), depth: 1, code: c.code}.check(t, load(t, open(w.Root), open(ca)))
		})
	}
	t.Run("no basicConstraints", func(t *testing.T) {
		// Not an anchor at all; sent along it is no CA either.
		ca := g.NewCA("/DC=org/DC=example/CN=Sub CA", w.Root, g.Extensions(g.KeyUsage(g.KeyCertSign|g.CRLSign)))
		trust := load(t, open(w.Root), open(ca))
		if len(trust.Problems()) == 0 {
			t.Error("it was taken as an anchor")
		}
		row{chain: g.NewEEC(dn, ca).Chain(), code: gridproxy.CodeUntrusted}.check(t, trust)
		row{chain: chainOf(g.NewEEC(dn, ca), ca), code: gridproxy.CodeUntrusted}.check(t, trust)
	})
	t.Run("root of version 1", func(t *testing.T) {
		root := g.Issue(g.DN("/DC=org/DC=example/CN=Old"), nil, g.With(func(c *g.Cert) { c.Version = 1 }))
		row{chain: g.NewEEC(dn, root).Chain(), kind: gridproxy.TypeEEC}.check(t, load(t, open(root)))
	})
	t.Run("weak intermediate", func(t *testing.T) {
		weak := g.NewCA("/DC=org/DC=example/CN=Weak", w.Root, g.Keyed(g.RSAKey(1024)))
		trust := load(t, w.RootAnchor, g.Anchor{CA: weak, Policy: g.Policy(weak.Name, "*"), CRLs: [][]byte{g.NewCRL(weak, nil)}})
		row{chain: g.NewEEC(dn, weak).Chain(), code: gridproxy.CodeWeakKey}.check(t, trust)
	})
	t.Run("Ed25519 root", func(t *testing.T) {
		root := g.NewCA("/DC=org/DC=example/CN=Ed", nil, g.Keyed(g.EdKey()))
		trust := load(t, g.Anchor{CA: root, Policy: g.Policy(root.Name, "*"), CRLs: [][]byte{g.NewCRL(root, nil)}})
		row{chain: g.NewEEC(dn, root).Chain(), code: gridproxy.CodeWeakSignature}.check(t, trust)
	})
	t.Run("root signed with SHA-1", func(t *testing.T) {
		for _, h := range []crypto.Hash{crypto.SHA1, crypto.MD5} {
			root := g.NewCA("/DC=org/DC=example/CN=Old", nil, g.Keyed(g.RSAKey(2048)), g.Signed(g.Scheme{Hash: h}))
			trust := load(t, g.Anchor{CA: root, Policy: g.Policy(root.Name, "*"), CRLs: [][]byte{g.NewCRL(root, nil)}})
			row{chain: g.NewEEC(dn, root).Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
		}
	})
	t.Run("intermediate without its root", func(t *testing.T) {
		other := g.NewCA("/CN=Other", nil)
		trust := load(t, w.CAAnchor, g.Anchor{CA: other, Policy: g.Policy(other.Name, "*")})
		row{chain: w.Alice.Chain(), code: gridproxy.CodeUntrusted}.check(t, trust)
	})
	t.Run("intermediate sent along by the client", func(t *testing.T) {
		dir := g.Directory(w.RootAnchor, w.CAAnchor)
		for _, stem := range hashes(t, w.CA) {
			delete(dir, stem+".0")
		}
		trust, err := gridproxy.LoadFS(dir, nil, g.Now)
		if err != nil {
			t.Fatal(err)
		}
		row{chain: w.Alice.Chain(), code: gridproxy.CodeUntrusted}.check(t, trust)
		row{chain: chainOf(w.Alice, w.CA), kind: gridproxy.TypeEEC}.check(t, trust)
		row{chain: chainOf(w.Dave, w.CA), code: gridproxy.CodeRevoked}.check(t, trust)
	})
	t.Run("of two paths the one that holds", func(t *testing.T) {
		// The same CA key, certified twice: one certificate is revoked, the
		// other ends earlier than everything else.
		again := g.NewCA("/DC=org/DC=example/CN=Issuing CA", w.Root, g.Keyed(w.CA.Key), g.Valid(g.NotBefore, g.Now.Add(time.Hour)))
		root := w.RootAnchor
		root.CRLs = [][]byte{g.NewCRL(w.Root, []*big.Int{w.CA.Serial})}
		second := w.CAAnchor
		second.CA, second.Number = again, 1
		trust := load(t, root, w.CAAnchor, second)
		row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC, until: g.Now.Add(time.Hour)}.check(t, trust)
		trust = load(t, w.RootAnchor, w.CAAnchor, second)
		row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
	})
	t.Run("rollover: two keys, one name", func(t *testing.T) {
		// Both under one hash, each with its own list.
		next := g.NewCA("/DC=org/DC=example/CN=Issuing CA", w.Root)
		alice := g.NewEEC(dn, next, g.Serial(w.Dave.Serial.Int64()))
		second := w.CAAnchor
		second.CA, second.Number, second.CRLs = next, 1, [][]byte{g.NewCRL(next, nil)}
		trust := load(t, w.RootAnchor, w.CAAnchor, second)
		row{chain: alice.Chain(), kind: gridproxy.TypeEEC}.check(t, trust) // Dave's number, but not Dave's CA key
		row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
		row{chain: w.Dave.Chain(), code: gridproxy.CodeRevoked}.check(t, trust)
		second.CRLs = nil
		trust = load(t, w.RootAnchor, w.CAAnchor, second)
		row{chain: alice.Chain(), code: gridproxy.CodeCRLSignature}.check(t, trust) // the old key's list is not its list
	})
}

// Certificates sent along cannot make the search for a path explode: fourteen
// CAs of one name, each certified by all that the others could be.
func TestManyIntermediates(t *testing.T) {
	w := g.NewWorld()
	trust := w.Trust(t)
	const name = "/DC=org/DC=example/CN=Maze"
	maze := g.NewCA(name, nil)
	eec := g.NewEEC("/DC=org/DC=example/CN=Alice", maze)
	chain := eec.Chain()
	for range gridproxy.MaxCertificates - 1 {
		maze = g.NewCA(name, maze)
		chain = append(chain, maze.DER)
	}
	row{chain: chain, code: gridproxy.CodeUntrusted}.check(t, trust)
	chain[len(chain)-1] = g.NewCA(name, w.CA).DER
	row{chain: chain, code: gridproxy.CodeUntrusted}.check(t, trust)
}

func TestRevocationLists(t *testing.T) {
	w := g.NewWorld()
	impostor := g.NewCA("/DC=org/DC=example/CN=Issuing CA", w.Root)
	noSign := g.NewCA("/DC=org/DC=example/CN=Issuing CA", w.Root, g.Extensions(g.BasicConstraints(true, -1), g.KeyUsage(g.KeyCertSign)))
	crl := func(change func(*g.CRL)) []byte { return g.NewCRL(w.CA, []*big.Int{w.Dave.Serial}, change) }
	good := crl(func(*g.CRL) {})
	expired := crl(func(c *g.CRL) { c.NotAfter = g.Now })
	bad := g.NewCRL(impostor, []*big.Int{w.Alice.Serial})
	clean := g.NewCRL(w.CA, nil)
	idp := func(parts ...[]byte) []byte {
		return crl(func(c *g.CRL) { c.Extensions = append(c.Extensions, g.Ext("2.5.29.28", true, g.Seq(parts...))) })
	}
	name := g.Tagged(0, g.Tagged(0, g.URI("http://ca.example.org/ca.crl")))
	on := []byte{0xff}
	relaxed := gridproxy.Options{AllowMissingCRL: true}
	alice, dave := w.Alice.Chain(), w.Dave.Chain()
	for _, c := range []struct {
		name  string
		crls  [][]byte
		o     gridproxy.Options
		code  gridproxy.Code
		chain [][]byte
	}{
		{"none", nil, gridproxy.Options{}, gridproxy.CodeCRLMissing, alice},
		{"none, relaxed", nil, relaxed, "", alice},
		{"current", [][]byte{good}, gridproxy.Options{}, "", alice},
		{"current, listed", [][]byte{good}, gridproxy.Options{}, gridproxy.CodeRevoked, dave},
		{"listed, relaxed", [][]byte{good}, relaxed, gridproxy.CodeRevoked, dave},
		{"expired this second", [][]byte{expired}, gridproxy.Options{}, gridproxy.CodeCRLExpired, alice},
		{"expired, relaxed", [][]byte{expired}, relaxed, gridproxy.CodeCRLExpired, alice},
		{"expired, listed", [][]byte{expired}, relaxed, gridproxy.CodeRevoked, dave},
		{"expired lists it, current does not", [][]byte{expired, clean}, relaxed, gridproxy.CodeRevoked, dave},
		{"expired and current", [][]byte{expired, good}, gridproxy.Options{}, "", alice},
		{"current for a second", [][]byte{crl(func(c *g.CRL) { c.NotAfter = g.Now.Add(time.Second) })}, gridproxy.Options{}, "", alice},
		{"version 1", [][]byte{crl(func(c *g.CRL) { c.First = true })}, gridproxy.Options{}, "", alice},
		{"version 1, listed", [][]byte{crl(func(c *g.CRL) { c.First = true })}, gridproxy.Options{}, gridproxy.CodeRevoked, dave},
		{"version 1, expired", [][]byte{crl(func(c *g.CRL) { c.First, c.NotAfter = true, g.Now })}, gridproxy.Options{}, gridproxy.CodeCRLExpired, alice},
		{"version 1 by another key", [][]byte{crl(func(c *g.CRL) { c.First, c.SignKey = true, impostor.Key })}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"version 1 with entry extensions", [][]byte{crl(func(c *g.CRL) {
			c.First, c.EntryExtensions = true, [][]byte{g.Ext("2.5.29.21", false, g.TLV(10, []byte{1}))}
		})}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"without next update", [][]byte{crl(func(c *g.CRL) { c.NotAfter = time.Time{} })}, gridproxy.Options{}, gridproxy.CodeCRLExpired, alice},
		{"of the future", [][]byte{crl(func(c *g.CRL) { c.NotBefore = g.Now.Add(time.Hour) })}, gridproxy.Options{}, gridproxy.CodeCRLExpired, alice},
		{"by another key", [][]byte{bad}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"by another key, relaxed", [][]byte{bad}, relaxed, gridproxy.CodeCRLSignature, alice},
		{"by another key beside a good one", [][]byte{bad, good}, gridproxy.Options{}, "", alice},
		{"names the CA but is of another", [][]byte{g.NewCRL(g.NewCA("/CN=Other", nil), nil)}, gridproxy.Options{}, gridproxy.CodeCRLMissing, alice},
		{"unreadable", [][]byte{[]byte("garbage")}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"unreadable, relaxed", [][]byte{[]byte("garbage")}, relaxed, gridproxy.CodeCRLSignature, alice},
		{"unreadable beside a good one", [][]byte{[]byte("garbage"), good}, gridproxy.Options{}, "", alice},
		{"delta", [][]byte{crl(func(c *g.CRL) { c.Extensions = append(c.Extensions, g.Ext("2.5.29.27", true, g.Int(1))) })},
			gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"delta lists it", [][]byte{crl(func(c *g.CRL) { c.Extensions = append(c.Extensions, g.Ext("2.5.29.27", true, g.Int(1))) })},
			gridproxy.Options{}, gridproxy.CodeRevoked, dave},
		{"unknown critical extension", [][]byte{crl(func(c *g.CRL) { c.Extensions = append(c.Extensions, g.Ext("1.2.3", true, g.Null())) })},
			gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"unknown critical entry extension", [][]byte{crl(func(c *g.CRL) { c.EntryExtensions = [][]byte{g.Ext("1.2.3", true, g.Null())} })},
			gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"reason codes", [][]byte{crl(func(c *g.CRL) { c.EntryExtensions = [][]byte{g.Ext("2.5.29.21", false, g.TLV(10, []byte{1}))} })},
			gridproxy.Options{}, "", alice},
		{"distribution point", [][]byte{idp(name)}, gridproxy.Options{}, "", alice},
		{"distribution point, users only", [][]byte{idp(name, g.TLV(0x81, on))}, gridproxy.Options{}, "", alice},
		{"distribution point, CAs only", [][]byte{idp(name, g.TLV(0x82, on))}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"distribution point, some reasons", [][]byte{idp(name, g.TLV(0x83, []byte{1, 0x40}))}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"distribution point, indirect", [][]byte{idp(name, g.TLV(0x84, on))}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
		{"distribution point, malformed", [][]byte{idp([]byte{0xa0, 9})}, gridproxy.Options{}, gridproxy.CodeCRLSignature, alice},
	} {
		t.Run(c.name, func(t *testing.T) {
			anchor := w.CAAnchor
			anchor.CRLs = c.crls
			row{chain: c.chain, o: c.o, code: c.code, kind: gridproxy.TypeEEC}.check(t, load(t, w.RootAnchor, anchor))
		})
	}
	t.Run("CA that may not sign lists", func(t *testing.T) {
		anchor := w.CAAnchor
		anchor.CA, anchor.CRLs = noSign, [][]byte{g.NewCRL(noSign, nil)}
		row{chain: g.NewEEC(w.Alice.Name.Slash(), noSign).Chain(), code: gridproxy.CodeCRLSignature}.check(t, load(t, w.RootAnchor, anchor))
	})
	t.Run("SHA-1", func(t *testing.T) {
		ca := g.NewCA("/DC=org/DC=example/CN=RSA CA", nil, g.Keyed(g.RSAKey(2048)))
		anchor := g.Anchor{CA: ca, Policy: g.Policy(ca.Name, "*"), CRLs: [][]byte{g.NewCRL(ca, nil, func(c *g.CRL) { c.Scheme.Hash = crypto.SHA1 })}}
		row{chain: g.NewEEC(w.Alice.Name.Slash(), ca).Chain(), code: gridproxy.CodeCRLSignature}.check(t, load(t, anchor))
	})
	t.Run("warning", func(t *testing.T) {
		anchor := w.CAAnchor
		anchor.CRLs, anchor.Policy = nil, ""
		got, err := gridproxy.Verify(alice, g.Now, load(t, w.RootAnchor, anchor), gridproxy.Options{AllowMissingCRL: true, AllowMissingSigningPolicy: true})
		if err != nil || len(got.Warnings) != 2 {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("DER file, and a name in another string type", func(t *testing.T) {
		anchor := w.CAAnchor
		anchor.CRLs = nil
		dir := g.Directory(w.RootAnchor, anchor)
		issuer := g.DN("/DC=org/DC=example").Add(g.RDN{{Type: "CN", Value: "Issuing  ca", Tag: 0x13}})
		dir[hashes(t, w.CA)[0]+".r0"] = &fstest.MapFile{Data: crl(func(c *g.CRL) { c.Issuer = issuer.DER() })}
		trust, err := gridproxy.LoadFS(dir, nil, g.Now)
		if err != nil {
			t.Fatal(err)
		}
		row{chain: alice, kind: gridproxy.TypeEEC}.check(t, trust)
	})
}

func TestPolicyFiles(t *testing.T) {
	w := g.NewWorld()
	ca := w.CA.Name
	group := func(ca, cond string) string {
		return fmt.Sprintf("access_id_CA X509 '%s'\npos_rights globus CA:sign\ncond_subjects globus %s\n", ca, cond)
	}
	mine := func(cond string) string { return group(ca.Slash(), cond) }
	refuse, ok := gridproxy.CodeSigningPolicy, gridproxy.Code("")
	relaxed := gridproxy.Options{AllowMissingSigningPolicy: true}
	for _, c := range []struct {
		name, text string
		o          gridproxy.Options
		code       gridproxy.Code
	}{
		{"missing", "", gridproxy.Options{}, gridproxy.CodeSigningPolicyMissing},
		{"missing, relaxed", "", relaxed, ok},
		{"star", mine(`'"*"'`), gridproxy.Options{}, ok},
		{"exact", mine(`'"/DC=org/DC=example/OU=People/CN=Alice"'`), gridproxy.Options{}, ok},
		{"other case", mine(`'"/dc=ORG/DC=example/ou=people/cn=ALICE"'`), gridproxy.Options{}, ok},
		{"question mark", mine(`'"/DC=org/DC=example/OU=People/CN=A?ice"'`), gridproxy.Options{}, ok},
		{"question mark for nothing", mine(`'"/DC=org/DC=example/OU=People/CN=Al?ice"'`), gridproxy.Options{}, refuse},
		{"second pattern", mine(`'"/DC=net/*" "/DC=org/*"'`), gridproxy.Options{}, ok},
		{"a prefix is not the whole", mine(`'"/DC=org/DC=example"'`), gridproxy.Options{}, refuse},
		{"an end is not the whole", mine(`'"CN=Alice"'`), gridproxy.Options{}, refuse},
		{"star in the middle", mine(`'"/DC=org/*/CN=A*e"'`), gridproxy.Options{}, ok},
		{"dots are literal", mine(`'"/DC=org/DC=ex.mple/*"'`), gridproxy.Options{}, refuse},
		{"brackets are literal", mine(`'"/DC=org/DC=[e]xample/*"'`), gridproxy.Options{}, refuse},
		{"one pattern without inner quotes", mine(`'/DC=org/*'`), gridproxy.Options{}, ok},
		{"one pattern in double quotes", mine(`"/DC=org/*"`), gridproxy.Options{}, ok},
		{"of another CA", group("/CN=Other", `'"*"'`), gridproxy.Options{}, refuse},
		{"of another CA, relaxed", group("/CN=Other", `'"*"'`), relaxed, refuse},
		{"of another CA, then ours", group("/CN=Other", `'"*"'`) + mine(`'"/DC=org/*"'`), gridproxy.Options{}, ok},
		{"ours forbids, another's allows", mine(`'"/DC=net/*"'`) + group("/CN=Other", `'"*"'`), gridproxy.Options{}, refuse},
		{"two groups of ours", mine(`'"/DC=net/*"'`) + mine(`'"/DC=org/*"'`), gridproxy.Options{}, ok},
		{"comments, tabs and CRLF", "# x\r\n\r\n\t" + strings.ReplaceAll(mine(`'"/DC=org/*"'`), "\n", "\r\n"), gridproxy.Options{}, ok},
		{"cut off", strings.Join(strings.Split(mine(`'"*"'`), "\n")[:2], "\n"), gridproxy.Options{}, refuse},
		{"a line too many", mine(`'"*"'`) + "pos_rights globus CA:sign\n", gridproxy.Options{}, refuse},
		{"negative rights", strings.Replace(mine(`'"*"'`), "pos_rights", "neg_rights", 1), gridproxy.Options{}, refuse},
		{"another right", strings.Replace(mine(`'"*"'`), "CA:sign", "CA:other", 1), gridproxy.Options{}, refuse},
		{"another authority", strings.Replace(mine(`'"*"'`), "X509", "X500", 1), gridproxy.Options{}, refuse},
		{"no quotes", mine("/DC=org/*"), gridproxy.Options{}, refuse},
		{"open quote", mine(`'"/DC=org/*'`), gridproxy.Options{}, refuse},
		{"empty pattern", mine(`'""'`), gridproxy.Options{}, refuse},
		{"garbage, relaxed", "garbage", relaxed, refuse},
		{"empty file", "\n# nothing\n", gridproxy.Options{}, refuse},
	} {
		t.Run(c.name, func(t *testing.T) {
			anchor := w.CAAnchor
			anchor.Policy = c.text
			row{chain: w.Alice.Chain(), o: c.o, code: c.code, kind: gridproxy.TypeEEC}.check(t, load(t, w.RootAnchor, anchor))
		})
	}
}

func TestNamespaces(t *testing.T) {
	w := g.NewWorld()
	ca := w.CA.Name.Slash()
	rule := func(verb, expr string) string {
		return fmt.Sprintf("TO Issuer \"%s\" %s Subject \"%s\"\n", ca, verb, expr)
	}
	refuse, ok := gridproxy.CodeNamespaces, gridproxy.Code("")
	for _, c := range []struct {
		name, text string
		code       gridproxy.Code
	}{
		{"missing", "", ok},
		{"permit", rule("PERMIT", "/DC=org/.*"), ok},
		{"continued lines", "TO Issuer \"" + ca + "\" \\\n  PERMIT \\ \n Subject \"/DC=org/.*\"\n", ok},
		{"keywords in any case", "to issuer \"" + ca + "\" permit subject \"/DC=org/.*\"", ok},
		{"SELF", `TO Issuer "SELF" PERMIT Subject "/DC=org/.*"`, ok},
		{"SELF without quotes", `TO Issuer Self PERMIT Subject "/DC=org/.*"`, ok},
		{"a part is not the whole", rule("PERMIT", "/DC=org"), refuse},
		{"an alternative is not anchored loosely", rule("PERMIT", "/DC=org|.*Bob"), refuse},
		{"case counts", rule("PERMIT", "/dc=org/.*"), refuse},
		{"of another CA", `TO Issuer "/CN=Other" PERMIT Subject ".*"`, refuse},
		{"deny wins", rule("PERMIT", ".*") + rule("DENY", ".*/CN=Alice"), refuse},
		{"deny before permit", rule("DENY", ".*/CN=Alice") + rule("PERMIT", ".*"), refuse},
		{"deny of somebody else", rule("PERMIT", ".*") + rule("DENY", ".*/CN=Bob"), ok},
		{"deny by another CA", rule("PERMIT", ".*") + `TO Issuer "/CN=Other" DENY Subject ".*"`, ok},
		{"only deny", rule("DENY", ".*/CN=Bob"), refuse},
		{"comments", "# a\n" + strings.TrimSpace(rule("PERMIT", ".*")) + " # b \\\n# c", ok},
		{"hash within quotes", rule("PERMIT", ".*") + rule("PERMIT", "/CN=#.*"), ok},
		{"bad expression", rule("PERMIT", ".*") + rule("PERMIT", "("), refuse},
		{"unknown verb", rule("ALLOW", ".*"), refuse},
		{"not continued", "TO Issuer \"" + ca + "\"\n PERMIT Subject \".*\"", refuse},
		{"two statements on a line", strings.TrimSpace(rule("PERMIT", ".*")) + rule("PERMIT", ".*"), refuse},
		{"open quote", `TO Issuer "` + ca + `" PERMIT Subject ".*`, refuse},
		{"backslash within a line", rule("PERMIT", ".*") + `\ x`, refuse},
		{"garbage", "garbage", refuse},
		{"empty file", "# nothing\n", refuse},
	} {
		t.Run(c.name, func(t *testing.T) {
			anchor := w.CAAnchor
			anchor.Namespaces = c.text
			row{chain: w.Alice.Chain(), code: c.code, kind: gridproxy.TypeEEC}.check(t, load(t, w.RootAnchor, anchor))
		})
	}
}

func TestMailAliases(t *testing.T) {
	w := g.NewWorld()
	mail := g.NewEECNamed(g.DN("/DC=org/DC=example/CN=Alice").Add(g.RDN{{Type: "emailAddress", Value: "a@example.org"}}), w.CA)
	for _, spelling := range []string{"Email", "E", "emailAddress", "EMAILADDRESS"} {
		anchor := w.CAAnchor
		anchor.Policy = g.Policy(w.CA.Name, "/DC=org/DC=example/CN=Alice/"+spelling+"=a@example.org")
		anchor.Namespaces = g.Permit(w.CA.Name, "/DC=org/DC=example/CN=.*/"+spelling+"=.*@example.org")
		row{chain: mail.Chain(), kind: gridproxy.TypeEEC, id: "emailAddress=a@example.org,CN=Alice,DC=example,DC=org"}.check(t, load(t, w.RootAnchor, anchor))
	}
}
