package acme

import (
	"context"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// slogCore writes what certmagic logs with zap to slog.
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

var levels = map[zapcore.Level]slog.Level{
	zapcore.DebugLevel: slog.LevelDebug,
	// Certmagic tells each step of an order; what matters to an operator is
	// logged as a warning or an error.
	zapcore.InfoLevel: slog.LevelInfo,
	zapcore.WarnLevel: slog.LevelWarn,
}

func level(l zapcore.Level) slog.Level {
	if s, ok := levels[l]; ok {
		return s
	}
	return slog.LevelError
}

// Enabled asks slog.
func (c *slogCore) Enabled(l zapcore.Level) bool {
	return c.log.Enabled(context.Background(), level(l))
}

// With adds fields to all entries.
func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{c.log, append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

// Check lets enabled entries through.
func (c *slogCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write hands an entry over.
func (c *slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		f.AddTo(enc)
	}
	attrs := make([]slog.Attr, 0, len(enc.Fields)+1)
	for k, v := range enc.Fields {
		attrs = append(attrs, slog.Any(k, v))
	}
	if e.LoggerName != "" {
		attrs = append(attrs, slog.String("part", e.LoggerName))
	}
	c.log.LogAttrs(context.Background(), level(e.Level), "certificate: "+e.Message, attrs...)
	return nil
}

// Sync has nothing to do.
func (c *slogCore) Sync() error { return nil }
