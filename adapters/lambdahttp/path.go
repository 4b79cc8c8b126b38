package lambdahttp

import "strings"

const upperHex = "0123456789ABCDEF"

// encode gives a decoded path the encoding that S3's clients sign: every byte
// but the unreserved ones and the slash as %XY.
func encode(path string) string {
	return escape(path, func(c byte) bool { return c == '/' || unreserved(c) })
}

// repair encodes, in a path as it was sent, what cannot have been sent so. A
// question mark would end the path.
func repair(path string) string {
	return escape(path, func(c byte) bool { return c > ' ' && c < 0x7f && c != '?' && c != '#' })
}

func escape(path string, keep func(byte) bool) string {
	n := 0
	for i := range len(path) {
		if !keep(path[i]) {
			n++
		}
	}
	if n == 0 && strings.HasPrefix(path, "/") {
		return path
	}
	b := make([]byte, 0, len(path)+2*n+1)
	if !strings.HasPrefix(path, "/") {
		b = append(b, '/')
	}
	for i := range len(path) {
		if c := path[i]; keep(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
