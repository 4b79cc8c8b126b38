package gridproxy_test

import (
	"bytes"
	"crypto"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

var standard = []string{"/" + g.VO + "/Role=NULL/Capability=NULL", "/" + g.VO + "/physics/Role=production/Capability=NULL"}

var normalized = []string{"/" + g.VO, "/" + g.VO + "/physics/Role=production"}

func TestAttributeCertificates(t *testing.T) {
	w := g.NewWorld()
	trust := w.Trust(t)
	rsaAA := g.NewHost("/DC=org/DC=example/OU=Hosts/CN="+g.VOMSHost, w.CA, g.Keyed(g.RSAKey(2048)))
	revokedAA := g.NewHost("/DC=org/DC=example/OU=Hosts/CN="+g.VOMSHost, w.CA, g.Serial(w.Dave.Serial.Int64()))
	caAA := g.NewCA("/DC=org/DC=example/OU=Hosts/CN="+g.VOMSHost, w.CA)
	outside := g.NewHost("/DC=net/CN="+g.VOMSHost, w.CA)
	stranger := g.NewHost("/DC=org/DC=example/OU=Hosts/CN="+g.VOMSHost, g.NewCA("/DC=org/DC=example/CN=Issuing CA", nil))
	old := g.NewHost("/DC=org/DC=example/OU=Hosts/CN="+g.VOMSHost, w.CA, g.Valid(g.NotBefore, g.Now.Add(-time.Hour)))
	host := g.NewHost("/DC=org/DC=example/OU=Hosts/CN="+g.VOMSHost, w.CA, g.Extensions(g.ExtKeyUsage(g.ServerAuth)))
	proxyAA := g.NewProxy(w.AA)
	const hostDN = "/DC=org/DC=example/OU=Hosts/CN=" + g.VOMSHost
	smallAA := g.NewHost(hostDN, w.CA, g.Keyed(g.RSAKey(1024)))
	shaAA := g.NewHost(hostDN, w.CA, g.Signed(g.Scheme{Hash: crypto.SHA1}))
	plainAA := g.NewHost(hostDN, w.CA, g.Extensions())
	young := g.NewHost(hostDN, w.CA, g.Valid(g.Now.Add(time.Hour), g.NotAfter))

	ac := func(change func(*g.AC)) []byte { return w.AC(w.Alice, standard, change) }
	by := func(aa *g.Entity, changes ...func(*g.AC)) []byte {
		return g.NewAC(w.Alice, aa, g.VO, g.VOMSHost, standard, changes...)
	}
	ext := func(list ...[]byte) []byte { return ac(func(a *g.AC) { a.Extensions = append(a.Extensions, list...) }) }
	only := func(list ...[]byte) []byte { return ac(func(a *g.AC) { a.Extensions = list }) }
	holder := func(der []byte) []byte { return ac(func(a *g.AC) { a.Holder = der }) }
	issuer := func(der []byte) []byte { return ac(func(a *g.AC) { a.Issuer = der }) }
	uri := func(s string) []byte { return ac(func(a *g.AC) { a.URI = s }) }
	attr := func(der []byte) []byte { return ac(func(a *g.AC) { a.Attributes = der }) }
	certs := func(list ...[]byte) []byte { return ac(func(a *g.AC) { a.Certs = list }) }
	valid := func(from, to time.Time) []byte { return ac(g.ACValid(from, to)) }
	times := func(from, to []byte) []byte { return ac(func(a *g.AC) { a.NotBefore, a.NotAfter = from, to }) }
	noRev, aki := g.Ext(g.NoRevAvail, false, g.Null()), g.AuthorityKeyID(w.AA.Key)
	uris := func(names ...string) (out [][]byte) {
		for _, n := range names {
			out = append(out, g.Tagged(0, g.URI(n)))
		}
		return out
	}
	target := func(value []byte) []byte { return ext(g.Ext(g.TargetInfo, true, value)) }
	serial := g.BigInt(w.Alice.Serial)
	value := g.Octets([]byte("/" + g.VO))
	authority := g.Tagged(0, g.URI(g.VO+"://"+g.VOMSHost+":15001"))
	good, bad := w.AC(w.Alice, standard), w.AC(w.Bob, standard)

	for _, c := range []struct {
		name string
		ac   []byte
		why  string // part of VOMSError, or "" for valid
	}{
		{"good", good, ""},
		{"holder by issuer, as RFC 5755", holder(g.HolderOf(w.CA.Name, w.Alice.Serial)), ""},
		{"by RSA key", by(rsaAA), ""},
		{"by RSA key, PSS", by(rsaAA, func(a *g.AC) { a.Scheme.PSS = true }), ""},
		{"by RSA key, SHA-512", by(rsaAA, func(a *g.AC) { a.Scheme.Hash = crypto.SHA512 }), ""},
		{"by RSA key, PSS with SHA-384", by(rsaAA, func(a *g.AC) { a.Scheme = g.Scheme{Hash: crypto.SHA384, PSS: true} }), ""},
		{"by a key for servers only", by(host), ""},
		{"SHA-1", by(rsaAA, func(a *g.AC) { a.Scheme.Hash = crypto.SHA1 }), "allow list"},
		{"algorithms differ", by(rsaAA, func(a *g.AC) { a.Inner = g.Seq(g.OID("1.2.840.113549.1.1.12"), g.Null()) }), "differ"},
		{"FQAN changed after signing", ac(func(a *g.AC) {
			a.Mangle = func(b []byte) []byte { return bytes.Replace(b, []byte("production"), []byte("superusers"), 1) }
		}), "signature"},
		{"signed by another key", ac(func(a *g.AC) { a.SignKey = w.Bob.Key }), "signature"},
		{"version 1", ac(func(a *g.AC) { a.Version = 0 }), "version"},
		{"version 3", ac(func(a *g.AC) { a.Version = 2 }), "version"},

		{"expired five minutes ago", valid(g.NotBefore, g.Now.Add(-5*time.Minute)), ""},
		{"expired before that", valid(g.NotBefore, g.Now.Add(-5*time.Minute-time.Second)), "validity"},
		{"valid in five minutes", valid(g.Now.Add(5*time.Minute), g.NotAfter), ""},
		{"valid after that", valid(g.Now.Add(5*time.Minute+time.Second), g.NotAfter), "validity"},
		{"UTCTime", times(g.UTCTime(g.NotBefore), g.UTCTime(g.NotAfter)), "DER"},
		{"time with a fraction", times(g.GeneralizedTime(g.NotBefore), g.TLV(0x18, []byte("20450101000000.5Z"))), "Time"},
		{"time with an offset", times(g.GeneralizedTime(g.NotBefore), g.TLV(0x18, []byte("20450101000000+0000"))), "Time"},
		{"time of no day", times(g.GeneralizedTime(g.NotBefore), g.TLV(0x18, []byte("20450231000000Z"))), "Time"},

		{"of another person", bad, "serial"},
		{"of another serial number", holder(g.HolderOf(w.Alice.Name, w.Bob.Serial)), "serial"},
		{"of another name", holder(g.HolderOf(w.Bob.Name, w.Alice.Serial)), "name"},
		{"holder by entity name", holder(g.Seq(g.Tagged(1, g.Tagged(4, w.Alice.Name.DER())))), "holder"},
		{"holder by both", holder(g.Seq(g.Tagged(0, g.DirectoryName(w.Alice.Name), serial), g.Tagged(1, g.Tagged(4, w.Alice.Name.DER())))), "holder"},
		{"holder with two names", holder(g.Seq(g.Tagged(0, g.Seq(g.Tagged(4, w.Alice.Name.DER()), g.Tagged(4, w.Bob.Name.DER())), serial))), "directoryName"},
		{"holder without name", holder(g.Seq(g.Tagged(0, g.Seq(), serial))), "directoryName"},
		{"holder with an issuerUID", holder(g.Seq(g.Tagged(0, g.DirectoryName(w.Alice.Name), serial, g.Bits([]byte{1})))), "issuerUID"},
		{"empty holder", holder(g.Seq()), "holder"},
		{"issuer in v1Form", issuer(g.DirectoryName(w.AA.Name)), "v2Form"},
		{"issuer with two names", issuer(g.Tagged(0, g.Seq(g.Tagged(4, w.AA.Name.DER()), g.Tagged(4, w.AA.Name.DER())))), "directoryName"},
		{"issuer with a baseCertificateID", issuer(g.Tagged(0, g.DirectoryName(w.AA.Name), g.Tagged(0, g.DirectoryName(w.AA.Name), serial))), "DER"},
		{"issuer of another name", issuer(g.Tagged(0, g.DirectoryName(w.Bob.Name))), "issuer"},

		{"no certificates", ac(func(a *g.AC) { a.Certs = nil }), "no AA"},
		{"empty certificates", certs([][]byte{}...), "no AA"},
		{"a CA's certificate", by(caAA), "CA"},
		{"a proxy of the AA", by(proxyAA), "proxy"},
		{"another's certificate", certs(w.Bob.DER), "issuer"},
		{"an unknown CA's", by(stranger), "untrusted"},
		{"revoked", by(revokedAA), "revoked"},
		{"expired AA", by(old), "expired"},
		{"AA with a small key", by(smallAA), "weak-key"},
		{"AA signed with SHA-1", by(shaAA), "weak-signature"},
		{"AA not for signatures", by(plainAA), ""},
		{"AA not yet valid", by(young), "not-yet-valid"},
		{"AA outside the namespace", by(outside), "signing-policy"},
		{"AA with its CA, but LSC of one", by(w.AA, func(a *g.AC) { a.Certs = [][]byte{w.AA.DER, w.CA.DER} }), "LSC"},
		{"five certificates", certs(w.AA.DER, w.AA.DER, w.AA.DER, w.AA.DER, w.AA.DER), "too many"},
		{"certificate cut off", certs(w.AA.DER[:100]), "extension"},
		{"garbage as certificate", certs(g.Seq(g.Null())), "malformed"},

		{"no noRevAvail", only(aki), "missing"},
		{"no authorityKeyIdentifier", only(noRev), "missing"},
		{"authorityKeyIdentifier of another key", only(noRev, g.AuthorityKeyID(w.Bob.Key)), "another key"},
		{"authorityKeyIdentifier by serial number", only(noRev, g.Ext("2.5.29.35", false, g.Seq(
			g.Tagged(1, g.Tagged(4, w.CA.Name.DER())), g.TLV(0x82, w.AA.Serial.Bytes())))), ""},
		{"authorityKeyIdentifier by another serial number", only(noRev, g.Ext("2.5.29.35", false, g.Seq(
			g.Tagged(1, g.Tagged(4, w.CA.Name.DER())), g.TLV(0x82, w.Bob.Serial.Bytes())))), "another key"},
		{"empty authorityKeyIdentifier", only(noRev, g.Ext("2.5.29.35", false, g.Seq())), "another key"},
		{"malformed authorityKeyIdentifier", only(noRev, g.Ext("2.5.29.35", false, g.Seq(g.Null()))), "DER"},
		{"critical noRevAvail", only(g.Ext(g.NoRevAvail, true, g.Null()), aki), "critical"},
		{"critical unknown extension", ext(g.Ext("1.2.3.4", true, g.Null())), "critical"},
		{"unknown extension", ext(g.Ext("1.2.3.4", false, g.Null())), ""},
		{"generic attributes", ext(g.Ext("1.3.6.1.4.1.8005.100.100.11", false, g.Seq())), ""},
		{"an extension twice", ext(noRev), "twice"},
		{"no extensions at all", ac(func(a *g.AC) { a.NoExtensions = true }), "extensions"},
		{"targets: ours", target(g.Seq(uris("s3.example.org")...)), ""},
		{"targets: ours in other case, second", target(g.Seq(uris("other.example.org", "S3.Example.org")...)), ""},
		{"targets: as RFC 5755 nests them", target(g.Seq(g.Seq(uris("s3.example.org")...))), ""},
		{"targets: as VOMS nests them", target(g.Seq(g.Seq(g.Seq(uris("s3.example.org")...)))), ""},
		{"targets: not critical, ours", ext(g.Ext(g.TargetInfo, false, g.Seq(uris("s3.example.org")...))), ""},
		{"targets: another", target(g.Seq(uris("other.example.org")...)), "another service"},
		{"targets: not critical, another", ext(g.Ext(g.TargetInfo, false, g.Seq(uris("other.example.org")...))), "another service"},
		{"targets: none", target(g.Seq()), "another service"},
		{"targets: a prefix of ours", target(g.Seq(uris("s3.example.org.evil.example")...)), "another service"},
		{"targets: our name, but no URI", target(g.Seq(g.Tagged(0, g.TLV(0x82, []byte("s3.example.org"))))), "another service"},
		{"targets: a group of that name", target(g.Seq(g.Tagged(1, g.URI("s3.example.org")))), "another service"},
		{"targets: malformed", target(g.Seq(g.Null())), "DER"},

		{"no attribute", attr([]byte{}), "no VOMS attribute"},
		{"another attribute only", attr(g.Seq(g.OID("1.2.3"), g.Set(g.Null()))), "no VOMS attribute"},
		{"another attribute before", attr(cat(g.Seq(g.OID("1.2.3"), g.Set(g.Null())), g.FQANAttribute(g.VO+"://"+g.VOMSHost+":15001", standard))), ""},
		{"the attribute twice", attr(cat(g.FQANAttribute(g.VO+"://"+g.VOMSHost+":15001", standard), g.FQANAttribute(g.VO+"://"+g.VOMSHost+":15001", standard))), "more than one"},
		{"two values", attr(g.Seq(g.OID(g.VOMSFQANs), g.Set(g.Seq(authority, g.Seq(value)), g.Seq(authority, g.Seq(value))))), "DER"},
		{"no value", attr(g.Seq(g.OID(g.VOMSFQANs), g.Set())), "DER"},
		{"no policyAuthority", attr(g.Seq(g.OID(g.VOMSFQANs), g.Set(g.Seq(g.Seq(value))))), "policyAuthority"},
		{"two policyAuthorities", attr(g.Seq(g.OID(g.VOMSFQANs), g.Set(g.Seq(g.Tagged(0, g.URI("a://b:1"), g.URI("a://b:1")), g.Seq(value))))), "policyAuthority"},
		{"policyAuthority that is no URI", attr(g.Seq(g.OID(g.VOMSFQANs), g.Set(g.Seq(g.Tagged(0, g.TLV(0x82, []byte("a"))), g.Seq(value))))), "policyAuthority"},
		{"FQAN as UTF8String", attr(g.Seq(g.OID(g.VOMSFQANs), g.Set(g.Seq(authority, g.Seq(g.TLV(0x0c, []byte("/"+g.VO))))))), "DER"},
		{"no FQAN", ac(func(a *g.AC) { a.FQANs = nil }), "no FQAN"},
		{"FQAN of another VO", ac(func(a *g.AC) { a.FQANs = append(slices.Clone(standard), "/other.org") }), "another VO"},
		{"FQAN of a longer VO", ac(func(a *g.AC) { a.FQANs = []string{"/" + g.VO + "x/y"} }), "another VO"},
		{"URI of another VO", uri("other.org://" + g.VOMSHost + ":15001"), "another VO"},
		{"URI of another host", uri(g.VO + "://other.example.org:15001"), "LSC"},
		{"URI without port", uri(g.VO + "://" + g.VOMSHost), "policyAuthority"},
		{"URI with port 0", uri(g.VO + "://" + g.VOMSHost + ":0"), "port"},
		{"URI with port 65536", uri(g.VO + "://" + g.VOMSHost + ":65536"), "port"},
		{"URI with a path", uri(g.VO + "://" + g.VOMSHost + ":15001/x"), "policyAuthority"},
		{"URI with a line end", uri(g.VO + "://" + g.VOMSHost + ":15001\n"), "policyAuthority"},
		{"URI that climbs", uri("..://" + g.VOMSHost + ":15001"), "policyAuthority"},
		{"URI with a path as VO", uri("a/b://" + g.VOMSHost + ":15001"), "policyAuthority"},
		{"URI with a host that climbs", uri(g.VO + "://../x:15001"), "policyAuthority"},
		{"bytes after it", append(bytes.Clone(good), 5, 0), "DER"},
		{"not an attribute certificate", g.Seq(g.Null()), "DER"},
		{"empty", nil, "no attribute certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy := g.NewProxy(w.Alice, g.Also(g.VOMS(c.ac)))
			got, err := gridproxy.Verify(proxy.Chain(), g.Now, trust, gridproxy.Options{ServiceNames: []string{"", "s3.example.org"}})
			if err != nil {
				t.Fatalf("an attribute certificate changed the verdict: %v", err)
			}
			if c.why != "" {
				if got.VOMS != gridproxy.VOMSInvalid || got.FQANs != nil || got.VO != "" || !strings.Contains(got.VOMSError, c.why) {
					t.Errorf("got %s %q %q, want invalid because of %q", got.VOMS, got.FQANs, got.VOMSError, c.why)
				}
				return
			}
			if got.VOMS != gridproxy.VOMSValid || !slices.Equal(got.FQANs, normalized) || got.VO != g.VO || got.VOMSError != "" {
				t.Errorf("got %s %q of %q: %s", got.VOMS, got.FQANs, got.VO, got.VOMSError)
			}
		})
	}
}

