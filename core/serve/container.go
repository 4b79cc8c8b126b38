package serve

import (
	"context"
	"net/http"

	"github.com/mucura/mucura/core/app"
)

// Container opens one listener of plain HTTP for h, as platforms for containers
// expect it, who end TLS themselves; and the admin listener, where that is asked
// for. What h answers on the paths of probes goes before: /healthz and /-/live
// tell that the process lives, /-/ready that its stores answer.
func Container(ctx context.Context, a *app.App, address string, h http.Handler) (*Server, error) {
	s := &Server{app: a}
	if _, err := s.add(ctx, "s3", address, newHTTP(a.Config, a.Log, probed(a.Admin(), h)), true); err != nil {
		return nil, err
	}
	if !a.Config.AdminGiven() {
		return s, nil
	}
	if err := s.listenAdmin(ctx, a.Config); err != nil {
		_ = s.endpoints[0].listener.Close()
		return nil, err
	}
	return s, nil
}

// probed answers probes by the admin handler. No bucket is called "-"; one may
// be called healthz, so a signed request for it is none of a probe.
func probed(admin, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.ServeHTTP(w, r)
			return
		}
		switch r.URL.Path {
		case "/-/live", "/-/ready":
			admin.ServeHTTP(w, r)
		case "/healthz":
			if r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
				h.ServeHTTP(w, r)
				return
			}
			_, _ = w.Write([]byte("ok\n"))
		default:
			h.ServeHTTP(w, r)
		}
	})
}
