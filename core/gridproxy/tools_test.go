package gridproxy_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// needs finds a program, or with MUCURA_TEST_INSTALL=1 installs its Debian
// package. Without either the test is skipped; with the variable it fails.
func needs(t *testing.T, path, debian string) string {
	t.Helper()
	if found, err := exec.LookPath(path); err == nil {
		return found
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" {
		t.Skipf("%s is missing; MUCURA_TEST_INSTALL=1 installs %s", path, debian)
	}
	apt := exec.Command("apt-get", "-o", "DPkg::Lock::Timeout=1200", "install", "-y", "--no-install-recommends", debian)
	apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := apt.CombinedOutput(); err != nil {
		t.Fatalf("install %s: %v\n%s", debian, err, out)
	}
	if found, err := exec.LookPath(path); err == nil {
		return found
	}
	return path
}

// grid is a world with RSA keys, on disk, as the tools want it.
type grid struct {
	*g.World
	dir, certs, vomsdir string
	cert, key           string // of Alice
	trust               *gridproxy.Trust
}

func newGrid(t *testing.T) *grid {
	t.Helper()
	w := g.NewRSAWorld()
	d := t.TempDir()
	certs, vomsdir := w.WriteDirs(t, d)
	out := &grid{World: w, dir: d, certs: certs, vomsdir: vomsdir}
	out.cert, out.key = out.write(t, "alice", w.Alice)
	var err error
	if out.trust, err = gridproxy.LoadDir(certs, vomsdir, time.Now()); err != nil {
		t.Fatal(err)
	}
	return out
}

// write writes certificate and key, the latter as PKCS #1.
func (x *grid) write(t *testing.T, name string, e *g.Entity) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(x.dir, name+"cert.pem"), filepath.Join(x.dir, name+"key.pem")
	if err := os.WriteFile(cert, g.CertPEM(e.DER), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pkcs1(e.Key), 0o400); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func pkcs1(key crypto.Signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))})
}

// crashed tells whether a program died of a memory fault of its own.
func crashed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGABRT}, status.Signal())
}

