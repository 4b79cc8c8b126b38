package api

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// timed is an answer that notes the deadlines its connection gets.
type timed struct {
	*httptest.ResponseRecorder
	ends []time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error {
	w.ends = append(w.ends, t)
	return nil
}

// A body that does not come is not waited for.
func TestBodiesInTime(t *testing.T) {
	l := newLab(t)
	r := httptest.NewRequest("PUT", "http://s3.example"+Prefix+"quota", strings.NewReader(`{"bytes":70}`))
	sigv4.Sign(r, l.creds["ana"], "mucura", "UNSIGNED-PAYLOAD", time.Now())
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	l.Server.ServeHTTP(w, r)
	if len(w.ends) != 2 || w.ends[0].IsZero() || time.Until(w.ends[0]) > time.Minute || !w.ends[1].IsZero() {
		t.Errorf("%d %s: deadlines %v", w.Code, w.Body, w.ends)
	}
	w = &timed{ResponseRecorder: httptest.NewRecorder()}
	broken := errors.New("broken")
	if _, err := readAll(w, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken))); !errors.Is(err, broken) || len(w.ends) != 1 {
		t.Errorf("%v: deadlines %v", err, w.ends)
	}
}
