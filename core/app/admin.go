package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// pingTimeout bounds a readiness check of one store.
const pingTimeout = 5 * time.Second

// Admin is the handler of the admin listener: /-/live, /-/ready, /-/metrics
// and the profiles under /debug/pprof/. It is meant for the site's own
// network: it authenticates nobody.
func (a *App) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/live", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /-/ready", a.ready)
	mux.HandleFunc("GET /-/metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = a.metrics.WriteTo(w)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// ready answers 200 when every store can serve, else 503 and which cannot. A
// store that is full serves: people read, and delete.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	var full []string
	for _, s := range []struct {
		name string
		ping func(context.Context) error
	}{
		{"metadata", a.Stores.Meta.Ping},
		{"registry", a.Stores.Registry.Ping},
		{"content", a.Stores.Content.Ping},
	} {
		err := s.ping(ctx)
		if errors.Is(err, meta.ErrFull) || errors.Is(err, content.ErrFull) {
			full = append(full, s.name)
			continue
		}
		if err != nil {
			a.Log.Warn("not ready", "store", s.name, "error", err.Error())
			http.Error(w, s.name+" store is not available", http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = w.Write([]byte("ready\n"))
	for _, name := range full {
		_, _ = w.Write([]byte(name + " store is full\n"))
	}
}
