package gridproxy

import (
	"errors"
	"fmt"
	"strings"
)

// signingPolicy is one signing_policy file: which subjects a CA may sign. A
// file that does not parse permits nothing.
type signingPolicy struct {
	groups []policyGroup
	bad    bool
}

// policyGroup is one access_id_CA with the patterns of its cond_subjects.
type policyGroup struct {
	ca       string // slash form, with aliases resolved
	patterns []string
}

// maxPattern bounds the work that one pattern can make, in bytes.
const maxPattern = 1024

var errPolicy = errors.New("malformed signing policy")

// parseSigningPolicy reads the groups of three lines of a Globus EACL.
func parseSigningPolicy(text string) (signingPolicy, error) {
	var p signingPolicy
	var group policyGroup
	stage := 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, authority, value := policyFields(line)
		ok := false
		switch stage {
		case 0:
			group = policyGroup{}
			group.ca, ok = unquote(value)
			group.ca = resolveAliases(group.ca)
			ok = ok && word == "access_id_CA" && authority == "X509"
		case 1:
			ok = word == "pos_rights" && authority == "globus" && value == "CA:sign"
		case 2:
			group.patterns, ok = policyPatterns(value)
			ok = ok && word == "cond_subjects" && authority == "globus"
		}
		if !ok {
			return signingPolicy{bad: true}, fmt.Errorf("line %d: %w", i+1, errPolicy)
		}
		if stage = (stage + 1) % 3; stage == 0 {
			p.groups = append(p.groups, group)
		}
	}
	if stage != 0 {
		return signingPolicy{bad: true}, fmt.Errorf("a group is not complete: %w", errPolicy)
	}
	return p, nil
}

// policyFields splits a line into its two words and the rest.
func policyFields(line string) (word, authority, value string) {
	word, rest := cutBlank(line)
	authority, value = cutBlank(rest)
	return word, authority, value
}

func cutBlank(s string) (head, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// unquote takes off one pair of quotes, single or double.
func unquote(s string) (string, bool) {
	if len(s) < 3 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		return "", false
	}
	inner := s[1 : len(s)-1]
	return inner, strings.IndexByte(inner, s[0]) < 0
}

// policyPatterns reads '"a" "b"'. One pattern alone may lack the inner quotes.
func policyPatterns(value string) (patterns []string, ok bool) {
	inner, ok := unquote(value)
	if !ok {
		return nil, false
	}
	if !strings.Contains(inner, `"`) {
		inner = `"` + inner + `"`
	}
	for rest := strings.TrimSpace(inner); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] != '"' {
			return nil, false
		}
		pattern, after, closed := strings.Cut(rest[1:], `"`)
		if !closed || pattern == "" || len(pattern) > maxPattern {
			return nil, false
		}
		patterns, rest = append(patterns, resolveAliases(pattern)), after
	}
	return patterns, len(patterns) > 0
}

// permits tells whether a group of the CA's has a pattern for the subject, and
// whether there is a group of the CA's at all. Both names are in slash form.
func (p signingPolicy) permits(ca, subject string) (permitted, about bool) {
	for _, g := range p.groups {
		if g.ca != ca {
			continue
		}
		about = true
		for _, pattern := range g.patterns {
			if glob(pattern, subject) {
				return true, true
			}
		}
	}
	return false, about
}

// resolveAliases spells the attribute types of a slash form as [Name.Slash]
// does: policy files of different ages say Email, E, emailAddress; USERID, UID.
func resolveAliases(slash string) string {
	return aliases.Replace(slash)
}

var aliases = strings.NewReplacer("/Email=", "/emailAddress=", "/E=", "/emailAddress=", "/EMAILADDRESS=", "/emailAddress=",
	"/emailaddress=", "/emailAddress=", "/USERID=", "/UID=", "/userId=", "/UID=", "/S=", "/ST=")
