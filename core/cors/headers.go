package cors

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// vary is what answers depend on.
const vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"

// maxAsked is how many headers a preflight may ask for. Nobody signs it, and each is
// held against the thousands that a configuration may allow; pages have a dozen.
const maxAsked = 256

// Preflight answers an OPTIONS request
// (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html): it
// sets the headers of the answer in h, or says why not. c is nil when the bucket
// has no configuration. s3err.BadRequest when the request is no preflight;
// s3err.AccessForbidden when nothing allows it.
func Preflight(c *Config, request http.Header, h http.Header) error {
	origin := request.Get("Origin")
	if origin == "" {
		return bad("Insufficient information. Origin request header needed.")
	}
	method := request.Get("Access-Control-Request-Method")
	if !contains(methods(), method) {
		return bad("Invalid Access-Control-Request-Method: " + method)
	}
	lists := request.Values("Access-Control-Request-Headers")
	if n := strings.Count(strings.Join(lists, ","), ","); n >= maxAsked {
		return s3err.AccessForbidden
	}
	asked, err := headerList(strings.Join(lists, ","))
	if err != nil {
		return err
	}
	if c == nil {
		return &s3err.Error{Code: s3err.AccessForbidden, Text: "CORSResponse: CORS is not enabled for this bucket."}
	}
	r, ok := c.Match(origin, method, asked)
	if !ok {
		return s3err.AccessForbidden
	}
	r.SetHeaders(h, origin)
	if len(asked) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(asked, ", "))
	}
	return nil
}

// Apply sets the headers of the answer to an actual request, when it comes from
// another origin and a rule allows it. It is the browser that then hides the
// answer from a page that is not allowed to see it. c may be nil.
func Apply(c *Config, method string, request http.Header, h http.Header) {
	origin := request.Get("Origin")
	if c == nil || origin == "" {
		return
	}
	if asked := request.Get("Access-Control-Request-Method"); asked != "" {
		method = asked // S3 goes by it in any request
	}
	if r, ok := c.Match(origin, method, nil); ok {
		r.SetHeaders(h, origin)
	}
}

// SetHeaders sets the headers that preflights and actual requests have in
// common. An origin that a rule allows by name may send credentials; where "*"
// allows it, it may not, as browsers want it.
func (r *Rule) SetHeaders(h http.Header, origin string) {
	if contains(r.Origins, "*") {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(r.Methods, ", "))
	if len(r.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(r.Expose, ", "))
	}
	if r.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*r.MaxAge))
	}
	h.Set("Vary", vary)
}

// headerList reads Access-Control-Request-Headers, in lower case.
func headerList(s string) ([]string, error) {
	var out []string
	for _, h := range strings.Split(s, ",") {
		name := strings.Trim(h, " \t")
		if name == "" {
			continue
		}
		if !token(name) {
			return nil, bad(`Access-Control-Request-Headers "` + h + `" contains invalid character.`)
		}
		out = append(out, strings.ToLower(name))
	}
	return out, nil
}

// token tells whether s is a token of RFC 9110, as header names are.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') &&
			strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func bad(text string) error { return &s3err.Error{Code: s3err.BadRequest, Text: text} }
