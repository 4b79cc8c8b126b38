// Package serve is the server around an App: its listeners, TLS, and an orderly
// end. Every packaging that listens for HTTP uses it.
package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
)

// Server is the listeners of one process, the S3 endpoint first.
type Server struct {
	app       *app.App
	tls       Source // nil: plain HTTP
	endpoints []*endpoint
}

// Run serves until ctx is done, then drains: no new connections, running
// requests finish within DrainTimeout, usage is flushed. The App's background
// work runs meanwhile, and that of the packaging, each until its context is done.
func (s *Server) Run(ctx context.Context, others ...func(context.Context)) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); s.app.Run(background) }()
	for _, other := range others {
		go other(background)
	}
	if s.tls != nil {
		go s.tls.Run(background)
	}
	failed := make(chan error, len(s.endpoints))
	for _, e := range s.endpoints {
		go func() { failed <- e.serve() }()
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.app.Log.Info("draining")
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.app.Config.DrainTimeout)
	defer cancel()
	for _, e := range s.endpoints {
		if serr := e.stop(drain); serr != nil {
			s.app.Log.Warn("requests cut off", "listener", e.name, "error", serr.Error())
		}
	}
	stop()
	<-done
	if cerr := s.app.Close(drain); cerr != nil {
		s.app.Log.Warn("not everything flushed", "error", cerr.Error())
	}
	s.app.Log.Info("stopped")
	return err
}

// URL is that of the S3 endpoint.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + s.Address("s3")
}

// Endpoint is the URL to tell people: the setting's, which is of a name they reach
// and not of [::], or URL where the port was found only now.
func (s *Server) Endpoint() string {
	if _, port, err := net.SplitHostPort(s.app.Config.Listen); err != nil || port == "0" {
		return s.URL()
	}
	return s.app.Config.Endpoint
}

// Address is where a listener listens, "" without it:
// s3, plain, auth, web or admin.
func (s *Server) Address(name string) string {
	for _, e := range s.endpoints {
		if e.name == name {
			return e.listener.Addr().String()
		}
	}
	return ""
}

// Trust tells how to trust the site's own authority, when it has one.
func (s *Server) Trust() string {
	a, ok := s.tls.(interface{ Fingerprint() string })
	if !ok {
		return ""
	}
	return fmt.Sprintf("Clients have to trust this repository's own certificate authority:\n  curl -ko mucura-ca.pem %s%s\n  SHA-256 %s\n\n", s.Endpoint(), authorityPath, a.Fingerprint())
}

// endpoint is one listener and what answers there.
type endpoint struct {
	name     string
	listener net.Listener
	http     *http.Server
	// drains: running requests may finish.
	drains bool
	// abort cuts off what Close of the server would wait for; may be nil.
	abort func()
}

func (e *endpoint) serve() error {
	if e.http.TLSConfig != nil {
		return e.http.ServeTLS(e.listener, "", "")
	}
	return e.http.Serve(e.listener)
}

func (e *endpoint) stop(ctx context.Context) error {
	if !e.drains {
		_ = e.http.Close()
		return nil
	}
	err := e.http.Shutdown(ctx)
	if err != nil {
		if e.abort != nil {
			e.abort()
		}
		_ = e.http.Close()
	}
	return err
}

// newHTTP is a server as all of them are: HTTP/1.1 only, see decision 0008.
func newHTTP(c *config.Config, log *slog.Logger, h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    int(c.MaxHeaderBytes),
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
