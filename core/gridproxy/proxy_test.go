package gridproxy_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// proxyWith is a proxy of Alice's with this proxyCertInfo value.
func infoChain(above *g.Entity, info []byte) [][]byte {
	return g.NewProxyInfo(above, info).Chain()
}

func TestProxyChains(t *testing.T) {
	w := g.NewWorld()
	full, limited := g.NewProxy(w.Alice), g.NewLimited(w.Alice)
	run(t, w.Trust(t), []row{
		{name: "own certificate", chain: w.Alice.Chain(), kind: gridproxy.TypeEEC},
		{name: "one full", chain: full.Chain(), depth: 1},
		{name: "one limited", chain: limited.Chain(), depth: 1, limited: true},
		{name: "full then full", chain: g.NewProxy(full).Chain(), depth: 2},
		{name: "full then limited", chain: g.NewLimited(full).Chain(), depth: 2, limited: true},
		{name: "limited then limited", chain: g.NewLimited(limited).Chain(), depth: 2, limited: true},
		{name: "limited then full", chain: g.NewProxy(limited).Chain(), code: gridproxy.CodeLimitedThenFull},
		{name: "limited, limited, full", chain: g.NewProxy(g.NewLimited(limited)).Chain(), code: gridproxy.CodeLimitedThenFull},
		{name: "ten proxies", chain: deep(w.Alice, 10).Chain(), depth: 10},
		{name: "fifteen proxies fill the limit", chain: deep(w.Alice, 15).Chain(), depth: 15},
		{name: "sixteen do not fit", chain: deep(w.Alice, 16).Chain(), code: gridproxy.CodeLimits},
		{name: "no certificate", chain: nil, code: gridproxy.CodeLimits},
		{name: "too many bytes", chain: [][]byte{make([]byte, gridproxy.MaxChainBytes+1)}, code: gridproxy.CodeLimits},
		{name: "a big extension within the limit", depth: 1,
			chain: g.NewProxy(w.Alice, g.Also(g.Ext("1.2.3.4", false, make([]byte, 60000)))).Chain()},
		{name: "a big extension beyond it", code: gridproxy.CodeLimits,
			chain: g.NewProxy(w.Alice, g.Also(g.Ext("1.2.3.4", false, make([]byte, 65536)))).Chain()},
		{name: "CAs sent along", chain: append(full.Chain(), w.CA.DER, w.Root.DER), depth: 1},
		{name: "CAs in another order", chain: append(full.Chain(), w.Root.DER, w.CA.DER), depth: 1},
		{name: "a stranger's certificate sent along", chain: append(full.Chain(), w.Bob.DER), depth: 1},
		{name: "owner's certificate missing", chain: [][]byte{full.DER}, code: gridproxy.CodeNoEEC},
		{name: "owner's certificate missing, CA there", chain: chainOf(full, w.CA), code: gridproxy.CodeEECIsCA},
		{name: "CA alone", chain: chainOf(w.CA, w.Root), code: gridproxy.CodeEECIsCA},
		{name: "owner first", chain: chainOf(w.Alice, full), code: gridproxy.CodeProxyAboveEEC},
		{name: "proxies swapped", chain: chainOf(full, g.NewProxy(full), w.Alice), code: gridproxy.CodeSignature},
		{name: "a middle proxy missing", chain: chainOf(g.NewProxy(full), w.Alice), code: gridproxy.CodeSignature},
		{name: "another's proxy above", chain: append(full.Chain(), g.NewProxy(w.Bob).DER), code: gridproxy.CodeProxyAboveEEC},
		{name: "above another owner", chain: chainOf(full, w.Bob), code: gridproxy.CodeSignature},
		{name: "the leaf twice", chain: append([][]byte{full.DER}, full.Chain()...), code: gridproxy.CodeSignature},
		{name: "the owner twice", chain: append(full.Chain(), w.Alice.DER), depth: 1},
		{name: "owner between proxies", chain: chainOf(g.NewProxy(full), w.Alice, full), code: gridproxy.CodeProxyAboveEEC},
		{name: "CA between proxy and owner", chain: chainOf(full, w.CA, w.Alice), code: gridproxy.CodeEECIsCA},
		{name: "CA first", chain: append([][]byte{w.CA.DER}, full.Chain()...), code: gridproxy.CodeProxyAboveEEC},
		{name: "garbage", chain: [][]byte{[]byte("garbage")}, code: gridproxy.CodeMalformed},
		{name: "garbage above", chain: append(full.Chain(), []byte{0x30, 0}), code: gridproxy.CodeMalformed},
		{name: "an empty certificate", chain: append(full.Chain(), nil), code: gridproxy.CodeMalformed},
		{name: "bytes after a certificate", chain: [][]byte{append(bytes.Clone(full.DER), 0), w.Alice.DER}, code: gridproxy.CodeMalformed},
		{name: "cut off", chain: [][]byte{full.DER[:len(full.DER)-1], w.Alice.DER}, code: gridproxy.CodeMalformed},
		{name: "version 1 with extensions", code: gridproxy.CodeMalformed,
			chain: g.NewProxy(w.Alice, g.With(func(c *g.Cert) { c.Version = 1 })).Chain()},
		{name: "version 2 with extensions", code: gridproxy.CodeMalformed,
			chain: g.NewProxy(w.Alice, g.With(func(c *g.Cert) { c.Version = 2 })).Chain()},
		{name: "a field after the last", code: gridproxy.CodeMalformed,
			chain: g.NewProxy(w.Alice, g.With(func(c *g.Cert) { c.Trailing = g.Null() })).Chain()},
		{name: "the same extension twice", code: gridproxy.CodeMalformed,
			chain: g.NewProxy(w.Alice, g.Also(g.Ext(g.PCI, true, g.ProxyInfo(g.InheritAll, -1, nil)))).Chain()},
		{name: "a negative serial number", chain: g.NewProxy(w.Alice, g.Serial(-5)).Chain(), code: gridproxy.CodeMalformed},
		{name: "serial number zero", chain: g.NewProxy(w.Alice, g.Serial(0)).Chain(), depth: 1},
		{name: "draft proxy", code: gridproxy.CodeDraftProxy, chain: g.NewProxy(w.Alice, g.Extensions(
			g.Ext(g.DraftPCI, true, g.Seq(g.Seq(g.OID(g.InheritAll)))))).Chain()},
		{name: "draft above RFC", code: gridproxy.CodeDraftProxy, chain: g.NewProxy(g.NewProxy(w.Alice, g.Extensions(
			g.Ext(g.DraftPCI, false, g.Seq(g.Seq(g.OID(g.InheritAll))))))).Chain()},
		{name: "both forms of proxyCertInfo", code: gridproxy.CodeDraftProxy, chain: g.NewProxy(w.Alice, g.Also(
			g.Ext(g.DraftPCI, false, g.Seq(g.Seq(g.OID(g.InheritAll)))))).Chain()},
	})
}

