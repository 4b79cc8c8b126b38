package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// value is a setting's value: flag.Value.
type value interface {
	String() string
	Set(string) error
}

// List is a list of strings: comma-separated, and adding up when repeated.
type List []string

func (l *List) String() string { return strings.Join(*l, ",") }

// Set adds the parts of s.
func (l *List) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			*l = append(*l, part)
		}
	}
	return nil
}

// Lines is a list of texts that may hold commas: semicolons or line ends
// separate them, and they add up when repeated.
type Lines []string

func (l *Lines) String() string { return strings.Join(*l, "; ") }

// Set adds the parts of s.
func (l *Lines) Set(s string) error {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ';' || r == '\n' }) {
		if part = strings.TrimSpace(part); part != "" {
			*l = append(*l, part)
		}
	}
	return nil
}

// Size is a number of bytes; it may be written with a unit: 64KiB, 1MiB, 2GB.
type Size int64

func (n *Size) String() string { return strconv.FormatInt(int64(*n), 10) }

// Set parses a size.
func (n *Size) Set(s string) error {
	v, err := ParseSize(s)
	*n = Size(v)
	return err
}

// ParseSize reads a number of bytes with an optional unit: B, kB, MB, GB, TB
// (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024).
func ParseSize(s string) (int64, error) {
	t := strings.TrimSpace(s)
	digits := len(t)
	for i, c := range t {
		if (c < '0' || c > '9') && !(i == 0 && c == '-') {
			digits = i
			break
		}
	}
	v, err := strconv.ParseInt(t[:digits], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of bytes", s)
	}
	units := map[string]int64{
		"": 1, "b": 1,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
	unit, ok := units[strings.ToLower(strings.TrimSpace(t[digits:]))]
	if !ok {
		return 0, fmt.Errorf("%q: unknown unit %q", s, t[digits:])
	}
	if v != 0 && v*unit/unit != v {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return v * unit, nil
}

type textValue struct{ p *string }

func text(p *string) value             { return textValue{p} }
func (v textValue) Set(s string) error { *v.p = s; return nil }
func (v textValue) String() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

// storeURL is a text whose secrets are not shown.
type storeURL struct{ textValue }

func location(p *string) value    { return storeURL{textValue{p}} }
func (v storeURL) String() string { return Redact(v.textValue.String()) }

// namedText is a text that is no secret, but is kept where its secret is: it may
// come from a file or be a reference, too.
type namedText struct{ textValue }

func named(p *string) value { return namedText{textValue{p}} }

type boolValue struct{ p *bool }

func boolean(p *bool) value          { return boolValue{p} }
func (v boolValue) IsBoolFlag() bool { return true }
func (v boolValue) Set(s string) (err error) {
	*v.p, err = strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", s)
	}
	return nil
}

func (v boolValue) String() string {
	if v.p == nil {
		return ""
	}
	return strconv.FormatBool(*v.p)
}

type intValue struct{ p *int }

func integer(p *int) value { return intValue{p} }
func (v intValue) Set(s string) (err error) {
	*v.p, err = strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", s)
	}
	return nil
}

func (v intValue) String() string {
	if v.p == nil {
		return ""
	}
	return strconv.Itoa(*v.p)
}

// Duration is a length of time; besides Go's units it may have d, for days.
type Duration time.Duration

func (d *Duration) String() string { return time.Duration(*d).String() }

// Set parses a duration, which must not be negative.
func (d *Duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if v, err = time.ParseDuration(days + "h"); err == nil && v > math.MaxInt64/24 {
			err = strconv.ErrRange
		}
		v *= 24
	}
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 24h or 30d", s)
	}
	*d = Duration(v)
	return nil
}

type durationValue struct{ p *time.Duration }

func duration(p *time.Duration) value      { return durationValue{p} }
func (v durationValue) Set(s string) error { return (*Duration)(v.p).Set(s) }

func (v durationValue) String() string {
	if v.p == nil {
		return ""
	}
	return v.p.String()
}
