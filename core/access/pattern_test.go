package access

import (
	"strings"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"pgregory.net/rapid"
)

func TestPatternMatch(t *testing.T) {
	e := &env{q: &Request{
		Principal: &catalog.Principal{Account: &catalog.Account{ID: "id1", Name: "al*ce"}},
		Bucket:    &catalog.Bucket{Name: "b"},
	}}
	for _, tc := range []struct {
		pattern, s string
		vars, fold bool
		want       bool
	}{
		{"", "", true, false, true},
		{"", "a", true, false, false},
		{"*", "", true, false, true},
		{"*", "a/b", true, false, true},
		{"a*", "a", true, false, true},
		{"a*", "b", true, false, false},
		{"a**b", "axxb", true, false, true},
		{"*.txt", "a/b.txt", true, false, true},
		{"*a*b*", "xxaxxbxx", true, false, true},
		{"*a*b", "ab", true, false, true},
		{"*ab", "aab", true, false, true},
		{"*aab", "aaab", true, false, true},
		{"a?c", "abc", true, false, true},
		{"a?c", "aéc", true, false, true},
		{"a?c", "ac", true, false, false},
		{"???", "ab", true, false, false},
		{"s3:get*", "s3:GetObject", false, true, true},
		{"s3:get*", "s3:GetObject", false, false, false},
		{"s3:*ACL", "s3:PutBucketAcl", false, true, true},
		{"home/${aws:username}/*", "home/al*ce/x", true, false, true},
		{"home/${aws:username}/*", "home/alxce/x", true, false, false}, // the name's * is no wildcard
		{"home/${AWS:UserName}/*", "home/al*ce/x", true, false, true},
		{"home/${aws:username}/*", "home/al*ce/x", false, false, false},
		{"home/${aws:username}/*", "home/${aws:username}/x", false, false, true},
		{"${s3:prefix}x", "x", true, false, false}, // no such value
		{"${s3:prefix, 'def'}x", "defx", true, false, true},
		{"a${*}b", "a*b", true, false, true},
		{"a${*}b", "axb", true, false, false},
		{"a${?}b${$}", "a?b$", true, false, true},
		{"a${b", "a${b", true, false, true},
	} {
		p := compilePattern(tc.pattern, true, tc.vars)
		if got := p.match(tc.s, e, tc.fold); got != tc.want {
			t.Errorf("%q on %q (vars %v, fold %v): got %v", tc.pattern, tc.s, tc.vars, tc.fold, got)
		}
	}
}

// naive is the definition of wildcards, without any cleverness.
func naive(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return naive(pattern[1:], s) || s != "" && naive(pattern, s[1:])
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && naive(pattern[1:], s[1:])
}

func TestPatternAgainstDefinition(t *testing.T) {
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("ab/*?")), 0, 7, -1)
	subject := rapid.StringOfN(rapid.SampledFrom([]rune("ab/")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		text, s := letters.Draw(t, "pattern"), subject.Draw(t, "s")
		p := compilePattern(text, true, true)
		want := naive(text, s)
		if got := p.match(s, nil, false); got != want {
			t.Fatalf("%q on %q: got %v", text, s, got)
		}
		if got := p.reachesAll(s); got != want {
			t.Fatalf("%q reaches all of %q: got %v", text, s, got)
		}
		cut := rapid.IntRange(0, len(s)).Draw(t, "cut")
		if want && !p.reaches(s[:cut], cut < len(s)) {
			t.Fatalf("%q fits %q but does not reach %q", text, s, s[:cut])
		}
	})
}

func TestPatternReaches(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		longer  bool
		want    bool
	}{
		{"bucket/*", true, true},
		{"bucket/key", true, true},
		{"bucket/", true, false},
		{"bucket/", false, true},
		{"bucket", true, false},
		{"buck*", true, true},
		{"*", true, true},
		{"*/*", true, true},
		{"bucket?x", true, true},
		{"other/*", true, false},
		{"/bucket/*", true, false},
		{"buck${aws:username}", true, true},
	} {
		p := compilePattern(tc.pattern, true, true)
		if got := p.reaches("bucket/", tc.longer); got != tc.want {
			t.Errorf("%q: got %v", tc.pattern, got)
		}
	}
}

// A pattern made to be slow must not be.
func TestPatternHostile(t *testing.T) {
	p := compilePattern(strings.Repeat("*a", 2000), true, true)
	if p.match(strings.Repeat("a", 1023)+"b", nil, false) {
		t.Error("matched")
	}
}
