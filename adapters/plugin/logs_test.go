package plugin

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	now := time.Unix(1000, 0)
	l := newLines(log, "stderr")
	l.now = func() time.Time { return now }
	for _, c := range []struct{ in, want string }{
		{"plain te", ""},
		{"xt\n", "level=INFO msg=\"plain text\" stream=stderr\n"},
		{"\n\n", ""},
		{`{"time":"2026-01-01T00:00:00Z","level":"WARN","msg":"disk slow","ms":12}` + "\n", "level=WARN msg=\"disk slow\" stream=stderr from.ms=12\n"},
		{`{"@level":"debug","@message":"old"}` + "\n", "level=DEBUG msg=old stream=stderr\n"},
		{`{"msg":"x","stream":"forged"}` + "\n", "level=INFO msg=x stream=stderr from.stream=forged\n"},
		{`{"broken` + "\n", "level=INFO msg=\"{\\\"broken\" stream=stderr\n"},
		{"a\x1b[31mred\xff\n", "level=INFO msg=\"a [31mred \" stream=stderr\n"},
	} {
		out.Reset()
		fmt.Fprint(l, c.in)
		if out.String() != c.want {
			t.Errorf("%q gave %q, want %q", c.in, out.String(), c.want)
		}
	}
	out.Reset()
	fmt.Fprint(l, strings.Repeat("x", 10*maxLogLine)+"\nnext\n") // "next" has an x, too
	if n := strings.Count(out.String(), "x") - 1; n != maxLogLine || !strings.Contains(out.String(), "next") {
		t.Errorf("a long line gave %d bytes", n)
	}
	out.Reset()
	now = now.Add(time.Hour)
	for range 10 * maxLogLines {
		fmt.Fprintln(l, "again")
	}
	if n := strings.Count(out.String(), "\n"); n != maxLogLines {
		t.Errorf("%d lines at once, want %d", n, maxLogLines)
	}
	out.Reset()
	now = now.Add(time.Hour)
	fmt.Fprintln(l, "later")
	if !strings.Contains(out.String(), fmt.Sprint("lines_dropped=", 9*maxLogLines)) || !strings.Contains(out.String(), "later") {
		t.Errorf("after the window: %s", out.String())
	}
}

// TestPluginLogs: both what the plug-in logs and what it prints get there.
func TestPluginLogs(t *testing.T) {
	l := &logs{}
	mustMeta(t, quick(l), "password", "topsecret")
	for _, want := range []string{"msg=opening", "from.kind=mem", `msg="printed by the plug-in"`, "stream=stdout", "plug-in serves"} {
		eventually(t, want, func() bool { return strings.Contains(l.String(), want) })
	}
	if strings.Contains(l.String(), "topsecret") {
		t.Error("a setting's value is in the log")
	}
}
