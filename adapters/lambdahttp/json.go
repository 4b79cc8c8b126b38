package lambdahttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"
)

// Events and answers are JSON of a few known forms, with a large string inside.
// They are read in one pass that leaves the body where it is, and written without
// a detour; encoding/json looks at every byte several times. What the platform
// sends is JSON: of a member that is of no interest only the end is looked for.

var errEvent = errors.New("the event is no JSON of a known form")

// reader goes through a JSON text.
type reader struct {
	b []byte
	i int
}

// peek gives the byte that the next token begins with, 0 at the end.
func (p *reader) peek() byte {
	for p.i < len(p.b) {
		switch c := p.b[p.i]; c {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return c
		}
	}
	return 0
}

// take goes over a byte, if it comes next.
func (p *reader) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.i++
	return true
}

// null goes over null, if it comes next.
func (p *reader) null() bool { return p.peek() == 'n' && p.literal("null") }

func (p *reader) literal(s string) bool {
	if !bytes.HasPrefix(p.b[p.i:], []byte(s)) {
		return false
	}
	p.i += len(s)
	return true
}

// quoted goes over a string and gives what is between its quotes.
func (p *reader) quoted() ([]byte, error) {
	if !p.take('"') {
		return nil, errEvent
	}
	start := p.i
	for {
		n := bytes.IndexByte(p.b[p.i:], '"')
		if n < 0 {
			return nil, errEvent
		}
		p.i += n + 1
		slashes := 0
		for at := p.i - 2; at >= start && p.b[at] == '\\'; at-- {
			slashes++
		}
		if slashes%2 == 0 {
			return p.b[start : p.i-1], nil
		}
	}
}

// text gives a string; null is an empty one.
func (p *reader) text() (string, error) {
	if p.null() {
		return "", nil
	}
	raw, err := p.quoted()
	if err != nil {
		return "", err
	}
	return unquote(raw)
}

// unquote gives the string that is written as raw between quotes.
func unquote(raw []byte) (s string, err error) {
	for _, c := range raw {
		if c < ' ' || c == '\\' || c >= utf8.RuneSelf {
			all := make([]byte, 0, len(raw)+2)
			err = json.Unmarshal(append(append(append(all, '"'), raw...), '"'), &s)
			return s, err
		}
	}
	return string(raw), nil
}

// flag gives a truth value; null is false.
func (p *reader) flag() (bool, error) {
	switch p.peek(); {
	case p.literal("true"):
		return true, nil
	case p.literal("false"), p.literal("null"):
		return false, nil
	}
	return false, errEvent
}

// object calls f for each member of an object, before its value, which f has to
// go over. It tells whether there was an object and not null.
func (p *reader) object(f func(name []byte) error) (bool, error) {
	if p.null() {
		return false, nil
	}
	if !p.take('{') {
		return false, errEvent
	}
	if p.take('}') {
		return true, nil
	}
	for {
		name, err := p.quoted()
		if err != nil {
			return false, err
		}
		if !p.take(':') {
			return false, errEvent
		}
		if err := f(name); err != nil {
			return false, err
		}
		if p.take('}') {
			return true, nil
		}
		if !p.take(',') {
			return false, errEvent
		}
	}
}

// texts gives an array of strings.
func (p *reader) texts() ([]string, error) {
	if p.null() {
		return nil, nil
	}
	if !p.take('[') {
		return nil, errEvent
	}
	var all []string
	if p.take(']') {
		return all, nil
	}
	for {
		s, err := p.text()
		if err != nil {
			return nil, err
		}
		all = append(all, s)
		if p.take(']') {
			return all, nil
		}
		if !p.take(',') {
			return nil, errEvent
		}
	}
}

// skip goes over any value, and gives it as it is written.
func (p *reader) skip() ([]byte, error) {
	depth := 0
	p.peek()
	start := p.i
	for {
		switch p.peek() {
		case 0:
			return nil, errEvent
		case '"':
			if _, err := p.quoted(); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
			p.i++
		case '}', ']':
			if depth--; depth < 0 {
				return nil, errEvent
			}
			p.i++
		case ',', ':':
			if depth == 0 {
				return nil, errEvent
			}
			p.i++
		default: // a number or a name
			from := p.i
			for p.i < len(p.b) && p.b[p.i] > ' ' && bytes.IndexByte([]byte(`,:]}"[{`), p.b[p.i]) < 0 {
				p.i++
			}
			if p.i == from { // a control character, which would hold it here for ever
				return nil, errEvent
			}
		}
		if depth == 0 {
			return p.b[start:p.i], nil
		}
	}
}

// headers reads the headers of an event: a value each, or several.
func (p *reader) headers(several bool) (http.Header, error) {
	h := make(http.Header, 24)
	is, err := p.object(func(raw []byte) error {
		name, err := unquote(raw)
		if err != nil {
			return err
		}
		var values []string
		if several {
			values, err = p.texts()
		} else {
			var value string
			value, err = p.text()
			values = []string{value}
		}
		h[http.CanonicalHeaderKey(name)] = values
		return err
	})
	if !is {
		h = nil
	}
	return h, err
}

// parameter is one of a query, as it is written there.
type parameter struct{ name, value string }

// parameters reads a query: a value each, or several.
func (p *reader) parameters(several bool) (all []parameter, err error) {
	is, err := p.object(func(raw []byte) error {
		name, err := unquote(raw)
		if err != nil {
			return err
		}
		if !several {
			value, err := p.text()
			all = append(all, parameter{name, value})
			return err
		}
		values, err := p.texts()
		for _, value := range values {
			all = append(all, parameter{name, value})
		}
		return err
	})
	if is && all == nil {
		all = []parameter{}
	}
	return all, err
}

const lowerHex = "0123456789abcdef"

// appendQuoted appends a JSON string. What is not UTF-8 is replaced.
func appendQuoted[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
