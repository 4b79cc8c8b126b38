package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// program finds a program of a Debian package. With MUCURA_TEST_INSTALL=1 and
// as root it is installed; else the test is skipped.
func program(t *testing.T, name, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" {
		t.Skipf("SKIP: %s is not installed (Debian package %s), and MUCURA_TEST_INSTALL is not 1", name, pkg)
	}
	cmd := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", pkg)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("install %s: %v\n%s", pkg, err, out)
	}
}

// TestGridTools is a grid job with nothing but real tools: grid-proxy-init makes
// a proxy, curl gets credentials for it, and aws (by credential_process), rclone
// and davix move data with them. A limited proxy stores, too; one that is not
// registered does not.
func TestGridTools(t *testing.T) {
	for name, pkg := range map[string]string{"grid-proxy-init": "globus-proxy-utils", "curl": "curl", "aws": "awscli", "rclone": "rclone", "davix-put": "davix"} {
		program(t, name, pkg)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	w := gridtest.NewRSAWorld()
	certs, vomsdir := w.WriteDirs(t, dir)
	s := startSite(t, "--trust-dir", certs, "--vomsdir", vomsdir, "--approve", "dn:OU=People,DC=example,DC=org")
	write := func(name string, text []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(at(name), text, mode); err != nil {
			t.Fatal(err)
		}
	}
	endpoint := "https://" + strings.TrimPrefix(s.Endpoint, "http://")
	write("ca.pem", s.authority(t), 0o644)
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "X509_CERT_DIR=" + certs, "AWS_CONFIG_FILE=" + at("config"),
			"AWS_PROFILE=grid", "AWS_SDK_LOAD_CONFIG=1", "AWS_EC2_METADATA_DISABLED=true",
		}
		if name == "aws" { // rclone of Debian 12 does not bear it
			cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE="+at("ca.pem"))
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	works := func(name string, args ...string) string {
		t.Helper()
		out, err := run(name, args...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return out
	}
	proxy := func(e *gridtest.Entity, file string, more ...string) {
		t.Helper()
		write(file+".cert", gridtest.CertPEM(e.DER), 0o644)
		write(file+".key", gridtest.KeyPEM(e.Key), 0o400)
		works("grid-proxy-init", append([]string{"-rfc", "-cert", at(file + ".cert"), "-key", at(file + ".key"), "-out", at(file)}, more...)...)
	}
	proxy(w.Alice, "alice")
	proxy(w.Alice, "limited", "-limited")
	proxy(w.Bob, "bob")
	curl := func(proxy, path string, more ...string) string {
		return works("curl", append([]string{"-s", "--cacert", at("ca.pem"), "--cert", at(proxy), "https://" + s.auth + path}, more...)...)
	}
	if out := curl("limited", "/-/api/v1/register", "-d", "{}"); !strings.Contains(out, "LimitedProxy") {
		t.Errorf("a limited proxy registers: %s", out)
	}
	if out := curl("alice", "/-/api/v1/register", "-d", "{}"); !strings.Contains(out, `"state":"active"`) {
		t.Fatalf("register: %s", out)
	}
	if out := curl("bob", "/credentials"); !strings.Contains(out, "NotRegistered") {
		t.Errorf("credentials for a stranger: %s", out)
	}
	helper := fmt.Sprintf("curl -sf --cacert %s --cert %s https://%s/credentials", at("ca.pem"), at("alice"), s.auth)
	write("config", []byte("[profile grid]\nregion = mucura\ncredential_process = "+helper+"\ns3 =\n  addressing_style = path\n"), 0o600)
	write("result", []byte("of a job"), 0o600)
	works("aws", "--endpoint-url", endpoint, "s3", "cp", at("result"), "s3://alice/by-aws")
	rclone := []string{"--ca-cert", at("ca.pem"), "--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", endpoint, "--s3-region", "mucura"}
	works("rclone", append(rclone, "copyto", at("result"), ":s3:alice/by-rclone")...)
	var k struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	}
	if err := json.Unmarshal([]byte(curl("limited", "/credentials")), &k); err != nil || time.Until(k.Expiration) < 15*time.Minute {
		t.Fatalf("%+v %v", k, err)
	}
	davix := []string{"-k", "--s3accesskey", k.AccessKeyID, "--s3secretkey", k.SecretAccessKey, "--s3token", k.SessionToken, "--s3region", "mucura", "--s3alternate"}
	target := "s3s://" + strings.TrimPrefix(endpoint, "https://") + "/alice/by-davix"
	works("davix-put", append(davix, at("result"), target)...)
	works("davix-get", append(davix, target, at("back"))...)
	if back, err := os.ReadFile(at("back")); err != nil || string(back) != "of a job" {
		t.Errorf("davix got %q, %v", back, err)
	}
	if out := works("rclone", append(rclone, "lsf", ":s3:alice")...); !strings.HasSuffix(out, "by-aws\nby-davix\nby-rclone\n") {
		t.Errorf("listed %q", out)
	}
	if log := s.Tail(); strings.Contains(log, k.SessionToken) || strings.Contains(log, k.SecretAccessKey) {
		t.Error("credentials are in the log")
	}
}

// authority is the certificate of the site's own authority, PEM.
func (s *site) authority(t *testing.T) []byte {
	t.Helper()
	resp, err := s.client(nil).Get("https://" + strings.TrimPrefix(s.Endpoint, "http://") + "/-/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", resp.Status, err)
	}
	return text
}
