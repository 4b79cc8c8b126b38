package gridproxy

import "testing"

func TestNormalizeFQAN(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"/vo", "/vo"},
		{"/vo/Role=NULL", "/vo"},
		{"/vo/Role=NULL/Capability=NULL", "/vo"},
		{"/vo/Capability=NULL", "/vo"},
		{"/vo/a/b/Role=r/Capability=NULL", "/vo/a/b/Role=r"},
		{"/vo/a/Role=NULL/Capability=c", "/vo/a/Capability=c"},
		{"/vo/a/Role=r/Capability=c", "/vo/a/Role=r/Capability=c"},
		{"/vo/Role=null", "/vo/Role=null"}, // another role
		{"", ""}, {"vo", ""}, {"/", ""}, {"/vo/", ""}, {"/vo//a", ""}, {"//vo", ""},
		{"/vox", ""}, {"/VO", ""}, {"/vo/Role=", ""}, {"/vo/Role", "/vo/Role"},
		{"/vo/Role=a/b", ""}, {"/vo/Role=a/Role=b", ""}, {"/vo/Capability=a/Role=b", ""}, {"/vo/Capability=a/Capability=b", ""},
		{"/vo/x=y", ""}, {"/vo/role=a", ""},
		{"/vo/..", ""}, {"/vo/./a", ""}, {"/vo/a b", ""}, {"/vo/a\n", ""}, {"/vo/\x00", ""}, {"/vo/\xff", ""}, {"/vo/é", ""},
	} {
		got, err := normalizeFQAN(c.in, "vo")
		if err != nil {
			got = ""
		}
		if got != c.out {
			t.Errorf("%q: got %q, %v, want %q", c.in, got, err, c.out)
		}
	}
}