func deep(above *g.Entity, n int) *g.Entity {
	for range n {
		above = g.NewProxy(above)
	}
	return above
}

func TestProxyCertInfo(t *testing.T) {
	w := g.NewWorld()
	inherit := g.OID(g.InheritAll)
	run(t, w.Trust(t), []row{
		{name: "not critical", code: gridproxy.CodePCINotCritical,
			chain: g.NewProxy(w.Alice, g.Extensions(g.Ext(g.PCI, false, g.ProxyInfo(g.InheritAll, -1, nil)))).Chain()},
		{name: "no key usage", depth: 1,
			chain: g.NewProxy(w.Alice, g.Extensions(g.Ext(g.PCI, true, g.ProxyInfo(g.InheritAll, -1, nil)))).Chain()},
		{name: "independent", chain: infoChain(w.Alice, g.ProxyInfo(g.NoRights, -1, nil)), code: gridproxy.CodeIndependent},
		{name: "full below independent", code: gridproxy.CodeIndependent,
			chain: g.NewProxy(g.NewProxyInfo(w.Alice, g.ProxyInfo(g.NoRights, -1, nil))).Chain()},
		{name: "independent below full", code: gridproxy.CodeIndependent,
			chain: infoChain(g.NewProxy(w.Alice), g.ProxyInfo(g.NoRights, -1, nil))},
		{name: "any language", chain: infoChain(w.Alice, g.ProxyInfo(g.AnyPolicy, -1, nil)), code: gridproxy.CodePolicyLanguage},
		{name: "unknown language", chain: infoChain(w.Alice, g.ProxyInfo("1.2.3", -1, []byte("x"))), code: gridproxy.CodePolicyLanguage},
		{name: "inheritAll with a policy", chain: infoChain(w.Alice, g.ProxyInfo(g.InheritAll, -1, []byte("x"))), code: gridproxy.CodePolicyPresent},
		{name: "inheritAll with an empty policy", chain: infoChain(w.Alice, g.ProxyInfo(g.InheritAll, -1, []byte{})), code: gridproxy.CodePolicyPresent},
		{name: "limited with a policy", chain: infoChain(w.Alice, g.ProxyInfo(g.Limited, -1, []byte("x"))), code: gridproxy.CodePolicyPresent},
		{name: "empty", chain: infoChain(w.Alice, nil), code: gridproxy.CodePCIMalformed},
		{name: "empty sequence", chain: infoChain(w.Alice, g.Seq()), code: gridproxy.CodePCIMalformed},
		{name: "no language", chain: infoChain(w.Alice, g.Seq(g.Seq())), code: gridproxy.CodePCIMalformed},
		{name: "a string as language", chain: infoChain(w.Alice, g.Seq(g.Seq(g.Octets([]byte("x"))))), code: gridproxy.CodePCIMalformed},
		{name: "bytes after it", chain: infoChain(w.Alice, append(g.ProxyInfo(g.InheritAll, -1, nil), 0)), code: gridproxy.CodePCIMalformed},
		{name: "an element after the policy", chain: infoChain(w.Alice, g.Seq(g.Seq(inherit), g.Null())), code: gridproxy.CodePCIMalformed},
		{name: "an element after the language", chain: infoChain(w.Alice, g.Seq(g.Seq(inherit, g.Null()))), code: gridproxy.CodePCIMalformed},
		{name: "two policies", chain: infoChain(w.Alice, g.Seq(g.Seq(inherit, g.Octets(), g.Octets()))), code: gridproxy.CodePCIMalformed},
		{name: "path length after the policy", chain: infoChain(w.Alice, g.Seq(g.Seq(inherit), g.Int(1))), code: gridproxy.CodePCIMalformed},
		{name: "tagged path length, as in the draft", code: gridproxy.CodePCIMalformed,
			chain: infoChain(w.Alice, g.Seq(g.Tagged(1, g.Int(1)), g.Seq(inherit)))},
		{name: "negative path length", chain: infoChain(w.Alice, g.Seq(g.Int(-1), g.Seq(inherit))), code: gridproxy.CodePCIMalformed},
		{name: "path length not minimal", chain: infoChain(w.Alice, g.Seq([]byte{2, 2, 0, 1}, g.Seq(inherit))), code: gridproxy.CodePCIMalformed},
		{name: "path length without content", chain: infoChain(w.Alice, g.Seq([]byte{2, 0}, g.Seq(inherit))), code: gridproxy.CodePCIMalformed},
		{name: "huge path length", depth: 1,
			chain: infoChain(w.Alice, g.Seq(g.TLV(2, []byte{0x7f, 255, 255, 255, 255, 255, 255, 255, 255}), g.Seq(inherit)))},
		{name: "length not minimal", chain: infoChain(w.Alice, cat([]byte{0x30, 0x81, 12}, g.Seq(inherit))), code: gridproxy.CodePCIMalformed},
		{name: "indefinite length", chain: infoChain(w.Alice, cat([]byte{0x30, 0x80}, g.Seq(inherit), []byte{0, 0})), code: gridproxy.CodePCIMalformed},
		{name: "OID with a leading zero in an arc", code: gridproxy.CodePCIMalformed,
			chain: infoChain(w.Alice, g.Seq(g.Seq(g.TLV(6, []byte{0x2b, 0x80, 6, 1, 5, 5, 7, 21, 1}))))},
		{name: "OID cut off", chain: infoChain(w.Alice, g.Seq(g.Seq(g.TLV(6, []byte{0x2b, 0x86})))), code: gridproxy.CodePCIMalformed},
	})
}

