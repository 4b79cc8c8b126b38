package serve

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// What proxies say of clients counts from them alone, and as far as they know it
// themselves.
func TestForwarded(t *testing.T) {
	h := forwarded([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/28"), netip.MustParsePrefix("2001:db8:1::/64")},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.RemoteAddr, " ", r.TLS != nil)
			if r.TLS != nil {
				fmt.Fprint(w, " ", r.TLS.ServerName)
			}
		}))
	for name, c := range map[string]struct {
		peer  string
		chain []string
		proto string
		want  string
	}{
		"nobody in front":                {"203.0.113.7:1", nil, "", "203.0.113.7:1 false"},
		"a client that claims":           {"203.0.113.7:1", []string{"10.0.0.1"}, "https", "203.0.113.7:1 false"},
		"beside the network":             {"10.0.0.16:1", []string{"203.0.113.7"}, "https", "10.0.0.16:1 false"},
		"a proxy":                        {"10.0.0.1:1", []string{"203.0.113.7"}, "", "203.0.113.7:0 false"},
		"one that ends TLS":              {"10.0.0.1:1", []string{"203.0.113.7"}, "https", "203.0.113.7:0 true s3.lab.example"},
		"what its client said of that":   {"10.0.0.1:1", []string{"203.0.113.7"}, "https, http", "203.0.113.7:0 false"},
		"by IPv6":                        {"[2001:db8:1::1]:1", []string{"2001:db8::7"}, "HTTPS", "[2001:db8::7]:0 true s3.lab.example"},
		"by IPv4 in IPv6":                {"[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "", "203.0.113.7:0 false"},
		"one that says nothing":          {"10.0.0.1:1", nil, "https", "10.0.0.1:0 true s3.lab.example"},
		"what the client wrote before":   {"10.0.0.1:1", []string{"198.51.100.1, 203.0.113.7"}, "", "203.0.113.7:0 false"},
		"in a header of its own":         {"10.0.0.1:1", []string{"198.51.100.1", "203.0.113.7"}, "", "203.0.113.7:0 false"},
		"two proxies":                    {"10.0.0.1:1", []string{"198.51.100.1, 203.0.113.7 ,10.0.0.2"}, "", "203.0.113.7:0 false"},
		"proxies alone":                  {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "", "10.0.0.3:0 false"},
		"with a port":                    {"10.0.0.1:1", []string{"203.0.113.7:4711"}, "", "203.0.113.7:0 false"},
		"with a port, IPv6":              {"10.0.0.1:1", []string{"[2001:db8::7]:4711"}, "", "[2001:db8::7]:0 false"},
		"rubbish":                        {"10.0.0.1:1", []string{"198.51.100.1, unknown"}, "", "10.0.0.1:0 false"},
		"rubbish behind another proxy":   {"10.0.0.1:1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "", "10.0.0.2:0 false"},
		"no end to it":                   {"10.0.0.1:1", []string{",,,"}, "", "10.0.0.1:0 false"},
		"a connection without addresses": {"@", []string{"203.0.113.7"}, "https", "@ false"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://s3.lab.example:9000/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.chain
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
