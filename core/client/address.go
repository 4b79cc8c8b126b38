package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// EscapeKey writes a key as it stands in a path: every byte but the unreserved
// ones of RFC 3986 and the slash escaped.
func EscapeKey(key string) string { return escape(key, true) }

func escape(s string, slash bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~", c) >= 0 || slash && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

// values makes a query of names and values; a name with the value "" stands
// alone (?uploads).
func values(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(escape(pairs[i+1], false))
	}
	return b.String()
}

// target is the URL of a request. The path is sent as it is escaped here, dot
// segments and empty ones included.
func (c *Client) target(q *request) *url.URL {
	u := *c.Endpoint
	plain, escaped := "/", "/"
	if q.bucket != "" {
		plain, escaped = "/"+q.bucket, "/"+escape(q.bucket, false)
		if q.key != "" {
			plain, escaped = plain+"/"+q.key, escaped+"/"+EscapeKey(q.key)
		}
	}
	u.Path, u.RawPath, u.RawQuery = plain, escaped, q.query
	return &u
}

// ParseEndpoint reads the URL of an endpoint.
func ParseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil && strings.Contains(err.Error(), "first path segment"), err == nil && u.Scheme != "" && u.Host == "": // HOST:PORT
		return nil, fmt.Errorf("endpoint: https:// or http:// is missing before host and port")
	case err != nil:
		return nil, fmt.Errorf("endpoint is no URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("endpoint %q does not begin with https:// or http:// and a host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("endpoint %q: only scheme, host and port are wanted", u.Redacted())
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func parseTime(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	t, _ := http.ParseTime(s)
	return t
}

func parseInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