func TestPathLength(t *testing.T) {
	w := g.NewWorld()
	with := func(above *g.Entity, n int64) *g.Entity {
		return g.NewProxyInfo(above, g.ProxyInfo(g.InheritAll, n, nil))
	}
	run(t, w.Trust(t), []row{
		{name: "0 alone", chain: with(w.Alice, 0).Chain(), depth: 1},
		{name: "0 and one more", chain: g.NewProxy(with(w.Alice, 0)).Chain(), code: gridproxy.CodePathLen},
		{name: "1 and one more", chain: g.NewProxy(with(w.Alice, 1)).Chain(), depth: 2},
		{name: "1 and two more", chain: deep(with(w.Alice, 1), 2).Chain(), code: gridproxy.CodePathLen},
		{name: "a later, larger one does not widen", chain: deep(with(with(w.Alice, 1), 5), 1).Chain(), code: gridproxy.CodePathLen},
		{name: "a later, smaller one narrows", chain: deep(with(with(w.Alice, 5), 0), 1).Chain(), code: gridproxy.CodePathLen},
		{name: "a later one starts a limit", chain: deep(with(g.NewProxy(w.Alice), 1), 1).Chain(), depth: 3},
		{name: "a later one's limit holds", chain: deep(with(g.NewProxy(w.Alice), 1), 2).Chain(), code: gridproxy.CodePathLen},
		{name: "2 then 0 at its end", chain: with(with(with(w.Alice, 2), 1), 0).Chain(), depth: 3},
	})
}

