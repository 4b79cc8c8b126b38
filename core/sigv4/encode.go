package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// S3 encodes what it decoded: every byte but the unreserved ones of RFC 3986
// as %XY, once, with the slashes of the path left alone and nothing
// normalised. A request may be sent in another encoding than it was signed in.

const upperHex = "0123456789ABCDEF"

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// appendPath appends the canonical form of a path as it was sent. A %2F stays
// one: it is not a slash between segments.
func appendPath(b []byte, raw string) []byte {
	if raw == "" {
		return append(b, '/')
	}
	for i := 0; i < len(raw); {
		if raw[i] == '/' {
			b = append(b, '/')
			i++
			continue
		}
		c, n := decodeByte(raw[i:])
		b = appendByte(b, c)
		i += n
	}
	return b
}

// appendParameter appends the canonical form of a name or value of the query
// as it was sent. A plus is a space, as in forms.
func appendParameter(b []byte, raw string) []byte {
	for i := 0; i < len(raw); {
		if raw[i] == '+' {
			b = append(b, "%20"...)
			i++
			continue
		}
		c, n := decodeByte(raw[i:])
		b = appendByte(b, c)
		i += n
	}
	return b
}

// appendDecoded appends the meaning of a name or value of the query.
func appendDecoded(b []byte, raw string) []byte {
	for i := 0; i < len(raw); {
		if raw[i] == '+' {
			b = append(b, ' ')
			i++
			continue
		}
		c, n := decodeByte(raw[i:])
		b = append(b, c)
		i += n
	}
	return b
}

func appendByte(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// decodeByte gives the first byte that s stands for and how much of s it took.
// A percent sign that begins no escape stands for itself.
func decodeByte(s string) (byte, int) {
	if s[0] == '%' && len(s) >= 3 {
		hi, ok1 := fromHex(s[1])
		lo, ok2 := fromHex(s[2])
		if ok1 && ok2 {
			return hi<<4 | lo, 3
		}
	}
	return s[0], 1
}

func fromHex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// pair is the place of a parameter in scratch.query: name, value, end.
type pair struct{ name, value, end int }

// appendQuery appends the canonical query: the parameters but X-Amz-Signature,
// encoded and sorted by name and value.
func (s *scratch) appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return b
	}
	s.query, s.pairs = s.query[:0], s.pairs[:0]
	for parameter := range strings.SplitSeq(raw, "&") {
		if parameter == "" {
			continue
		}
		name, value, _ := strings.Cut(parameter, "=")
		p := pair{name: len(s.query)}
		s.query = appendParameter(s.query, name)
		p.value = len(s.query)
		if string(s.query[p.name:]) == "X-Amz-Signature" {
			s.query = s.query[:p.name]
			continue
		}
		s.query = appendParameter(s.query, value)
		p.end = len(s.query)
		s.pairs = append(s.pairs, p)
	}
	slices.SortFunc(s.pairs, func(x, y pair) int {
		if c := bytes.Compare(s.query[x.name:x.value], s.query[y.name:y.value]); c != 0 {
			return c
		}
		return bytes.Compare(s.query[x.value:x.end], s.query[y.value:y.end])
	})
	for i, p := range s.pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, s.query[p.name:p.value]...)
		b = append(b, '=')
		b = append(b, s.query[p.value:p.end]...)
	}
	return b
}