func TestWhereAttributesAre(t *testing.T) {
	w := g.NewWorld()
	trust := w.Trust(t)
	first, second := w.AC(w.Alice, []string{"/" + g.VO + "/a"}), w.AC(w.Alice, []string{"/" + g.VO + "/b"})
	bad := w.AC(w.Bob, standard)
	with := func(above *g.Entity, acs ...[]byte) *g.Entity { return g.NewProxy(above, g.Also(g.VOMS(acs...))) }
	a, b := "/"+g.VO+"/a", "/"+g.VO+"/b"
	for _, c := range []struct {
		name  string
		leaf  *g.Entity
		state gridproxy.VOMSState
		fqans []string
	}{
		{"none", g.NewProxy(w.Alice), gridproxy.VOMSNone, nil},
		{"no proxy", w.Alice, gridproxy.VOMSNone, nil},
		{"in the owner's certificate", g.NewProxy(g.NewEEC(w.Alice.Name.Slash(), w.CA, g.Also(g.VOMS(first)))), gridproxy.VOMSNone, nil},
		{"in the leaf", with(w.Alice, first), gridproxy.VOMSValid, []string{a}},
		{"in the proxy above", g.NewProxy(with(w.Alice, first)), gridproxy.VOMSValid, []string{a}},
		{"in a limited proxy", g.NewLimited(with(w.Alice, first)), gridproxy.VOMSValid, []string{a}},
		{"in both: the leaf's count", with(with(w.Alice, first), second), gridproxy.VOMSValid, []string{b}},
		{"in both, the leaf's bad: no way back up", with(with(w.Alice, first), bad), gridproxy.VOMSInvalid, nil},
		{"two, in order", with(w.Alice, second, first), gridproxy.VOMSValid, []string{b, a}},
		{"two, one bad", with(w.Alice, bad, first), gridproxy.VOMSValid, []string{a}},
		{"the same twice", with(w.Alice, first, first), gridproxy.VOMSValid, []string{a, a}},
		{"below the attributes a proxy of another person's attributes", with(with(w.Alice, bad), first), gridproxy.VOMSValid, []string{a}},
		{"in a legacy-looking RFC proxy", with(g.NewProxy(w.Alice, g.Subject(w.Alice.Name.Plus("proxy"))), first), gridproxy.VOMSValid, []string{a}},
		{"for the proxy, not the owner", with(w.Alice, w.AC(g.NewProxy(w.Alice), standard)), gridproxy.VOMSInvalid, nil},
		{"of a VO unknown here", with(w.Alice, g.NewAC(w.Alice, w.AA, "other.org", g.VOMSHost, []string{"/other.org"})), gridproxy.VOMSInvalid, nil},
		{"an unknown VO before ours", with(w.Alice, g.NewAC(w.Alice, w.AA, "other.org", g.VOMSHost, []string{"/other.org"}), first), gridproxy.VOMSValid, []string{a}},
		{"empty list", with(w.Alice), gridproxy.VOMSInvalid, nil},
		{"nine", with(w.Alice, first, first, first, first, first, first, first, first, first), gridproxy.VOMSInvalid, nil},
		{"not a list", g.NewProxy(w.Alice, g.Also(g.Ext(g.VOMSExtension, false, g.Null()))), gridproxy.VOMSInvalid, nil},
		{"bytes after the list", g.NewProxy(w.Alice, g.Also(g.Ext(g.VOMSExtension, false, cat(g.Seq(g.Seq(first)), g.Null())))), gridproxy.VOMSInvalid, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := gridproxy.Verify(c.leaf.Chain(), g.Now, trust, gridproxy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.VOMS != c.state || !slices.Equal(got.FQANs, c.fqans) {
				t.Errorf("got %s %q: %s", got.VOMS, got.FQANs, got.VOMSError)
			}
			if (got.VOMS == gridproxy.VOMSValid) == got.VOMSNotAfter.IsZero() {
				t.Errorf("%s until %v", got.VOMS, got.VOMSNotAfter)
			}
		})
	}
}

