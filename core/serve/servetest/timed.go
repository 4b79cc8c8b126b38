package servetest

import (
	"net/http/httptest"
	"time"
)

// Timed is an answer that notes the deadlines for reading that its connection gets;
// a zero time takes the deadline away.
type Timed struct {
	*httptest.ResponseRecorder
	Ends []time.Time
}

// NewTimed makes one without deadlines.
func NewTimed() *Timed { return &Timed{ResponseRecorder: httptest.NewRecorder()} }

// SetReadDeadline is what http.ResponseController calls.
func (w *Timed) SetReadDeadline(t time.Time) error {
	w.Ends = append(w.Ends, t)
	return nil
}
