package access

import (
	"strings"
	"unicode/utf8"
)

// A pattern is a string of the policy language: '*' stands for any characters,
// '?' for one, and, in documents of version 2012-10-17, ${name} for a policy
// variable. What a variable stands for is taken literally.
//
// It is kept as a list of parts; the common shapes "*", "text" and "text*" are
// matched without looking at the list.
type pattern struct {
	parts  []part
	shape  shape
	prefix string // of shapes literal and leading
	vars   bool   // some part is a variable
	ones   int    // parts that are '?'
}

type shape uint8

const (
	general shape = iota
	literal       // prefix is all of it
	leading       // prefix, then anything
)

// part is one element of a pattern.
type part struct {
	kind partKind
	text string // literal text, or the variable's name in lower case
	def  string // the variable's default
	has  bool   // the variable has a default
}

type partKind uint8

const (
	partText partKind = iota
	partAny           // '*'
	partOne           // '?'
	partVar
)

// compilePattern reads a pattern. Without wild, '*' and '?' are ordinary text,
// and without vars ${…} is; so is a "${" that nothing closes.
func compilePattern(s string, wild, vars bool) pattern {
	var p pattern
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			p.parts = append(p.parts, part{kind: partText, text: text.String()})
			text.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*' && wild:
			flush()
			if n := len(p.parts); n == 0 || p.parts[n-1].kind != partAny {
				p.parts = append(p.parts, part{kind: partAny})
			}
		case c == '?' && wild:
			flush()
			p.addOne()
		case c == '$' && vars && strings.HasPrefix(s[i:], "${") && strings.IndexByte(s[i:], '}') > 0:
			end := i + strings.IndexByte(s[i:], '}')
			if v := variable(s[i+2 : end]); v.kind == partText {
				text.WriteString(v.text)
			} else {
				flush()
				p.parts = append(p.parts, v)
				p.vars = true
			}
			i = end
		default:
			text.WriteByte(c)
		}
	}
	flush()
	p.classify()
	return p
}

// addOne adds a '?'. Before a '*' it stands for the same as behind it, and is not
// tried again for every length of what the '*' stands for.
func (p *pattern) addOne() {
	n := len(p.parts)
	p.parts = append(p.parts, part{kind: partOne})
	p.ones++
	if n > 0 && p.parts[n-1].kind == partAny {
		p.parts[n-1], p.parts[n] = p.parts[n], p.parts[n-1]
	}
}

// variable reads what stands between ${ and }: ${*}, ${?} and ${$} are those
// characters themselves; "name, 'default'" gives a default.
func variable(s string) part {
	switch s {
	case "*", "?", "$":
		return part{kind: partText, text: s}
	}
	name, def, has := strings.Cut(s, ",")
	v := part{kind: partVar, text: conditionKey(strings.TrimSpace(name)), has: has}
	v.def = strings.Trim(strings.TrimSpace(def), "'")
	return v
}

func (p *pattern) classify() {
	switch {
	case len(p.parts) == 0:
		p.shape = literal
	case len(p.parts) == 1 && p.parts[0].kind == partText:
		p.shape, p.prefix = literal, p.parts[0].text
	case len(p.parts) == 1 && p.parts[0].kind == partAny:
		p.shape = leading
	case len(p.parts) == 2 && p.parts[0].kind == partText && p.parts[1].kind == partAny:
		p.shape, p.prefix = leading, p.parts[0].text
	}
}

// fixed tells whether the pattern stands for exactly one string.
func (p *pattern) fixed() bool { return p.shape == literal && !p.vars }

// match tells whether the whole of s fits. Variables are looked up in e; one
// without a single value fits nothing.
func (p *pattern) match(s string, e *env, fold bool) bool {
	switch p.shape {
	case literal:
		return equal(p.prefix, s, fold)
	case leading:
		return len(s) >= len(p.prefix) && equal(p.prefix, s[:len(p.prefix)], fold)
	}
	parts := p.parts
	if p.vars {
		var ok bool
		if parts, ok = p.substitute(e, len(s)); !ok {
			return false
		}
	}
	return matchParts(parts, s, fold)
}

// substitute gives the parts with every variable replaced by its value, for a text
// of at most longest bytes: no parts when they need a longer one, or a variable
// stands for nothing known. Texts beside one another become one, and none is empty,
// so that matchParts has few parts to try however many variables there are.
func (p *pattern) substitute(e *env, longest int) ([]part, bool) {
	out := make([]part, 0, len(p.parts))
	text := make([]byte, 0, 64)
	flush := func() {
		if len(text) > 0 {
			out, text = append(out, part{kind: partText, text: string(text)}), text[:0]
		}
	}
	for i := range p.parts {
		q := &p.parts[i]
		v := q.text
		switch q.kind {
		case partVar:
			var ok bool
			if v, ok = e.single(q.text); !ok {
				if !q.has {
					return nil, false
				}
				v = q.def
			}
		case partText:
		default:
			flush()
			out = append(out, *q)
			continue
		}
		if longest -= len(v); longest < 0 {
			return nil, false
		}
		text = append(text, v...)
	}
	flush()
	return out, true
}

// matchParts is greedy with one point of return, the last '*': time is at most
// the length of s by the number of parts between two '*', of which none is empty.
func matchParts(parts []part, s string, fold bool) bool {
	i, back, from := 0, -1, 0
	for pos := 0; ; {
		if i == len(parts) && pos == len(s) {
			return true
		}
		if i < len(parts) {
			if parts[i].kind == partAny {
				back, from = i, pos
				i++
				continue
			}
			if n, ok := parts[i].take(s[pos:], fold); ok {
				i, pos = i+1, pos+n
				continue
			}
		}
		if back < 0 || from >= len(s) {
			return false
		}
		from++
		i, pos = back+1, from
	}
}

// take tells how many bytes of s the part, which is text or '?', takes.
func (p *part) take(s string, fold bool) (int, bool) {
	if p.kind == partOne {
		_, n := utf8.DecodeRuneInString(s)
		return n, n > 0
	}
	n := len(p.text)
	return n, len(s) >= n && equal(p.text, s[:n], fold)
}

func equal(a, b string, fold bool) bool {
	return a == b || fold && strings.EqualFold(a, b)
}
