package gridproxy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

func one(typ, value string, tag byte) g.Name { return g.Name{{{Type: typ, Value: value, Tag: tag}}} }

func TestNameText(t *testing.T) {
	for _, c := range []struct {
		name           string
		in             g.Name
		rfc2253, slash string
	}{
		{"usual", g.DN("/DC=org/DC=example/OU=People/CN=Alice"), "CN=Alice,OU=People,DC=example,DC=org", "/DC=org/DC=example/OU=People/CN=Alice"},
		{"all keywords", g.DN("/C=DE/ST=a/L=b/O=c/OU=d/UID=e/serialNumber=f/emailAddress=g/CN=h"),
			"CN=h,emailAddress=g,serialNumber=f,UID=e,OU=d,O=c,L=b,ST=a,C=DE", "/C=DE/ST=a/L=b/O=c/OU=d/UID=e/serialNumber=f/emailAddress=g/CN=h"},
		{"multi-valued, sorted", g.Name{{{Type: "OU", Value: "a"}, {Type: "CN", Value: "zz"}, {Type: "CN", Value: "b"}}},
			"CN=b+CN=zz+OU=a", "/CN=b+OU=a+CN=zz"},
		{"special characters", one("CN", `a,b+c"d\e<f>g;h`, 0), `CN=a\,b\+c\"d\\e\<f\>g\;h`, `/CN=a,b+c"d\e<f>g;h`},
		{"equals and slash stay", one("CN", "a=b/CN=c", 0), "CN=a=b/CN=c", "/CN=a=b/CN=c"},
		{"hash in front", one("CN", "#a#", 0), `CN=\#a#`, "/CN=#a#"},
		{"blanks at both ends", one("CN", "  a  b  ", 0), `CN=\  a  b \ `, "/CN=  a  b  "},
		{"one blank", one("CN", " ", 0), `CN=\ `, "/CN= "},
		{"empty value", one("CN", "", 0), "CN=", "/CN="},
		{"control characters", one("CN", "a\x00b\nc\x7f", 0), `CN=a\00b\0Ac\7F`, "/CN=a\uFFFDb\uFFFDc\uFFFD"},
		{"UTF-8", one("CN", "Zoë", 0), "CN=Zoë", "/CN=Zoë"},
		{"T61String is ISO 8859-1", one("CN", "Zo\xeb", 0x14), "CN=Zoë", "/CN=Zoë"},
		{"BMPString", one("CN", "\x00Z\x00o\x00\xeb", 0x1e), "CN=Zoë", "/CN=Zoë"},
		{"UniversalString", one("CN", "\x00\x00\x00Z\x00\x01\xf6\x00", 0x1c), "CN=Z\U0001f600", "/CN=Z\U0001f600"},
		{"string types do not matter", one("CN", "Alice", 0x16), "CN=Alice", "/CN=Alice"},
		{"another type goes by OID", g.Name{{{Type: "2.5.4.12", Value: "Dr"}}}, "2.5.4.12=#0c024472", "/title=Dr"},
		{"an unknown type too", g.Name{{{Type: "1.2.3.4", Value: "x"}}}, "1.2.3.4=#0c0178", "/1.2.3.4=x"},
		{"a value that is no string", one("CN", "\x05", 0x02), "CN=#020105", "/CN=#020105"},
		{"not to be confused with it", one("CN", "#020105", 0), `CN=\#020105`, "/CN=#020105"},
		{"empty", nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := gridproxy.ParseName(c.in.DER())
			if err != nil {
				t.Fatal(err)
			}
			if n.String() != c.rfc2253 {
				t.Errorf("RFC 2253: got %q, want %q", n, c.rfc2253)
			}
			if n.Slash() != c.slash {
				t.Errorf("slash: got %q, want %q", n.Slash(), c.slash)
			}
		})
	}
}

