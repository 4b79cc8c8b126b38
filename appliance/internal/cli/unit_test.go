package cli

import (
	"strings"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, prefix string
		below           bool
		yes, no         string // keys, separated by blanks
	}{
		{"a/*.root", "a/", false, "a/x.root a/.root", "a/b/x.root a/x.rootx b/x.root"},
		{"a/**.root", "a/", false, "a/x.root a/b/x.root", "a/x.txt"},
		{"run?", "run", false, "run1 runä", "run run12 run/"},
		{"a/b*", "a/b", true, "a/b a/bc a/bc/d", "a/c"},
		{`star\*`, "star*", false, "", ""},
		{`q\?*`, "q?", false, "q? q?x", "qx"},
		{"a.b*", "a.b", false, "a.b a.bc", "axb"},
		{"ü*", "ü", false, "ü übe", "u"},
		{"new\nline*", "new\nline", false, "new\nline1", ""},
		{"plain[1](2)", "plain[1](2)", false, "", ""},
	} {
		l := &location{remote: true, key: c.pattern}
		if err := l.glob(c.below); err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if l.key != c.prefix {
			t.Errorf("%q has the prefix %q, want %q", c.pattern, l.key, c.prefix)
		}
		if l.pattern == nil {
			if c.yes+c.no != "" {
				t.Errorf("%q is no pattern", c.pattern)
			}
			continue
		}
		for _, key := range strings.Split(c.yes, " ") {
			if key != "" && !l.pattern.MatchString(key) {
				t.Errorf("%q does not match %q", c.pattern, key)
			}
		}
		for _, key := range strings.Split(c.no, " ") {
			if key != "" && l.pattern.MatchString(key) {
				t.Errorf("%q matches %q", c.pattern, key)
			}
		}
	}
	if err := (&location{key: "bad\xff*"}).glob(false); err == nil {
		t.Error("a pattern that is no UTF-8 was taken")
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1000": 1000, "64KiB": 65536, "64k": 65536, "5GB": 5e9, "5 GiB": 5 << 30, "1.5MiB": 3 << 19, "2T": 2 << 40, "7B": 7,
		"9223372036854775807": 1<<63 - 1,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q is %d %v, want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1XB", "9e30", "NaN", "Inf", "8388608TiB", "MiB"} {
		if got, err := parseSize(bad); err == nil {
			t.Errorf("%q is %d", bad, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 10: "10 KiB", 1 << 40: "1.0 TiB", 1<<30 - 7: "1.0 GiB", 1<<63 - 1: "8192 PiB"} {
		if got := humanSize(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{16 << 20: "16MiB", 1000: "1000", 0: "0", 5 << 30: "5GiB"} {
		if got := exactSize(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "0.5d": 12 * time.Hour, "90m": 90 * time.Minute, "0": 0} {
		var l lifetime
		if err := l.Set(text); err != nil || time.Duration(l.Duration) != want {
			t.Errorf("%q is %v %v, want %v", text, &l, err, want)
		}
	}
	for _, bad := range []string{"", "d", "-1d", "-1h", "7", "1e9d", "NaNd", "Infd"} {
		var l lifetime
		if err := l.Set(bad); err == nil {
			t.Errorf("%q is %v", bad, &l)
		}
	}
}

func TestParseAge(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"36h": now.Add(-36 * time.Hour), "7d": now.Add(-7 * 24 * time.Hour), "0.5d": now.Add(-12 * time.Hour),
		"2026-01-31T12:00:00Z": time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := parseAge(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v %v, want %v", text, got, err, want)
		}
	}
	if _, err := parseAge("yesterday", now); err == nil {
		t.Error("yesterday was understood")
	}
}

// Nothing that a terminal obeys comes through.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain näme 日本": "plain näme 日本", "a\x1b[31mred": `a\u001b[31mred`, "a\nb": `a\nb`, "bad\xff": `bad\xff`,
		"rtl\u202eexe": `rtl\u202eexe`, "\x7f\u0085": `\u007f\u0085`, "nbsp\u00a0": `nbsp\u00a0`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"https://s3.lab.example": "https://s3.lab.example", "": "''", "a b": "'a b'", "it's $x": `'it'\''s $x'`} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
}

// What a batch log hears every half minute.
func TestProgressLine(t *testing.T) {
	now := time.Unix(1000, 0)
	d := &display{app: &app{now: func() time.Time { return now }}, start: now.Add(-10 * time.Second), begun: 3, ended: 1, moved: 20 << 20, total: 60 << 20}
	if got, want := d.line(), "1 of 3 done so far, 20 MiB of 60 MiB, 2.0 MiB/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