// make runs a tool and judges the proxy that it wrote.
func (x *grid) make(t *testing.T, o gridproxy.Options, tool string, args ...string) (*gridproxy.Result, error) {
	t.Helper()
	proxy := filepath.Join(t.TempDir(), "proxy")
	for try := 1; ; try++ {
		cmd := exec.CommandContext(t.Context(), tool, append(args, "-out", proxy)...)
		cmd.Env = append(os.Environ(), "X509_CERT_DIR="+x.certs, "X509_VOMS_DIR="+x.vomsdir, "HOME="+x.dir)
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		// voms-proxy-fake reads beyond its options now and then, and dies of it.
		if !crashed(err) || try == 10 {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	text, err := os.ReadFile(proxy)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := gridproxy.ParsePEM(text)
	if err != nil {
		return nil, err
	}
	return gridproxy.Verify(chain, time.Now(), x.trust, o)
}

// Proxies that grid-proxy-init makes verify as what they are.
func TestGlobusProxies(t *testing.T) {
	tool := needs(t, "grid-proxy-init", "globus-proxy-utils")
	x := newGrid(t)
	for _, c := range []struct {
		name    string
		args    []string
		o       gridproxy.Options
		kind    gridproxy.Type
		limited bool
		code    gridproxy.Code
	}{
		{name: "rfc", args: []string{"-rfc"}, kind: gridproxy.TypeRFC},
		{name: "rfc limited", args: []string{"-rfc", "-limited"}, kind: gridproxy.TypeRFC, limited: true},
		{name: "rfc path length", args: []string{"-rfc", "-path-length", "2"}, kind: gridproxy.TypeRFC},
		{name: "rfc independent", args: []string{"-rfc", "-independent"}, code: gridproxy.CodeIndependent},
		{name: "legacy", args: []string{"-old"}, code: gridproxy.CodeLegacyProxy},
		{name: "legacy allowed", args: []string{"-old"}, o: gridproxy.Options{AllowLegacy: true}, kind: gridproxy.TypeLegacy},
		{name: "legacy limited", args: []string{"-old", "-limited"}, o: gridproxy.Options{AllowLegacy: true}, kind: gridproxy.TypeLegacy, limited: true},
		{name: "draft", args: []string{"-draft"}, code: gridproxy.CodeDraftProxy},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"-cert", x.cert, "-key", x.key, "-bits", "2048", "-valid", "1:00"}, c.args...)
			r, err := x.make(t, c.o, tool, args...)
			if c.code != "" {
				wantCode(t, err, c.code)
				return
			}
			if err != nil || r.Type != c.kind || r.Limited != c.limited || r.Depth != 1 || r.Identity != aliceDN {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// Attributes that voms-proxy-fake makes, with the code of VOMS servers, count.
func TestVOMSProxies(t *testing.T) {
	tool := needs(t, "voms-proxy-fake", "voms-clients")
	x := newGrid(t)
	hostcert, hostkey := x.write(t, "voms", x.AA)
	for _, c := range []struct {
		name    string
		args    []string
		state   gridproxy.VOMSState
		limited bool
	}{
		{name: "rfc", state: gridproxy.VOMSValid},
		{name: "limited", args: []string{"-limited"}, state: gridproxy.VOMSValid, limited: true},
		// This tool writes an empty list of targets, whatever it is told.
		{name: "for one service", args: []string{"-target", "s3.example.org"}, state: gridproxy.VOMSInvalid},
		{name: "of another server", args: []string{"-uri", "other.example.org:15000"}, state: gridproxy.VOMSInvalid},
		{name: "of the past", args: []string{"-pastac", "5:00", "-vomslife", "1"}, state: gridproxy.VOMSInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"-cert", x.cert, "-key", x.key, "-certdir", x.certs, "-hostcert", hostcert, "-hostkey", hostkey, "-rfc",
				"-bits", "2048", "-voms", g.VO, "-fqan", standard[0], "-fqan", standard[1]}
			if !slices.Contains(c.args, "-uri") {
				args = append(args, "-uri", g.VOMSHost+":15000")
			}
			r, err := x.make(t, gridproxy.Options{ServiceNames: []string{"s3.example.org"}}, tool, append(args, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if r.VOMS != c.state || r.Limited != c.limited || r.Identity != aliceDN {
				t.Errorf("%s (%s), limited %v, %s", r.VOMS, r.VOMSError, r.Limited, r.Identity)
			}
			if r.VOMS == gridproxy.VOMSValid && !slices.Equal(r.FQANs, normalized) {
				t.Errorf("%q", r.FQANs)
			}
		})
	}
}

// The anchors of the IGTF, as Debian packages them, all load, under the hashes
// that OpenSSL gave them.
func TestRealAnchors(t *testing.T) {
	const dir = "/usr/share/igtf-policy/classic"
	needs(t, dir, "igtf-policy-classic")
	const certs = "/etc/grid-security/certificates"
	trust, err := gridproxy.LoadDir(certs, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range trust.Problems() {
		t.Errorf("%s: %v", p.File, p.Err)
	}
	files, err := filepath.Glob(certs + "/*.0")
	if err != nil || len(files) == 0 || trust.Anchors() == 0 || trust.Roots() == 0 {
		t.Fatalf("%d files, %d anchors, %d roots, %v", len(files), trust.Anchors(), trust.Roots(), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			t.Fatalf("%s is no PEM", f)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		hash, old, err := gridproxy.SubjectHashes(c.RawSubject)
		if stem := strings.TrimSuffix(filepath.Base(f), ".0"); err != nil || stem != hash && stem != old {
			t.Errorf("%s: hashes %s and %s, %v", f, hash, old, err)
		}
	}
}
