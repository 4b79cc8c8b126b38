package obs

import (
	"io"
	"log/slog"
)

// NewLog makes the log: JSON lines, one attribute a fact. level is debug, info,
// warn or error.
func NewLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}