func TestNamesThatAreNone(t *testing.T) {
	set := func(members ...[]byte) []byte { return g.Seq(g.Set(members...)) }
	cn := g.OID("2.5.4.3")
	for name, der := range map[string][]byte{
		"empty input":           nil,
		"bytes after":           append(g.Seq(), 0),
		"empty RDN":             set(),
		"SEQUENCE for SET":      g.Seq(g.Seq(g.Seq(cn, g.TLV(0x0c)))),
		"no value":              set(g.Seq(cn)),
		"two values":            set(g.Seq(cn, g.TLV(0x0c), g.TLV(0x0c))),
		"no type":               set(g.Seq(g.TLV(0x0c))),
		"invalid UTF-8":         set(g.Seq(cn, g.TLV(0x0c, []byte{0xff}))),
		"overlong UTF-8":        set(g.Seq(cn, g.TLV(0x0c, []byte{0xc0, 0x80}))),
		"high PrintableString":  set(g.Seq(cn, g.TLV(0x13, []byte{0xe9}))),
		"high IA5String":        set(g.Seq(cn, g.TLV(0x16, []byte{0xe9}))),
		"odd BMPString":         set(g.Seq(cn, g.TLV(0x1e, []byte{0, 'a', 0}))),
		"surrogate BMPString":   set(g.Seq(cn, g.TLV(0x1e, []byte{0xd8, 0x3d, 0xde, 0}))),
		"huge UniversalString":  set(g.Seq(cn, g.TLV(0x1c, []byte{0, 0x11, 0, 0}))),
		"length not minimal":    set(cat([]byte{0x30, 0x81, 7}, cn, g.TLV(0x0c))),
		"type with empty OID":   set(g.Seq([]byte{6, 0}, g.TLV(0x0c))),
		"OID ends in an arc":    set(g.Seq([]byte{6, 1, 0x80}, g.TLV(0x0c))),
		"high tag number":       set(g.Seq(cn, []byte{0x1f, 0x22, 0})),
		"length beyond the end": {0x30, 5, 0x31},
	} {
		if n, err := gridproxy.ParseName(der); err == nil {
			t.Errorf("%s: read as %q", name, n)
		}
	}
}

// Certificates of all string types that crypto/x509 takes get their identity
// from the characters; others are refused, not misread.
func TestIdentityOfStringTypes(t *testing.T) {
	w := g.NewWorld()
	trust := w.Trust(t)
	const id = "CN=Zoe,DC=example,DC=org"
	for _, tag := range []byte{0x0c, 0x13, 0x14, 0x16} {
		row{chain: g.NewEECNamed(g.DN("/DC=org/DC=example").Add(one("CN", "Zoe", tag)...), w.CA).Chain(),
			kind: gridproxy.TypeEEC, id: id}.check(t, trust)
	}
	row{chain: g.NewEECNamed(g.DN("/DC=org/DC=example").Add(one("CN", "\x00Z\x00o\x00e", 0x1e)...), w.CA).Chain(),
		kind: gridproxy.TypeEEC, id: id}.check(t, trust)
	for name, bad := range map[string]g.Name{
		"invalid UTF-8": one("CN", "\xff", 0), "a number": one("CN", "\x05", 2), "PrintableString with @": one("CN", "a@b", 0x13),
	} {
		t.Run(name, func(t *testing.T) {
			row{chain: g.NewEECNamed(g.DN("/DC=org/DC=example").Add(bad...), w.CA).Chain(), code: gridproxy.CodeMalformed}.check(t, trust)
		})
	}
}

// The hashes are those that OpenSSL prints with -subject_hash and
// -subject_hash_old.
func TestSubjectHashes(t *testing.T) {
	for _, c := range []struct {
		name      g.Name
		hash, old string
	}{
		{g.DN("/DC=org/DC=example/CN=Issuing CA"), "259d1a12", "d0ec9dca"},
		{g.DN("/C=DE/O=Ex  ample/OU= Lead/CN=Müller GmbH/emailAddress=ca@Example.org"), "cf27031a", "5cf0a33c"},
		{g.Name{{{Type: "DC", Value: "org"}}, {{Type: "CN", Value: "b"}, {Type: "OU", Value: "a"}}}, "8bc2abfa", "0dec5c2e"},
	} {
		hash, old, err := gridproxy.SubjectHashes(c.name.DER())
		if err != nil || hash != c.hash || old != c.old {
			t.Errorf("%s: got %s and %s, %v, want %s and %s", c.name.Slash(), hash, old, err, c.hash, c.old)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"?", "", false}, {"?", "é", true}, {"??", "é", false},
		{"a*c", "abbbc", true}, {"a*c", "abbb", false}, {"a**c", "ac", true}, {"*b*", "abc", true}, {"*a*b", "aab", true},
		{"*.org", "x.org.com", false}, {"ABC", "abc", true}, {"É", "é", true}, {"a*b?d", "axxbxbcd", true},
	} {
		if got := gridproxy.Glob(c.pattern, c.text); got != c.want {
			t.Errorf("%q against %q: got %v", c.pattern, c.text, got)
		}
	}
	// The worst there is: it ends.
	if gridproxy.Glob(strings.Repeat("*a", gridproxy.MaxPattern/2), strings.Repeat("a", gridproxy.MaxPattern)+"b") {
		t.Error("matched")
	}
}