func TestLSC(t *testing.T) {
	w := g.NewWorld()
	right, wrong := g.LSC(w.AA), "/CN=Other\n/CN=Other CA\n"
	next := "------ NEXT CHAIN ------\n"
	fqans := []string{"/" + g.VO}
	one, two := w.AC(w.Alice, fqans), w.AC(w.Alice, fqans, func(a *g.AC) { a.Certs = [][]byte{w.AA.DER, w.CA.DER} })
	for _, c := range []struct {
		name, lsc string
		ac        []byte
		valid     bool
	}{
		{"right", right, one, true},
		{"wrong", wrong, one, false},
		{"no file", "", one, false},
		{"second alternative", wrong + next + right, one, true},
		{"first alternative", right + next + wrong, one, true},
		{"separators around", next + right + next, one, true},
		{"blank lines, blanks, CRLF", "\r\n " + strings.ReplaceAll(right, "\n", " \r\n"), one, true},
		{"issuer first", w.CA.Name.Slash() + "\n" + w.AA.Name.Slash() + "\n", one, false},
		{"subject only", w.AA.Name.Slash() + "\n", one, false},
		{"other case", strings.ToUpper(right), one, false},
		{"a pair too many for one certificate", g.LSC(w.AA, w.CA), one, false},
		{"two pairs for two certificates", g.LSC(w.AA, w.CA), two, true},
		{"one pair for two certificates", right, two, false},
		{"two pairs in the wrong order", g.LSC(w.CA, w.AA), two, false},
		{"pairs of two alternatives do not add up", right + next + g.LSC(w.CA), two, false},
		{"garbage", "garbage", one, false},
		{"garbage after", right + "garbage\n", one, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := g.VOMSDir(g.VO, g.VOMSHost, c.lsc)
			if c.lsc == "" {
				dir = fstest.MapFS{}
			}
			trust, err := gridproxy.LoadFS(w.Directory(), dir, g.Now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := gridproxy.Verify(g.NewProxy(w.Alice, g.Also(g.VOMS(c.ac))).Chain(), g.Now, trust, gridproxy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if (got.VOMS == gridproxy.VOMSValid) != c.valid {
				t.Errorf("got %s: %s", got.VOMS, got.VOMSError)
			}
		})
	}
}
