package basepath

import (
	"net/http/httptest"
	"testing"
)

func TestEnter(t *testing.T) {
	for _, c := range []struct{ base, target, path, raw, of string }{
		{"", "/a/b", "/a/b", "", ""},
		{"/x/y", "/x/y/b/k", "/b/k", "", "/x/y"},
		{"/x/y", "/x/y", "/", "", "/x/y"},
		{"/x/y", "/x/y/", "/", "", "/x/y"},
		{"/x/y", "/x/yz/k", "/x/yz/k", "", "/x/y"},
		{"/x/y", "/b/k", "/b/k", "", "/x/y"},
		{"/x/y", "/x/y/x/y/k", "/x/y/k", "", "/x/y"},
		{"/x", "/x/b/a%2Fb%20c", "/b/a/b c", "/b/a%2Fb%20c", "/x"},
		{"/x", "/%78/b/a%2Fb", "/b/a/b", "", "/x"},
	} {
		in := httptest.NewRequest("GET", c.target, nil)
		r := Enter(c.base, in)
		if r.URL.Path != c.path || r.URL.RawPath != c.raw || Of(r) != c.of {
			t.Errorf("%s below %q: %q, %q, base %q", c.target, c.base, r.URL.Path, r.URL.RawPath, Of(r))
		}
		if in.URL.RequestURI() != c.target {
			t.Errorf("the request itself was changed to %s", in.URL.RequestURI())
		}
	}
}

func TestValid(t *testing.T) {
	for base, want := range map[string]bool{
		"": true, "/a": true, "/a/b-c_d.e~1": true,
		"/": false, "a": false, "/a/": false, "//a": false, "/a/../b": false, "/a b": false, "/a%20": false, "/ü": false,
	} {
		if Valid(base) != want {
			t.Errorf("Valid(%q) = %t", base, !want)
		}
	}
}
