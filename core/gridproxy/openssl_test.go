package gridproxy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// opensslConf makes a CA in the way of its manual, whose revocation lists are
// of version 1, and the extensions of certificates and proxies.
const opensslConf = `
[ca]
default_ca = test
[test]
database = index.txt
serial = serial
new_certs_dir = .
private_key = ca.key
certificate = ca.pem
default_md = sha256
default_days = 30
default_crl_days = 7
policy = any
email_in_dn = yes
[any]
domainComponent = optional
organizationName = optional
organizationalUnitName = optional
commonName = supplied
emailAddress = optional
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;dirName:tree
[tree]
1.DC = org
2.DC = example
[person]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
[full]
keyUsage = critical, digitalSignature
proxyCertInfo = critical, language:id-ppl-inheritAll
[limited]
proxyCertInfo = critical, language:1.3.6.1.4.1.3536.1.1.1.9
[end]
proxyCertInfo = critical, language:id-ppl-inheritAll, pathlen:0
[independent]
proxyCertInfo = critical, language:id-ppl-independent
[policy]
1.3.6.1.5.5.7.1.14 = critical, DER:30:10:30:0e:06:08:2b:06:01:05:05:07:15:01:04:02:41:42
[soft]
proxyCertInfo = language:id-ppl-inheritAll
[altname]
proxyCertInfo = critical, language:id-ppl-inheritAll
subjectAltName = DNS:x.example.org
`

// openssl is a directory in which the program of that name works.
type openssl struct {
	t   *testing.T
	dir string
}

func (o openssl) run(args ...string) string {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), "openssl", args...)
	cmd.Dir = o.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

