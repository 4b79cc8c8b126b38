package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
)

// What a plug-in may log: longer lines are cut, more lines are counted only.
const (
	maxLogLine   = 4 << 10 // bytes
	maxLogLines  = 200     // per logWindow
	logWindow    = 10 * time.Second
	maxLogFields = 24
)

// lines makes log records of what a plug-in prints. Lines of JSON as log/slog
// writes them, and go-plugin's own, keep their level and attributes.
type lines struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	part    []byte // a line not yet ended
	cut     bool   // the rest of the line is dropped
	since   time.Time
	count   int
	dropped int
}

func newLines(log *slog.Logger, stream string) *lines {
	return &lines{log: log.With("stream", stream), now: time.Now}
}

// Write takes any piece of output and never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		l.add(line)
		if ended {
			l.end()
		}
		rest = after
	}
	return len(p), nil
}

func (l *lines) add(piece []byte) {
	room := maxLogLine - len(l.part)
	if len(piece) > room {
		piece, l.cut = piece[:room], true
	}
	l.part = append(l.part, piece...)
}

// end logs the line that is complete, unless there were too many.
func (l *lines) end() {
	line, cut := bytes.TrimSpace(l.part), l.cut
	l.part, l.cut = l.part[:0], false
	if len(line) == 0 {
		return
	}
	if now := l.now(); now.Sub(l.since) > logWindow {
		if l.dropped > 0 {
			l.log.Warn("plug-in logs too much", "lines_dropped", l.dropped)
		}
		l.since, l.count, l.dropped = now, 0, 0
	}
	if l.count++; l.count > maxLogLines {
		l.dropped++
		return
	}
	level, text, attrs := slog.LevelInfo, wire.Clean(string(line), maxLogLine), []slog.Attr(nil)
	if !cut && line[0] == '{' {
		if lv, t, as, ok := structured(line); ok {
			level, text, attrs = lv, t, as
		}
	}
	l.log.LogAttrs(context.Background(), level, text, attrs...)
}

// structured reads a line of JSON: {"level":"WARN","msg":"…","name":value,…}.
func structured(line []byte) (slog.Level, string, []slog.Attr, bool) {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return 0, "", nil, false
	}
	take := func(names ...string) (s string) {
		for _, n := range names {
			if v, ok := fields[n].(string); ok {
				s = v
			}
			delete(fields, n)
		}
		return s
	}
	var level slog.Level
	text := take("msg", "@message")
	if level.UnmarshalText([]byte(take("level", "@level"))) != nil {
		level = slog.LevelInfo
	}
	take("time", "@timestamp")
	if text == "" {
		return 0, "", nil, false
	}
	var attrs []any
	for name, v := range fields {
		if s, ok := v.(string); ok {
			v = wire.Clean(s, maxLogLine)
		}
		if len(attrs) < maxLogFields {
			attrs = append(attrs, slog.Any(wire.Clean(name, 64), v))
		}
	}
	if len(attrs) == 0 {
		return level, wire.Clean(text, maxLogLine), nil, true
	}
	// A group of their own: a plug-in cannot overwrite the host's attributes.
	return level, wire.Clean(text, maxLogLine), []slog.Attr{slog.Group("from", attrs...)}, true
}
