// Package cors holds the cross-origin configuration of a bucket: it reads and
// checks the document, writes it back, finds the rule for a request, and sets
// the headers with which browsers are told.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
package cors

import (
	"strings"
)

// Limits of https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
const (
	MaxRules = 100
	MaxSize  = 64 << 10 // bytes of the document
)

// Config is a bucket's cross-origin configuration.
type Config struct {
	Rules []Rule
}

// Rule allows some requests to some origins.
type Rule struct {
	ID      string
	Origins []string // may hold one '*' each
	Methods []string // GET, PUT, POST, DELETE, HEAD
	Headers []string // request headers; may hold one '*' each, any case
	Expose  []string // response headers
	MaxAge  *int     // seconds; nil when not given
}

// Match finds the first rule for a request: one that allows the origin, the
// method, and, for a preflight, every one of the headers asked for.
func (c *Config) Match(origin, method string, requestHeaders []string) (*Rule, bool) {
	for i := range c.Rules {
		if r := &c.Rules[i]; r.allows(origin, method, requestHeaders) {
			return r, true
		}
	}
	return nil, false
}

func (r *Rule) allows(origin, method string, headers []string) bool {
	if !r.allowsOrigin(origin) || !contains(r.Methods, method) {
		return false
	}
	for _, h := range headers {
		if !r.allowsHeader(h) {
			return false
		}
	}
	return true
}

func (r *Rule) allowsOrigin(origin string) bool {
	for _, p := range r.Origins {
		if matches(p, origin) {
			return true
		}
	}
	return false
}

func (r *Rule) allowsHeader(h string) bool {
	h = strings.ToLower(h)
	for _, p := range r.Headers {
		if matches(strings.ToLower(p), h) {
			return true
		}
	}
	return false
}

// matches tells whether s fits a pattern with at most one '*'.
func matches(pattern, s string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
