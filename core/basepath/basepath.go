// Package basepath serves below a path of a host that others share: a platform
// may give a container https://host/some/path/ instead of a host of its own.
//
// Clients sign the path they send. What is in front may take the base path
// away, or not; the handler never sees it, and those who verify signatures ask
// for it here. With a base path, /base/bucket/key and /bucket/key name the same
// object, so it does not matter over which of both a signature is.
package basepath

import (
	"context"
	"net/http"
	"strings"
)

type key struct{}

// Enter gives the request as one to the host's root, and remembers the base
// path. base is "" for none, else it begins with a slash, ends with none, and
// holds nothing that needs encoding.
func Enter(base string, r *http.Request) *http.Request {
	if base == "" {
		return r
	}
	r = r.WithContext(context.WithValue(r.Context(), key{}, base))
	path, ok := cut(base, r.URL.Path)
	if !ok {
		return r
	}
	u := *r.URL
	u.Path = path
	if u.RawPath != "" {
		// One that hides the base path in an encoding loses the encoding.
		u.RawPath, _ = cut(base, u.RawPath)
	}
	r.URL = &u
	return r
}

// cut takes base from the beginning of a path.
func cut(base, path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, base)
	switch {
	case !ok || rest != "" && rest[0] != '/':
		return "", false
	case rest == "":
		return "/", true
	}
	return rest, true
}

// Of is the base path of a request, "" without one. It goes before the
// request's path where a client may have signed it.
func Of(r *http.Request) string {
	base, _ := r.Context().Value(key{}).(string)
	return base
}

// plain are the bytes that no client encodes in a path.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

// Valid tells whether base can be one.
func Valid(base string) bool {
	if base == "" {
		return true
	}
	rest, ok := strings.CutPrefix(base, "/")
	for segment := range strings.SplitSeq(rest, "/") {
		ok = ok && segment != "" && segment != "." && segment != ".." && !strings.ContainsFunc(segment, odd)
	}
	return ok
}

func odd(c rune) bool { return !strings.ContainsRune(plain, c) }
