package app

import (
	"net/http"
	"testing"
)

// TestVisitor: who opens the endpoint in a browser is sent to the pages, where she can
// reach them; requests of S3 never are.
func TestVisitor(t *testing.T) {
	t.Parallel()
	local := newLab(t, "--domain", "s3.lab.example")
	public := newLab(t, "--web-url", "https://files.lab.example")
	none := newLab(t, "--web-listen", "off")
	for _, l := range []*lab{local, public, none} {
		if err := l.Register(Parts{}); err != nil {
			t.Fatal(err)
		}
	}
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for name, c := range map[string]struct {
		l                          *lab
		method, path, host, accept string
		authorization              string
		to                         string
	}{
		"browser here":       {local, "GET", "/", "", html, "", "http://127.0.0.1:9002/"},
		"browser elsewhere":  {local, "GET", "/", "s3.lab.example", html, "", ""},
		"public pages":       {public, "GET", "/", "s3.lab.example", html, "", "https://files.lab.example/"},
		"no pages":           {none, "GET", "/", "", html, "", ""},
		"program":            {local, "GET", "/", "", "*/*", "", ""},
		"signed":             {local, "GET", "/", "", html, "AWS4-HMAC-SHA256 x", ""},
		"presigned":          {local, "GET", "/?X-Amz-Signature=x", "", html, "", ""},
		"bucket":             {public, "GET", "/box", "", html, "", ""},
		"bucket by its host": {local, "GET", "/", "box.s3.lab.example", html, "", ""},
		"other method":       {local, "HEAD", "/", "", html, "", ""},
	} {
		r, err := http.NewRequest(c.method, c.l.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", c.accept)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		r.Host = c.host
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Location"); got != c.to || (resp.StatusCode == 303) != (c.to != "") {
			t.Errorf("%s: %d to %q, want %q", name, resp.StatusCode, got, c.to)
		}
	}
}