func (o openssl) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o openssl) read(name string) string {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// key makes a key of a kind: rsa:3072 or a curve.
func (o openssl) key(name, kind string) {
	o.t.Helper()
	if bits, ok := strings.CutPrefix(kind, "rsa:"); ok {
		o.run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:"+bits, "-out", name+".key")
		return
	}
	o.run("ecparam", "-name", kind, "-genkey", "-out", name+".key") // with its EC PARAMETERS in front
}

// person makes a certificate of the CA's.
func (o openssl) person(name, subject, kind string) {
	o.t.Helper()
	o.key(name, kind)
	o.run("req", "-new", "-utf8", "-multivalue-rdn", "-config", "conf", "-key", name+".key", "-subj", subject, "-out", name+".csr")
	o.run("ca", "-batch", "-notext", "-utf8", "-preserveDN", "-config", "conf", "-extensions", "person", "-in", name+".csr", "-out", name+".pem")
}

// proxy makes one below a certificate, and writes the file of that name with
// all of the chain that is in the file of the one above.
func (o openssl) proxy(name, above, section string) {
	o.t.Helper()
	o.key(name, "prime256v1")
	subject := strings.TrimSpace(strings.TrimPrefix(o.run("x509", "-in", above+".pem", "-noout", "-subject", "-nameopt", "compat"), "subject="))
	o.run("req", "-new", "-utf8", "-config", "conf", "-key", name+".key", "-subj", subject+"/CN=4711", "-out", name+".csr")
	o.run("x509", "-req", "-in", name+".csr", "-CA", above+".pem", "-CAkey", above+".key", "-set_serial", "4711", "-days", "1", "-sha256",
		"-extfile", "conf", "-extensions", section, "-out", name+".crt")
	o.write(name+".pem", o.read(name+".crt")+o.read(name+".key")+o.read(above+".pem"))
}

// What openssl makes verifies as what it is, and openssl agrees, except where
// it knows no better.
func TestOpenSSL(t *testing.T) {
	needs(t, "openssl", "openssl")
	o := openssl{t, t.TempDir()}
	o.write("conf", opensslConf)
	o.write("index.txt", "")
	o.write("serial", "1000\n")
	o.key("ca", "rsa:2048")
	o.run("req", "-new", "-x509", "-config", "conf", "-extensions", "root", "-key", "ca.key", "-subj", "/DC=org/DC=example/CN=Müller CA",
		"-utf8", "-days", "30", "-out", "ca.pem")
	o.person("alice", "/DC=org/DC=example/CN=Alice", "rsa:2048")
	o.person("bob", "/DC=org/DC=example/CN=Bob", "secp384r1")
	o.person("eve", "/DC=net/CN=Eve", "prime256v1")
	o.run("ca", "-config", "conf", "-revoke", "bob.pem")
	o.run("ca", "-config", "conf", "-gencrl", "-out", "crl.pem")
	if text := o.run("crl", "-in", "crl.pem", "-noout", "-text"); !strings.Contains(text, "Version 1 ") {
		t.Errorf("the list is of another version: %s", text)
	}

	certs := filepath.Join(o.dir, "certificates")
	if err := os.Mkdir(certs, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"-subject_hash", "-subject_hash_old"} {
		stem := "certificates/" + strings.TrimSpace(o.run("x509", "-in", "ca.pem", "-noout", kind))
		o.write(stem+".0", o.read("ca.pem"))
		o.write(stem+".r0", o.run("crl", "-in", "crl.pem", "-text")) // with text before the block
		o.write(stem+".signing_policy", "access_id_CA X509 '/DC=org/DC=example/CN=Müller CA'\npos_rights globus CA:sign\ncond_subjects globus '\"*\"'\n")
	}
	trust, err := gridproxy.LoadDir(certs, "", time.Now())
	if err != nil || len(trust.Problems()) > 0 {
		t.Fatal(err, trust.Problems())
	}

	o.proxy("full", "alice", "full")
	o.proxy("second", "full", "full")
	o.proxy("limited", "full", "limited")
	o.proxy("widened", "limited", "full")
	o.proxy("end", "alice", "end")
	o.proxy("beyond", "end", "full")
	o.proxy("independent", "alice", "independent")
	o.proxy("policy", "alice", "policy")
	o.proxy("soft", "alice", "soft")
	o.proxy("altname", "alice", "altname")
	o.proxy("revoked", "bob", "full")
	o.proxy("constrained", "eve", "full")
	for _, c := range []struct {
		name    string
		code    gridproxy.Code
		depth   int
		limited bool
		openssl bool // it accepts
	}{
		{name: "alice", openssl: true},
		{name: "full", depth: 1, openssl: true},
		{name: "second", depth: 2, openssl: true},
		{name: "limited", depth: 2, limited: true, openssl: true},
		{name: "widened", code: gridproxy.CodeLimitedThenFull, openssl: true},
		{name: "end", depth: 1, openssl: true},
		{name: "beyond", code: gridproxy.CodePathLen},
		{name: "independent", code: gridproxy.CodeIndependent, openssl: true},
		{name: "policy", code: gridproxy.CodePolicyPresent, openssl: true},
		{name: "soft", code: gridproxy.CodePCINotCritical, openssl: true},
		{name: "altname", code: gridproxy.CodeProxyAltName},
		{name: "revoked", code: gridproxy.CodeRevoked},
		{name: "constrained", code: gridproxy.CodeUntrusted},
	} {
		t.Run(c.name, func(t *testing.T) {
			chain, err := gridproxy.ParsePEM([]byte(o.read(c.name + ".pem")))
			if err != nil {
				t.Fatal(err)
			}
			r, err := gridproxy.Verify(chain, time.Now(), trust, gridproxy.Options{})
			switch {
			case c.code != "":
				wantCode(t, err, c.code)
			case err != nil:
				t.Error(err)
			case r.Depth != c.depth || r.Limited != c.limited || r.Identity != "CN=Alice,DC=example,DC=org" || r.Issuer != "CN=Müller CA,DC=example,DC=org":
				t.Errorf("%+v", r)
			}
			cmd := exec.CommandContext(t.Context(), "openssl", "verify", "-allow_proxy_certs", "-x509_strict", "-crl_check_all", "-CAfile", "ca.pem",
				"-CRLfile", "crl.pem", "-untrusted", c.name+".pem", c.name+".pem")
			cmd.Dir = o.dir
			if out, err := cmd.CombinedOutput(); (err == nil) != c.openssl {
				t.Errorf("openssl: %s", out)
			}
		})
	}
}

// Identities are spelled as openssl spells them in RFC 2253, but for its
// escapes of what is not ASCII and the order within an RDN.
func TestOpenSSLNames(t *testing.T) {
	needs(t, "openssl", "openssl")
	o := openssl{t, t.TempDir()}
	for _, n := range []g.Name{
		g.DN("/DC=org/DC=example/OU=People/CN=Alice"),
		g.DN("/C=DE/ST=a/L=b/O=c/OU=d/UID=e/serialNumber=f/CN=h/emailAddress=a@example.org"),
		one("CN", `a,b+c"d\e<f>g;h=i/j`, 0), one("CN", "#a#", 0), one("CN", " a  b ", 0), one("CN", "Zoë Müller", 0),
		one("CN", "Zo\xeb", 0x14), one("CN", "\x00Z\x00o\x00\xeb", 0x1e),
		{{{Type: "DC", Value: "org"}}, {{Type: "CN", Value: "b"}, {Type: "OU", Value: "a"}}},
	} {
		c := g.Issue(n, nil)
		o.write("c.pem", string(g.CertPEM(c.DER)))
		name, err := gridproxy.ParseName(n.DER())
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimPrefix(strings.TrimSuffix(o.run("x509", "-in", "c.pem", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb,utf8"), "\n"), "subject=")
		if got := name.String(); got != want && !strings.Contains(got, "+") {
			t.Errorf("%q, and openssl says %q", got, want)
		}
		hash, old, err := gridproxy.SubjectHashes(n.DER())
		if both := strings.Fields(o.run("x509", "-in", "c.pem", "-noout", "-subject_hash", "-subject_hash_old")); err != nil || hash != both[0] || old != both[1] {
			t.Errorf("%s: hashes %s and %s, %v, and openssl says %q", name, hash, old, err, both)
		}
	}
}
