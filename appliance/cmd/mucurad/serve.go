package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/obs"
)

// serve runs the server until ctx is done (SIGTERM), then lets running
// requests finish.
func serve(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	tuneGC()
	log := obs.NewLog(os.Stderr, c.LogLevel)
	stores, err := openStores(c)
	if err != nil {
		return err
	}
	defer stores.Close()
	a := newApp(c, stores, log)
	parts, err := newParts(c)
	if err != nil {
		return err
	}
	if err := a.Register(parts); err != nil {
		return err
	}
	root, err := ensureRoot(ctx, a)
	if err != nil {
		return fmt.Errorf("administrator's account: %w", err)
	}
	s, err := listen(ctx, a)
	if err != nil {
		return err
	}
	fmt.Print(banner(c, s.url(), root))
	fmt.Print(s.trust())
	if c.Debug {
		log.Warn("debug settings are allowed", "lifecycle_day", c.DebugLifecycleDay.String())
	}
	log.Info("serving", "endpoint", s.url(), "admin", s.address("admin"), "auth", s.address("auth"), "web", s.address("web"),
		"metadata", config.Redact(c.Metadata), "content", config.Redact(c.Content), "region", c.Region)
	return s.run(ctx)
}

// server is the listeners of one process, the S3 endpoint first.
type server struct {
	app       *app.App
	tls       autotls.Source // nil: plain HTTP
	endpoints []*endpoint
}

// run serves until ctx is done, then drains: no new connections, running
// requests finish within DrainTimeout, usage is flushed.
func (s *server) run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); s.app.Run(background) }()
	go watchSiteKeys(background, s.app, 2*time.Second)
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

func (s *server) url() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + s.address("s3")
}

// address is where a listener listens, "" without it.
func (s *server) address(name string) string {
	for _, e := range s.endpoints {
		if e.name == name {
			return e.listener.Addr().String()
		}
	}
	return ""
}

// trust tells how to trust the site's own authority, when it has one.
func (s *server) trust() string {
	a, ok := s.tls.(interface{ Fingerprint() string })
	if !ok {
		return ""
	}
	return fmt.Sprintf("Clients have to trust this repository's own certificate authority:\n  curl -ko mucura-ca.pem %s%s\n  SHA-256 %s\n\n", s.url(), autotls.AuthorityPath, a.Fingerprint())
}

// endpoint is one listener and what answers there.
type endpoint struct {
	name     string
	listener net.Listener
	http     *http.Server
	// drains: running requests may finish.
	drains bool
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
