package torture

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/functions/internal/world"
)

// rewriter is a proxy that takes a path away before it passes requests on.
func rewriter(t *testing.T, target, base string) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host // Out.Host stays the client's
		r.Out.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.In.URL.Path, base), "/")
		if r.In.URL.RawPath != "" {
			r.Out.URL.RawPath = "/" + strings.TrimPrefix(strings.TrimPrefix(r.In.URL.RawPath, base), "/")
		}
	}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.URL
}

// sign signs a request of the administrator's.
func sign(r *http.Request, hash string) { sigv4.Sign(r, creds, world.Region, hash, time.Now()) }

// peakMemory is the most memory a process has had, bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
