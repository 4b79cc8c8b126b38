package access

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/catalog"
)

// Policies of hostile patterns are judged at all: some took minutes, which the test
// does not end in. See TestPatternsAreShort for what one costs.
func TestHostilePatterns(t *testing.T) {
	doc := func(resource string) []byte {
		return fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::%s"]}]}`, resource)
	}
	b := &catalog.Bucket{Name: strings.Repeat("a", 63), Owner: "o"}
	for name, resource := range map[string]string{
		"variables":         "*" + strings.Repeat("${}", 6000),
		"stars":             strings.Repeat("${}*", 5000),
		"empty defaults":    "*" + strings.Repeat("${a,}", 4000) + "b",
		"empty defaults, *": "*" + strings.Repeat("${a,}", 4000) + "b*",
		"question marks":    strings.Repeat("?", 20000),
		"many stars":        strings.Repeat("*a", 9000),
		"variables of text": "*" + strings.Repeat("${aws:referer}", 1300) + "b",
		"late mismatches":   strings.Repeat("*"+strings.Repeat("?", 500)+`b","arn:aws:s3:::`, 36) + "a",
		"later mismatches":  strings.Repeat("*"+strings.Repeat("?", 500)+`b*","arn:aws:s3:::`, 36) + "a",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParsePolicy(doc(resource), b.Name); err != nil {
				t.Logf("refused: %v", err)
			}
			b.Policy = string(doc(resource))
			s := Site{Policies: NewPolicyCache(4)}
			for range 10 {
				s.Decide(Request{Action: "s3:GetObject", Bucket: b, Key: strings.Repeat("a", 1024), Context: map[string][]string{"aws:referer": {"a"}}})
			}
		})
	}
}

// What is left to be tried again for every length of a '*' is little.
func TestPatternsAreShort(t *testing.T) {
	e := &env{q: &Request{Context: map[string][]string{"k": {"a"}}}}
	for text, want := range map[string][]partKind{
		"*" + strings.Repeat("?", 3) + "b":           {partOne, partOne, partOne, partAny, partText},
		"*" + strings.Repeat("${a,}", 4000) + "b":    {partAny, partText},
		"*" + strings.Repeat("${k}", 500) + "b*":     {partAny, partText, partAny},
		"*" + strings.Repeat("${k}x${a,}", 90) + "?": {partAny, partText, partOne},
	} {
		p := compilePattern(text, true, true)
		parts := p.parts
		if p.vars {
			var ok bool
			if parts, ok = p.substitute(e, 1024); !ok {
				t.Errorf("%.20s: no parts", text)
			}
		}
		var got []partKind
		for _, q := range parts {
			got = append(got, q.kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.20s: %v, want %v", text, got, want)
		}
	}
	if p := compilePattern(strings.Repeat("${k}", 2000), true, true); p.match(strings.Repeat("a", 1024), e, false) {
		t.Error("a text fits that is too short")
	}
}

// Moving a '?' before a '*' changes nothing of what fits.
func TestWildcardsAsRegexp(t *testing.T) {
	const letters = "ab*?*?é"
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(from string, n int) string {
		runes, out := []rune(from), make([]rune, rng.IntN(n))
		for i := range out {
			out[i] = runes[rng.IntN(len(runes))]
		}
		return string(out)
	}
	fits := 0
	for range 20000 {
		text, s := random(letters, 8), random("abé", 8)
		want := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".").Replace(text) + "$").MatchString(s)
		p := compilePattern(text, true, true)
		if got := p.match(s, nil, false); got != want {
			t.Fatalf("%q matches %q: %v", text, s, got)
		}
		if want {
			fits++
		}
	}
	if fits < 1000 {
		t.Errorf("only %d fitted", fits)
	}
}

// A policy that takes much memory is not kept.
func TestHeavyPolicyIsNotKept(t *testing.T) {
	c := NewPolicyCache(8)
	for _, resource := range []string{"a*", strings.Repeat("*a", 5000)} {
		if _, err := c.bucket(fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s"}]}`, resource)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.kept) != 1 {
		t.Errorf("%d policies are kept", len(c.kept))
	}
}
