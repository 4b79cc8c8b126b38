package api

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mucura/mucura/core/serve/servetest"
	"github.com/mucura/mucura/core/sigv4"
)

// A body that does not come is not waited for.
func TestBodiesInTime(t *testing.T) {
	l := newLab(t)
	r := httptest.NewRequest("PUT", "http://s3.example"+Prefix+"quota", strings.NewReader(`{"bytes":70}`))
	sigv4.Sign(r, l.creds["ana"], "mucura", "UNSIGNED-PAYLOAD", time.Now())
	w := servetest.NewTimed()
	l.Server.ServeHTTP(w, r)
	if len(w.Ends) != 2 || w.Ends[0].IsZero() || time.Until(w.Ends[0]) > time.Minute || !w.Ends[1].IsZero() {
		t.Errorf("%d %s: deadlines %v", w.Code, w.Body, w.Ends)
	}
	w = servetest.NewTimed()
	broken := errors.New("broken")
	if _, err := readAll(w, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken))); !errors.Is(err, broken) || len(w.Ends) != 1 {
		t.Errorf("%v: deadlines %v", err, w.Ends)
	}
}
