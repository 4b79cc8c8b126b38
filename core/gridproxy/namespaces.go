package gridproxy

import (
	"errors"
	"regexp"
	"strings"
)

// namespaces is one EUGridPMA namespaces file. One that does not parse permits
// nothing.
type namespaces struct {
	rules []namespaceRule
	bad   bool
}

// namespaceRule is one statement: TO Issuer "…" PERMIT|DENY Subject "…".
type namespaceRule struct {
	issuer  string // slash form with aliases resolved; "SELF": the CA whose file it is
	deny    bool
	subject *regexp.Regexp
}

var errNamespaces = errors.New("malformed namespaces file")

// maxRules bounds the statements of a file.
const maxRules = 1000

// parseNamespaces reads version 1.0. Expressions are those of package regexp,
// whose time is linear, and match case and the whole subject.
func parseNamespaces(text string) (namespaces, error) {
	words, err := namespaceWords(text)
	if err != nil {
		return namespaces{bad: true}, err
	}
	var n namespaces
	for len(words) > 0 {
		rule, ok := namespaceStatement(words)
		if !ok || len(n.rules) == maxRules {
			return namespaces{bad: true}, errNamespaces
		}
		n.rules = append(n.rules, rule)
		words = words[6:]
		if len(words) > 0 && words[0] == endOfLine {
			words = words[1:]
		} else if len(words) > 0 {
			return namespaces{bad: true}, errNamespaces
		}
	}
	return n, nil
}

func namespaceStatement(w []namespaceWord) (r namespaceRule, ok bool) {
	if len(w) < 6 || !w[0].is("TO") || !w[1].is("Issuer") || w[2] == endOfLine || !w[4].is("Subject") || !w[5].quoted {
		return r, false
	}
	switch {
	case w[3].is("DENY"):
		r.deny = true
	case !w[3].is("PERMIT"):
		return r, false
	}
	r.issuer = resolveAliases(w[2].text)
	if strings.EqualFold(r.issuer, self) {
		r.issuer = self
	} else if !w[2].quoted {
		return r, false
	}
	var err error
	r.subject, err = regexp.Compile(`(?s)^(?:` + resolveAliases(w[5].text) + `)$`)
	return r, err == nil && len(w[5].text) <= maxPattern
}

const self = "SELF"

// namespaceWord is a bare or quoted word, or the end of a line.
type namespaceWord struct {
	text   string
	quoted bool
}

var endOfLine = namespaceWord{text: "\n"}

func (w namespaceWord) is(keyword string) bool {
	return !w.quoted && strings.EqualFold(w.text, keyword)
}

// namespaceWords splits a file into words; a line end is one, unless the line
// is empty or continued.
func namespaceWords(text string) ([]namespaceWord, error) {
	var words []namespaceWord
	for len(text) > 0 {
		switch c := text[0]; {
		case c == ' ' || c == '\t' || c == '\r':
			text = text[1:]
		case c == '\\':
			rest := strings.TrimLeft(text[1:], " \t\r")
			if rest != "" && rest[0] != '\n' {
				return nil, errNamespaces
			}
			text = strings.TrimPrefix(rest, "\n")
		case c == '\n':
			if len(words) > 0 && words[len(words)-1] != endOfLine {
				words = append(words, endOfLine)
			}
			text = text[1:]
		case c == '#':
			text = afterComment(text)
		case c == '"':
			inner, rest, closed := strings.Cut(text[1:], `"`)
			if !closed || strings.Contains(inner, "\n") {
				return nil, errNamespaces
			}
			words = append(words, namespaceWord{inner, true})
			text = rest
		default:
			end := strings.IndexAny(text, " \t\r\n\"\\#")
			if end < 0 {
				end = len(text)
			}
			words = append(words, namespaceWord{text[:end], false})
			text = text[end:]
		}
	}
	return words, nil
}

// afterComment returns the text from the end of the first line on.
func afterComment(text string) string {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return text[i:]
	}
	return ""
}

// permits tells whether the rules for the issuer permit the subject. A DENY
// that matches wins over every PERMIT.
func (n namespaces) permits(ca, subject string) bool {
	permitted := false
	for _, r := range n.rules {
		if r.issuer != ca && r.issuer != self || !r.subject.MatchString(subject) {
			continue
		}
		if r.deny {
			return false
		}
		permitted = true
	}
	return permitted && !n.bad
}
