package app

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

func TestAdmin(t *testing.T) {
	l := newLab(t)
	l.want("PUT", "/box/k", large, 200)
	l.want("GET", "/box/none", "", 404)
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		l.Admin().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	for _, path := range []string{"/-/live", "/-/ready", "/debug/pprof/"} {
		if code, body := ask(path); code != 200 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _ := ask("/box/k"); code != 404 {
		t.Errorf("the admin listener serves objects: %d", code)
	}
	_, text := ask("/-/metrics")
	for _, want := range []string{
		`mucura_requests_total{op="PutObject",status="200"} 1`,
		`mucura_errors_total{code="NoSuchKey"} 1`,
		"mucura_requests_in_flight 0",
		`mucura_request_seconds_count{op="PutObject"} 1`,
		"# TYPE go_goroutines gauge",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	l.faults.Before = func(op storewrap.Op, _ meta.Partition, _ string) error {
		if op == storewrap.Ping {
			return meta.ErrUnavailable
		}
		return nil
	}
	if code, body := ask("/-/ready"); code != 503 || !strings.Contains(body, "metadata") {
		t.Errorf("not ready: %d %s", code, body)
	}
	l.faults.Before = func(op storewrap.Op, _ meta.Partition, _ string) error {
		if op == storewrap.Ping {
			return meta.ErrFull
		}
		return nil
	}
	if code, body := ask("/-/ready"); code != 200 || !strings.Contains(body, "metadata store is full") {
		t.Errorf("full: %d %s", code, body)
	}
	if code, _ := ask("/-/live"); code != 200 {
		t.Errorf("not alive: %d", code)
	}
}

// TestBackground: the jobs run, and end with the context.
func TestBackground(t *testing.T) {
	l := newLab(t, "--debug", "--leeway", "2s", "--sweep-interval", "10ms")
	l.want("PUT", "/box/k", large, 200)
	l.want("DELETE", "/box/k", "", 204)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.App.Run(ctx); close(done) }()
	for end := time.Now().Add(time.Minute); l.files() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the content was never freed")
		}
	}
	cancel()
	<-done
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(l.log.String(), `"msg":"swept"`) {
		t.Error("the log says nothing of the sweep")
	}
	l.heal()
}
