package bundle

import "strings"

// Compare orders versions as Debian does, less than 0 when a is older than b: runs of
// digits count as numbers, letters come before other signs, and ~ before all,
// even the end. A leading v, as tags have it, does not count.
func Compare(a, b string) int {
	a, b = strings.TrimPrefix(a, "v"), strings.TrimPrefix(b, "v")
	for a != "" || b != "" {
		var x, y string
		x, a = split(a, false)
		y, b = split(b, false)
		if c := compareText(x, y); c != 0 {
			return c
		}
		x, a = split(a, true)
		y, b = split(b, true)
		if c := compareNumber(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// split cuts the leading run of digits, or of others, off.
func split(s string, digits bool) (head, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) == digits {
		i++
	}
	return s[:i], s[i:]
}

func weight(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] == '~':
		return -1
	case s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z':
		return int(s[i])
	}
	return int(s[i]) + 256
}

func compareText(a, b string) int {
	for i := 0; i < len(a) || i < len(b); i++ {
		if d := weight(a, i) - weight(b, i); d != 0 {
			return d
		}
	}
	return 0
}

func compareNumber(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
