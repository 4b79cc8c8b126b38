package app

import (
	"context"
	"log/slog"

	"github.com/mucura/mucura/core/s3"
)

// logRequest writes the one line a request gets. What failed on our side is an
// error, what the client got wrong is information.
func (a *App) logRequest(e s3.Event) {
	level := slog.LevelInfo
	if e.Status >= 500 {
		level = slog.LevelError
	}
	ctx := context.Background()
	if !a.Log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	text := func(name, v string) {
		if v != "" {
			attrs = append(attrs, slog.String(name, v))
		}
	}
	text("id", e.ID)
	text("op", e.Op)
	text("bucket", e.Bucket)
	text("key", e.Key)
	text("account", e.Account)
	text("access_key_id", e.AccessKeyID)
	attrs = append(attrs,
		slog.Int("status", e.Status),
		slog.Int64("in", e.BytesIn),
		slog.Int64("out", e.BytesOut),
		slog.Float64("ms", float64(e.Duration.Microseconds())/1000))
	text("code", e.Code)
	text("remote", e.Remote)
	text("agent", e.UserAgent)
	text("why", e.Reason)
	if e.Err != nil {
		text("error", e.Err.Error())
	}
	a.Log.LogAttrs(ctx, level, "request", attrs...)
}
