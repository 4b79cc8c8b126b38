package app

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// TestFetchTrust: an archive comes by HTTPS only, whole, and from a server that
// says so; what is wrong is told without the URL's query.
func TestFetchTrust(t *testing.T) {
	archive := archiveOf(t, gridtest.NewWorld().Directory())
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	defer plain.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/trust.tar", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/trust.tar", http.StatusFound) })
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive[:len(archive)/2]) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	s := httptest.NewTLSServer(mux)
	defer s.Close()
	client := s.Client()
	client.CheckRedirect = stayOnHTTPS
	for path, works := range map[string]bool{"trust.tar": true, "moved": true, "plain": false, "round": false, "half": false, "page": false, "nothing": false} {
		l := openTrust(&config.Config{TrustDir: s.URL + "/" + path + "?key=hush", TrustReload: time.Hour}, client)
		trust, err := l.Trust(t.Context())
		if (err == nil) != works || works && trust == nil {
			t.Errorf("%s: %v", path, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the query is told: %v", path, err)
		}
	}
	if _, err := openTrust(&config.Config{TrustDir: s.URL + "/trust.tar", TrustReload: time.Hour}, nil).Trust(t.Context()); err == nil {
		t.Error("a server whose certificate nobody vouches for was believed")
	}
}

// TestTrustKinds: a directory, and an archive beside it.
func TestTrustKinds(t *testing.T) {
	w, dir := gridtest.NewWorld(), t.TempDir()
	certificates, vomsdir := w.WriteDirs(t, dir)
	archive := filepath.Join(dir, "trust.tar")
	if err := os.WriteFile(archive, archiveOf(t, w.Directory()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*config.Config{
		{TrustDir: certificates, VOMSDir: vomsdir, TrustReload: time.Hour},
		{TrustDir: archive, TrustReload: time.Hour},
	} {
		if _, err := openTrust(c, nil).Trust(context.Background()); err != nil {
			t.Errorf("%s: %v", c.TrustDir, err)
		}
	}
}

func TestSignedHosts(t *testing.T) {
	for _, c := range []struct {
		hosts config.List
		url   string
		want  []string
	}{
		{nil, "", nil},
		{nil, "https://auth.example.org:8443", []string{"auth.example.org"}},
		{config.List{"auth.example.org"}, "https://auth.example.org", []string{"auth.example.org"}},
		{config.List{"auth.example.org"}, "https://files.example.org", []string{"auth.example.org", "files.example.org"}},
		{nil, "https://localhost:9443", nil},
		{nil, "https://127.0.0.1:9443", nil},
		{nil, "https://[::]:9443", nil},
	} {
		if got := signedHosts(&config.Config{AuthHosts: c.hosts, AuthURL: c.url}); !slices.Equal(got, c.want) {
			t.Errorf("%q, %s: %q, want %q", c.hosts, c.url, got, c.want)
		}
	}
}

// archiveOf makes a tar archive of a trust directory.
func archiveOf(t *testing.T, dir fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	a := tar.NewWriter(&out)
	if err := a.AddFS(dir); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