func TestProxyRules(t *testing.T) {
	w := g.NewWorld()
	rsaOwner := g.NewEEC("/DC=org/DC=example/OU=People/CN=Alice", w.CA, g.Keyed(g.RSAKey(2048)))
	small := g.RSAKey(1024)
	noSign := g.NewEEC("/DC=org/DC=example/OU=People/CN=Alice", w.CA, g.Extensions(g.KeyUsage(g.KeyEncipherment)))
	noUsage := g.NewEEC("/DC=org/DC=example/OU=People/CN=Alice", w.CA, g.Extensions())
	info := g.Ext(g.PCI, true, g.ProxyInfo(g.InheritAll, -1, nil))
	name := w.Alice.Name
	p := func(options ...g.Option) [][]byte { return g.NewProxy(w.Alice, options...).Chain() }
	cn := g.RDN{{Type: "CN", Value: "1"}}
	subject := func(n g.Name) [][]byte { return p(g.Subject(n)) }
	run(t, w.Trust(t), []row{
		{name: "signature damaged", chain: p(g.With(func(c *g.Cert) { c.BadSignature = true })), code: gridproxy.CodeSignature},
		{name: "signed by another key", chain: p(g.With(func(c *g.Cert) { c.SignKey = w.Bob.Key })), code: gridproxy.CodeSignature},
		{name: "signed by its own key", chain: p(g.With(func(c *g.Cert) { c.SignKey = nil })), code: gridproxy.CodeSignature},
		{name: "signed part changed", code: gridproxy.CodeSignature, chain: p(g.With(func(c *g.Cert) {
			c.Mangle = func(b []byte) []byte { return bytes.Replace(b, []byte("450101"), []byte("460101"), 1) }
		}))},
		{name: "SHA-1", chain: g.NewProxy(rsaOwner, g.Signed(g.Scheme{Hash: crypto.SHA1})).Chain(), code: gridproxy.CodeWeakSignature},
		{name: "SHA-1 with ECDSA", chain: p(g.Signed(g.Scheme{Hash: crypto.SHA1})), code: gridproxy.CodeWeakSignature},
		{name: "MD5", chain: g.NewProxy(rsaOwner, g.Signed(g.Scheme{Hash: crypto.MD5})).Chain(), code: gridproxy.CodeWeakSignature},
		{name: "RSA with SHA-256", chain: g.NewProxy(rsaOwner).Chain(), depth: 1},
		{name: "RSA with SHA-384", chain: g.NewProxy(rsaOwner, g.Signed(g.Scheme{Hash: crypto.SHA384})).Chain(), depth: 1},
		{name: "RSA with SHA-512", chain: g.NewProxy(rsaOwner, g.Signed(g.Scheme{Hash: crypto.SHA512})).Chain(), depth: 1},
		{name: "RSA-PSS with SHA-256", chain: g.NewProxy(rsaOwner, g.Signed(g.Scheme{PSS: true})).Chain(), depth: 1},
		{name: "ECDSA with SHA-384", chain: p(g.Signed(g.Scheme{Hash: crypto.SHA384})), depth: 1},
		{name: "ECDSA with SHA-512", chain: p(g.Signed(g.Scheme{Hash: crypto.SHA512})), depth: 1},
		{name: "RSA 1024 leaf", chain: p(g.Keyed(small)), code: gridproxy.CodeWeakKey},
		{name: "RSA 512 leaf", chain: p(g.Keyed(fakeRSA(512, 65537))), code: gridproxy.CodeWeakKey},
		{name: "RSA 2047 leaf", chain: p(g.Keyed(fakeRSA(2047, 65537))), code: gridproxy.CodeWeakKey},
		{name: "RSA 2048 leaf", chain: p(g.Keyed(fakeRSA(2048, 65537))), depth: 1},
		{name: "RSA 8192 leaf", chain: p(g.Keyed(fakeRSA(8192, 65537))), depth: 1},
		{name: "RSA 8193 leaf", chain: p(g.Keyed(fakeRSA(8193, 65537))), code: gridproxy.CodeWeakKey},
		{name: "RSA 16384 leaf", chain: p(g.Keyed(fakeRSA(16384, 65537))), code: gridproxy.CodeWeakKey},
		{name: "RSA exponent 3", chain: p(g.Keyed(fakeRSA(2048, 3))), depth: 1},
		{name: "RSA exponent 1", chain: p(g.Keyed(fakeRSA(2048, 1))), code: gridproxy.CodeWeakKey},
		{name: "a middle proxy of RSA 1024", chain: g.NewProxy(g.NewProxy(w.Alice, g.Keyed(small))).Chain(), code: gridproxy.CodeWeakKey},
		{name: "a middle proxy signed with SHA-1", code: gridproxy.CodeWeakSignature,
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Signed(g.Scheme{Hash: crypto.SHA1}))).Chain()},
		{name: "P-384 leaf", chain: p(g.Keyed(g.CurveKey(elliptic.P384()))), depth: 1},
		{name: "P-521 leaf", chain: p(g.Keyed(g.CurveKey(elliptic.P521()))), depth: 1},
		{name: "P-224 leaf", chain: p(g.Keyed(g.CurveKey(elliptic.P224()))), code: gridproxy.CodeWeakKey},
		{name: "Ed25519 leaf", chain: p(g.Keyed(g.EdKey())), code: gridproxy.CodeWeakKey},
		{name: "a weak key above the owner", chain: append(p(), g.NewCA("/CN=Small", nil, g.Keyed(small)).DER), code: gridproxy.CodeWeakKey},

		{name: "expired", chain: p(g.Valid(g.NotBefore, g.Now.Add(-time.Second))), code: gridproxy.CodeExpired},
		{name: "valid to the second", chain: p(g.Valid(g.NotBefore, g.Now)), depth: 1, until: g.Now},
		{name: "not yet valid", chain: p(g.Valid(g.Now.Add(5*time.Minute+time.Second), g.NotAfter)), code: gridproxy.CodeNotYetValid},
		{name: "a clock five minutes ahead", chain: p(g.Valid(g.Now.Add(5*time.Minute), g.NotAfter)), depth: 1},
		{name: "proxy ends first", chain: p(g.Valid(g.NotBefore, g.Now.Add(time.Hour))), depth: 1, until: g.Now.Add(time.Hour)},
		{name: "a proxy above ends first", depth: 2, until: g.Now.Add(time.Hour),
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Valid(g.NotBefore, g.Now.Add(time.Hour)))).Chain()},
		{name: "a proxy above has expired", code: gridproxy.CodeExpired,
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Valid(g.NotBefore, g.Now.Add(-time.Hour)))).Chain()},
		{name: "outlives its owner's certificate", depth: 1, chain: p(g.Valid(g.NotBefore, g.NotAfter.AddDate(20, 0, 0)))},

		{name: "a middle proxy not yet valid", code: gridproxy.CodeNotYetValid,
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Valid(g.Now.Add(time.Hour), g.NotAfter))).Chain()},
		{name: "ends before it begins", chain: p(g.Valid(g.NotAfter, g.NotBefore)), code: gridproxy.CodeNotYetValid},
		{name: "GeneralizedTime before 2050", depth: 1, chain: p(validity(g.GeneralizedTime(g.NotBefore), g.GeneralizedTime(g.NotAfter)))},
		{name: "GeneralizedTime with a fraction", code: gridproxy.CodeMalformed,
			chain: p(validity(g.UTCTime(g.NotBefore), g.TLV(0x18, []byte("20450101000000.5Z"))))},
		{name: "GeneralizedTime with an offset", code: gridproxy.CodeMalformed,
			chain: p(validity(g.UTCTime(g.NotBefore), g.TLV(0x18, []byte("20450101000000+0100"))))},
		{name: "UTCTime without seconds", code: gridproxy.CodeMalformed, chain: p(validity(g.TLV(0x17, []byte("2001010000Z")), g.UTCTime(g.NotAfter)))},
		{name: "no end of validity", code: gridproxy.CodeMalformed, chain: p(validity(g.UTCTime(g.NotBefore)))},
		{name: "valid without end", depth: 1, chain: p(validity(g.UTCTime(g.NotBefore), g.TLV(0x18, []byte("99991231235959Z"))))},

		{name: "a CN like its serial number", depth: 1, chain: p(g.Serial(4711), g.Subject(name.Plus("4711")))},
		{name: "two proxies of one CN and serial number", depth: 2,
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Serial(1), g.Subject(name.Plus("1"))), g.Serial(1), g.Subject(name.Plus("1").Plus("1"))).Chain()},
		{name: "a serial number of 21 bytes", depth: 1,
			chain: p(g.With(func(c *g.Cert) { c.Serial = new(big.Int).Lsh(big.NewInt(1), 160) }))},
		{name: "its owner's key again", chain: p(g.Keyed(w.Alice.Key)), depth: 1},
		{name: "critical nameConstraints of mailboxes", depth: 1, chain: p(g.Also(g.Ext("2.5.29.30", true, g.Seq(g.Tagged(0, g.Seq(g.TLV(0x81, []byte("x.org"))))))))},
		{name: "critical nameConstraints of names", code: gridproxy.CodeCriticalExtension,
			chain: p(g.Also(g.Ext("2.5.29.30", true, g.Seq(g.Tagged(0, g.Seq(g.Tagged(4, name.DER())))))))},
		{name: "critical extended key usage", depth: 1, chain: p(g.Also(g.Seq(g.OID("2.5.29.37"), g.True(), g.Octets(g.Seq(g.OID(g.ClientAuth))))))},
		{name: "a proxy of a CA", chain: g.NewProxy(w.CA).Chain(), code: gridproxy.CodeEECIsCA},
		{name: "a proxy of a root", chain: g.NewProxy(w.Root).Chain(), code: gridproxy.CodeEECIsCA},
		{name: "a proxy of a host", chain: g.NewProxy(w.AA).Chain(), depth: 1, id: "CN=" + g.VOMSHost + ",OU=Hosts,DC=example,DC=org"},
		{name: "empty subjectAltName", chain: p(g.Also(g.Ext("2.5.29.17", false, g.Seq()))), code: gridproxy.CodeProxyAltName},

		{name: "issuer named otherwise", chain: p(g.IssuedBy(w.Bob.Name)), code: gridproxy.CodeIssuerName},
		{name: "issuer in another string type", code: gridproxy.CodeIssuerName,
			chain: p(g.IssuedBy(append(g.DN("/DC=org/DC=example/OU=People"), g.RDN{{Type: "CN", Value: "Alice", Tag: 0x13}})))},
		{name: "subject of another person", chain: subject(w.Bob.Name.Plus("1")), code: gridproxy.CodeSubjectName},
		{name: "subject the same as the issuer's", chain: subject(name), code: gridproxy.CodeSubjectName},
		{name: "subject with two RDNs more", chain: subject(name.Plus("1").Plus("2")), code: gridproxy.CodeSubjectName},
		{name: "subject with an RDN less", chain: subject(name[:3]), code: gridproxy.CodeSubjectName},
		{name: "subject with the last RDN replaced", chain: subject(name[:3].Plus("1")), code: gridproxy.CodeSubjectName},
		{name: "subject with OU added", chain: subject(name.Add(g.RDN{{Type: "OU", Value: "1"}})), code: gridproxy.CodeSubjectName},
		{name: "subject with CN in front", chain: subject(append(g.Name{cn}, name...)), code: gridproxy.CodeSubjectName},
		{name: "subject with a multi-valued RDN added", chain: subject(name.Add(g.RDN{{Type: "CN", Value: "1"}, {Type: "OU", Value: "2"}})), code: gridproxy.CodeSubjectName},
		{name: "subject with two CNs in one RDN", chain: subject(name.Add(g.RDN{{Type: "CN", Value: "1"}, {Type: "CN", Value: "2"}})), code: gridproxy.CodeSubjectName},
		{name: "CN merged into the owner's RDN", code: gridproxy.CodeSubjectName,
			chain: subject(append(name[:3:3], g.RDN{{Type: "CN", Value: "Alice"}, {Type: "CN", Value: "1"}}))},
		{name: "subject with an empty CN added", chain: subject(name.Plus("")), code: gridproxy.CodeSubjectName},
		{name: "subject that ends alike in slash form", code: gridproxy.CodeSubjectName,
			chain: subject(g.Name{name[0], name[1], {{Type: "OU", Value: "People/CN=Alice"}}, cn})},
		{name: "subject in another string type", code: gridproxy.CodeSubjectName,
			chain: subject(append(g.DN("/DC=org/DC=example/OU=People"), g.RDN{{Type: "CN", Value: "Alice", Tag: 0x13}}, cn))},
		{name: "CN as UTF8String", chain: subject(name.Add(cn)), depth: 1},
		{name: "CN with any text", chain: subject(name.Add(g.RDN{{Type: "CN", Value: "Übung, + \"proxy\""}})), depth: 1},
		{name: "RFC proxy called proxy", chain: subject(name.Plus("proxy")), depth: 1},
		{name: "RFC full proxy called limited proxy", chain: subject(name.Plus("limited proxy")), depth: 1},

		{name: "says it is a CA", chain: p(g.Also(g.BasicConstraints(true, -1))), code: gridproxy.CodeProxyIsCA},
		{name: "says it is no CA", chain: p(g.Also(g.BasicConstraints(false, -1))), depth: 1},
		{name: "subjectAltName", chain: p(g.Also(g.Ext("2.5.29.17", false, g.Seq(g.TLV(0x82, []byte("x.example.org")))))), code: gridproxy.CodeProxyAltName},
		{name: "issuerAltName", chain: p(g.Also(g.Ext("2.5.29.18", false, g.Seq(g.TLV(0x82, []byte("x.example.org")))))), code: gridproxy.CodeProxyAltName},
		{name: "leaf without digitalSignature", chain: p(g.Extensions(info, g.KeyUsage(g.KeyEncipherment))), depth: 1},
		{name: "signing proxy without digitalSignature", code: gridproxy.CodeKeyUsage,
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Extensions(info, g.KeyUsage(g.KeyEncipherment)))).Chain()},
		{name: "signing proxy with an empty key usage", code: gridproxy.CodeKeyUsage,
			chain: g.NewProxy(g.NewProxy(w.Alice, g.Extensions(info, g.Ext("2.5.29.15", true, g.TLV(3, []byte{0}))))).Chain()},
		{name: "signing proxy without key usage", depth: 2, chain: g.NewProxy(g.NewProxy(w.Alice, g.Extensions(info))).Chain()},
		{name: "owner without digitalSignature signs", chain: g.NewProxy(noSign).Chain(), code: gridproxy.CodeKeyUsage},
		{name: "owner without digitalSignature alone", chain: noSign.Chain(), kind: gridproxy.TypeEEC},
		{name: "owner without key usage signs", chain: g.NewProxy(noUsage).Chain(), depth: 1},
		{name: "unknown critical extension", chain: p(g.Also(g.Ext("1.2.3.4", true, g.Null()))), code: gridproxy.CodeCriticalExtension},
		{name: "unknown extension", chain: p(g.Also(g.Ext("1.2.3.4", false, g.Null()))), depth: 1},
		{name: "critical VOMS extension", chain: p(g.Also(g.Ext(g.VOMSExtension, true, g.Seq(g.Seq())))), code: gridproxy.CodeCriticalExtension},
		{name: "any extended key usage", chain: p(g.Also(g.ExtKeyUsage(g.ServerAuth))), depth: 1},
	})
}

