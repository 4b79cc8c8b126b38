package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

func TestVerifyProxy(t *testing.T) {
	w := gridtest.NewWorld()
	dir := t.TempDir()
	certs, vomsdir := w.WriteDirs(t, dir)
	ac := w.AC(w.Alice, []string{"/" + gridtest.VO + "/Role=NULL/Capability=NULL", "/" + gridtest.VO + "/physics/Role=production"})
	write := func(name string, e *gridtest.Entity) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, e.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	voms := write("voms", gridtest.NewLimited(gridtest.NewProxy(w.Alice, gridtest.Also(gridtest.VOMS(ac)))))
	plain, legacy, revoked := write("plain", w.Alice), write("legacy", gridtest.NewLegacy(w.Alice, false)), write("revoked", w.Dave)
	for _, c := range []struct {
		name string
		args []string
		exit exitCode
		want string // JSON, or part of the text
	}{
		{"accepted, all of it", []string{"--vomsdir", vomsdir, "--json", voms}, 0, `{"verdict":"accept","code":"ok","identity":"CN=Alice,OU=People,DC=example,DC=org",
			"identity_slash":"/DC=org/DC=example/OU=People/CN=Alice","issuer":"CN=Issuing CA,DC=example,DC=org","type":"rfc3820","limited":true,"proxy_depth":2,
			"not_after":"2045-01-01T00:00:00Z","voms":"valid","fqans":["/vo.example.org","/vo.example.org/physics/Role=production"]}`},
		{"own certificate", []string{plain, "--json"}, 0, `{"verdict":"accept","code":"ok","identity":"CN=Alice,OU=People,DC=example,DC=org",
			"identity_slash":"/DC=org/DC=example/OU=People/CN=Alice","issuer":"CN=Issuing CA,DC=example,DC=org","type":"eec","limited":false,"proxy_depth":0,
			"not_after":"2045-01-01T00:00:00Z","voms":"none","fqans":[]}`},
		{"refused", []string{"--json", revoked}, 1, `{"verdict":"reject","code":"revoked","subject":"CN=Dave,OU=People,DC=example,DC=org",
			"detail":"listed by /DC=org/DC=example/CN=Issuing CA"}`},
		{"text", []string{voms}, 0, "note: attribute certificate 1: no LSC file"},
		{"text of a refusal", []string{revoked}, 1, "reject: revoked: "},
		{"legacy", []string{legacy}, 1, "legacy-proxy"},
		{"legacy allowed", []string{"--allow-legacy", legacy}, 0, "type: legacy, full, depth 1"},
		{"at another time", []string{"--at", "2046-01-01T00:00:00Z", plain}, 1, "expired"},
		{"from standard input", []string{"-"}, 1, "no certificate"},
		{"no trust anchor", []string{"--trust", t.TempDir(), plain}, 1, "no-trust"},
		{"bad time", []string{"--at", "tomorrow", plain}, 2, ""},
		{"bad flag", []string{"--nope", plain}, 2, ""},
		{"no file", nil, 2, ""},
		{"two files", []string{plain, plain}, 2, ""},
		{"missing file", []string{filepath.Join(dir, "missing")}, 2, ""},
		{"missing trust directory", []string{"--trust", filepath.Join(dir, "missing"), plain}, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			args := append([]string{"--trust", certs}, c.args...)
			err := runVerifyProxy("verify-proxy", args, strings.NewReader(""), &out, gridtest.Now)
			exit := exitCode(0)
			if err != nil && !errors.As(err, &exit) {
				exit = exitUsage // as verifyProxy says
			}
			if exit != c.exit {
				t.Fatalf("got %v: %s", err, &out)
			}
			if !strings.HasPrefix(c.want, "{") {
				if !strings.Contains(out.String(), c.want) {
					t.Errorf("got %s", &out)
				}
				return
			}
			var got, want any
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if !bytes.Equal(a, b) {
				t.Errorf("got  %s\nwant %s", a, b)
			}
		})
	}
}
