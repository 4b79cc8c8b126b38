package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
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

// sessionFrom gets temporary credentials for the administrator.
func sessionFrom(ctx context.Context, base string) (c sigv4.Credentials, err error) {
	body := []byte("Action=GetSessionToken&Version=2011-06-15")
	r, err := http.NewRequestWithContext(ctx, "POST", base+"/", bytes.NewReader(body))
	if err != nil {
		return c, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256(body)
	sigv4.SignFor("sts", r, creds, world.Region, hex.EncodeToString(sum[:]), time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return c, err
	}
	if resp.StatusCode != 200 {
		return c, fmt.Errorf("%s: %s", resp.Status, text)
	}
	for name, to := range map[string]*string{"AccessKeyId": &c.AccessKeyID, "SecretAccessKey": &c.SecretAccessKey, "SessionToken": &c.SessionToken} {
		_, rest, _ := strings.Cut(string(text), "<"+name+">")
		*to, _, _ = strings.Cut(rest, "<")
	}
	return c, nil
}

// listWith lists buckets with credentials, and gives the status.
func listWith(ctx context.Context, base string, c sigv4.Credentials) (int, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", base+"/", nil)
	if err != nil {
		return 0, err
	}
	sigv4.Sign(r, c, world.Region, sigv4.EmptyPayload, time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