func TestParsePEM(t *testing.T) {
	w := g.NewWorld()
	p := g.NewProxy(w.Alice)
	good := string(p.PEM())
	a, b := string(g.CertPEM(p.DER)), string(g.CertPEM(w.Alice.DER))
	key := string(g.KeyPEM(p.Key))
	for _, c := range []struct {
		name, text string
		code       gridproxy.Code
	}{
		{"proxy file", good, ""},
		{"no key", a + b, ""},
		{"key last", a + b + key, ""},
		{"old key with headers", a + "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n" + b, ""},
		{"text around", "subject= /CN=x\n\n" + a + "issuer= y\n" + b + "end", ""},
		{"CRLF", strings.ReplaceAll(a+b, "\n", "\r\n"), ""},
		{"no newline at the end", strings.TrimSpace(a + b), ""},
		{"one long line", "-----BEGIN CERTIFICATE-----\n" + body(a) + "\n-----END CERTIFICATE-----\n" + b, ""},
		{"the label of SSLeay", strings.ReplaceAll(a+b, " CERTIFICATE", " X509 CERTIFICATE"), ""},
		{"several keys", key + a + key + b + key, ""},
		{"encrypted key between", a + strings.ReplaceAll(key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY") + b, ""},
		{"curve and list between", a + "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
			"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" + b, ""},
		{"blank lines within, blanks after lines", strings.ReplaceAll(strings.ReplaceAll(a, "\n", " \t\n"), "END", "END") + "\n\n" + b, ""},
		{"what openssl -text says of it", strings.Repeat("        X509v3 extensions:\n", 5000) + a + b, ""},
		{"binary text after", a + b + "\x00\xff\xfe", ""},
		{"OpenSSL's trusted form", strings.ReplaceAll(a, " CERTIFICATE", " TRUSTED CERTIFICATE") + b, gridproxy.CodeMalformed},
		{"CR only", strings.ReplaceAll(a+b, "\n", "\r"), gridproxy.CodeMalformed},
		{"indented", "  " + strings.ReplaceAll(a, "\n", "\n  ") + "\n" + b, gridproxy.CodeMalformed},
		{"byte order mark", "\ufeff" + a + b, gridproxy.CodeMalformed},
		{"UTF-16", utf16Text(a + b), gridproxy.CodeLimits},
		{"DER", string(p.DER), gridproxy.CodeLimits},
		{"four dashes", strings.Replace(a, "-----BEGIN CERTIFICATE-----", "----BEGIN CERTIFICATE----", 1) + b, gridproxy.CodeMalformed},
		{"no padding", strings.Replace(a, "=\n-----END", "\n-----END", 1) + strings.Replace(b, "=\n-----END", "\n-----END", 1) + noPadding(a), gridproxy.CodeMalformed},
		{"a certificate in a block of a key", a + "-----BEGIN PRIVATE KEY-----\n" + b, gridproxy.CodeMalformed},
		{"empty", "", gridproxy.CodeLimits},
		{"only a key", key, gridproxy.CodeLimits},
		{"only text", "hello\n", gridproxy.CodeLimits},
		{"cut off in the second", good[:len(good)-100], gridproxy.CodeMalformed},
		{"END missing", strings.Replace(a, "-----END CERTIFICATE-----\n", "", 1) + b, gridproxy.CodeMalformed},
		{"BEGIN missing", strings.Replace(a, "-----BEGIN CERTIFICATE-----\n", "", 1) + b, gridproxy.CodeMalformed},
		{"END of another label", strings.Replace(a, "-----END CERTIFICATE", "-----END X509 CRL", 1) + b, gridproxy.CodeMalformed},
		{"bad base64", strings.Replace(a, "M", "*", 1) + b, gridproxy.CodeMalformed},
		{"headers in a certificate", strings.Replace(a, "-----\n", "-----\nProc-Type: 4\n\n", 1) + b, gridproxy.CodeMalformed},
		{"no content", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", gridproxy.CodeMalformed},
		{"two blocks on a line", strings.TrimSpace(a) + b, gridproxy.CodeMalformed},
		{"too long", good + strings.Repeat("#\n", gridproxy.MaxPEMBytes/2), gridproxy.CodeLimits},
		{"seventeen", strings.Repeat(b, 17), gridproxy.CodeLimits},
	} {
		t.Run(c.name, func(t *testing.T) {
			chain, err := gridproxy.ParsePEM([]byte(c.text))
			if c.code != "" {
				wantCode(t, err, c.code)
				return
			}
			if err != nil || !slices.EqualFunc(chain, p.Chain(), slices.Equal) {
				t.Errorf("%d certificates, %v", len(chain), err)
			}
		})
	}
}

// utf16Text is the text as an editor of Windows may save it.
func utf16Text(s string) string {
	var out strings.Builder
	for i := range len(s) {
		out.Write([]byte{s[i], 0})
	}
	return out.String()
}

// noPadding is a certificate whose base64 wants the padding that it lacks.
func noPadding(cert string) string {
	return "-----BEGIN CERTIFICATE-----\n" + strings.TrimRight(body(cert), "=")[:6] + "\n-----END CERTIFICATE-----\n"
}

func body(pem string) string {
	lines := strings.Split(strings.TrimSpace(pem), "\n")
	return strings.Join(lines[1:len(lines)-1], "")
}