// fakeRSA is a public key of that many bits. Nobody can sign with it, and a
// leaf's key need not sign anything.
func fakeRSA(bits, e int) crypto.Signer {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n.SetBit(n, 0, 1), E: e}}
}

// validity replaces the times.
func validity(times ...[]byte) g.Option {
	return g.With(func(c *g.Cert) { c.Validity = g.Seq(times...) })
}

func TestLegacyProxies(t *testing.T) {
	w := g.NewWorld()
	on := gridproxy.Options{AllowLegacy: true}
	full, limited := g.NewLegacy(w.Alice, false), g.NewLegacy(w.Alice, true)
	named := func(cn string) *g.Entity { return g.NewEEC("/DC=org/DC=example/OU=People/CN="+cn, w.CA) }
	legacy := gridproxy.TypeLegacy
	run(t, w.Trust(t), []row{
		{name: "off", chain: full.Chain(), code: gridproxy.CodeLegacyProxy},
		{name: "off, limited", chain: limited.Chain(), code: gridproxy.CodeLegacyProxy},
		{name: "off, above an RFC proxy", chain: g.NewProxy(full).Chain(), code: gridproxy.CodeLegacyProxy},
		{name: "on", o: on, chain: full.Chain(), kind: legacy, depth: 1},
		{name: "on, limited", o: on, chain: limited.Chain(), kind: legacy, depth: 1, limited: true},
		{name: "on, two", o: on, chain: g.NewLegacy(full, false).Chain(), kind: legacy, depth: 2},
		{name: "on, full then limited", o: on, chain: g.NewLegacy(full, true).Chain(), kind: legacy, depth: 2, limited: true},
		{name: "on, limited then full", o: on, chain: g.NewLegacy(limited, false).Chain(), code: gridproxy.CodeLimitedThenFull},
		{name: "on, RFC below legacy", o: on, chain: g.NewProxy(full).Chain(), code: gridproxy.CodeMixedTypes},
		{name: "on, legacy below RFC", o: on, chain: g.NewLegacy(g.NewProxy(w.Alice), false).Chain(), code: gridproxy.CodeMixedTypes},
		{name: "on, RFC as before", o: on, chain: g.NewProxy(w.Alice).Chain(), depth: 1},
		{name: "on, no extension at all", o: on, kind: legacy, depth: 1, chain: g.NewLegacy(w.Alice, false, g.Extensions()).Chain()},
		{name: "on, version 1", o: on, kind: legacy, depth: 1,
			chain: g.NewLegacy(w.Alice, false, g.Extensions(), g.With(func(c *g.Cert) { c.Version = 1 })).Chain()},
		{name: "on, damaged", o: on, code: gridproxy.CodeSignature,
			chain: g.NewLegacy(w.Alice, false, g.With(func(c *g.Cert) { c.BadSignature = true })).Chain()},
		{name: "on, a CA", o: on, code: gridproxy.CodeProxyIsCA,
			chain: g.NewLegacy(w.Alice, false, g.Extensions(g.BasicConstraints(true, -1))).Chain()},
		{name: "on, subject of another", o: on, code: gridproxy.CodeSubjectName,
			chain: g.NewLegacy(w.Alice, false, g.Subject(w.Bob.Name.Plus("proxy"))).Chain()},
		{name: "on, critical extension", o: on, code: gridproxy.CodeCriticalExtension,
			chain: g.NewLegacy(w.Alice, false, g.Also(g.Ext("1.2.3.4", true, g.Null()))).Chain()},
		{name: "on, expired", o: on, code: gridproxy.CodeExpired,
			chain: g.NewLegacy(w.Alice, false, g.Valid(g.NotBefore, g.Now.Add(-time.Hour))).Chain()},
		{name: "on, called Proxy", o: on, code: gridproxy.CodeUntrusted,
			chain: g.NewLegacy(w.Alice, false, g.Subject(w.Alice.Name.Plus("Proxy"))).Chain()},
		{name: "a person called proxy", chain: named("proxy").Chain(), code: gridproxy.CodeLegacyProxy},
		{name: "on, a person called proxy", o: on, chain: named("proxy").Chain(), code: gridproxy.CodeNoEEC},
		{name: "on, a person called proxy, CA sent", o: on, chain: chainOf(named("proxy"), w.CA), code: gridproxy.CodeEECIsCA},
		{name: "on, a person called limited proxy with an owner", o: on, code: gridproxy.CodeSignature,
			chain: append(named("Alice/CN=limited proxy").Chain(), w.Alice.DER)},
		{name: "a person whose last CN is proxy, with an OU after", code: gridproxy.CodeEECName,
			chain: g.NewEECNamed(g.DN("/DC=org/DC=example/CN=proxy/OU=x"), w.CA).Chain()},
		{name: "a person whose multi-valued RDN says proxy", code: gridproxy.CodeEECName,
			chain: g.NewEECNamed(g.DN("/DC=org/DC=example").Add(g.RDN{{Type: "CN", Value: "proxy"}, {Type: "OU", Value: "x"}}), w.CA).Chain()},
		{name: "a person below somebody called proxy", chain: named("proxy/CN=Eve").Chain(), kind: gridproxy.TypeEEC,
			id: "CN=Eve,CN=proxy,OU=People,DC=example,DC=org"},
	})
}
