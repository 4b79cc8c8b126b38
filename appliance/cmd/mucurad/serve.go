package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/sts"
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
	log.Info("serving", "endpoint", s.url(), "admin", s.adminAddr(), "auth", s.authAddr(), "metadata", c.Metadata, "content", c.Content, "region", c.Region)
	return s.run(ctx)
}

// server is the listeners of one process.
type server struct {
	app      *app.App
	s3       *http.Server
	listener net.Listener
	admin    *http.Server
	adminL   net.Listener
	auth     *http.Server // nil without a listener of its own
	authL    net.Listener
	tls      autotls.Source // nil: plain HTTP
	plain    *http.Server   // beside TLS; nil: none
	plainL   net.Listener
}

// listen opens the listeners: what is wrong with them is known before anything
// is said to work.
func listen(ctx context.Context, a *app.App) (*server, error) {
	c := a.Config
	s := &server{app: a}
	var err error
	if s.tls, err = autotls.Open(ctx, c, a.Stores.Registry, a.Stores.SiteKey, a.Stores.OldSiteKeys, a.Log); err != nil {
		return nil, err
	}
	handler := http.Handler(a)
	if s.tls != nil {
		handler = autotls.Secure(s.tls, c.HSTS, a)
		a.WatchCertificates(s.tls.Expiries)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s.s3 = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    int(c.MaxHeaderBytes),
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	if s.tls != nil {
		s.s3.TLSConfig = a.Auth.ByHost(autotls.Config(s.tls))
	}
	lc := net.ListenConfig{Control: dropStalled(c)}
	if s.listener, err = lc.Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, err
	}
	if err = errors.Join(s.listenAuth(ctx, c, lc), s.listenPlain(ctx, c)); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	return s, s.listenAdmin(c)
}

// listenAuth opens the authentication server's own listener, if it has one:
// there every client is asked for a certificate.
func (s *server) listenAuth(ctx context.Context, c *config.Config, lc net.ListenConfig) (err error) {
	if c.AuthListen == "" {
		return nil
	}
	if s.authL, err = lc.Listen(ctx, "tcp", c.AuthListen); err != nil {
		return fmt.Errorf("authentication listener: %w", err)
	}
	s.auth = &http.Server{
		Handler:           s.app.AuthHandler(),
		ReadHeaderTimeout: 30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    int(c.MaxHeaderBytes),
		Protocols:         s.s3.Protocols,
		ErrorLog:          s.s3.ErrorLog,
	}
	if s.tls != nil {
		s.auth.TLSConfig = sts.Asking(autotls.Config(s.tls))
	}
	return nil
}

// listenPlain opens the plain HTTP listener beside TLS.
func (s *server) listenPlain(ctx context.Context, c *config.Config) (err error) {
	if s.tls == nil || c.HTTPListen == "" {
		return nil
	}
	if s.plainL, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.HTTPListen); err != nil {
		return fmt.Errorf("plain HTTP listener: %w", err)
	}
	s.plain = &http.Server{
		Handler:           autotls.Plain(s.tls, s.listener.Addr().(*net.TCPAddr).Port),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    int(c.MaxHeaderBytes),
		ErrorLog:          slog.NewLogLogger(s.app.Log.Handler(), slog.LevelDebug),
	}
	return nil
}

func (s *server) listenAdmin(c *config.Config) error {
	if c.AdminListen == "" || c.AdminListen == "off" {
		return nil
	}
	l, err := net.Listen("tcp", c.AdminListen)
	switch {
	case err == nil:
	case !c.AdminGiven():
		// Nobody asked for this port: a second server on the machine goes without.
		s.app.Log.Warn("no admin listener", "error", err.Error())
		return nil
	default:
		return errors.Join(fmt.Errorf("admin listener: %w", err), s.listener.Close())
	}
	s.adminL = l
	s.admin = &http.Server{Handler: s.app.Admin(), ReadHeaderTimeout: 10 * time.Second}
	return nil
}

// dropStalled makes the kernel drop a connection whose peer takes no data for
// BodyIdle. A write deadline cannot do this for sendfile, which may be one
// call for gigabytes. Connections inherit the option from their listener.
func dropStalled(c *config.Config) func(string, string, syscall.RawConn) error {
	const tcpUserTimeout = 0x12 // linux/tcp.h
	return func(_, _ string, conn syscall.RawConn) error {
		var err error
		if cerr := conn.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(c.BodyIdle.Milliseconds()))
		}); cerr != nil {
			return cerr
		}
		return err
	}
}

func (s *server) url() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// trust tells how to trust the site's own authority, when it has one.
func (s *server) trust() string {
	a, ok := s.tls.(interface{ Fingerprint() string })
	if !ok {
		return ""
	}
	return fmt.Sprintf("Clients have to trust this repository's own certificate authority:\n  curl -ko mucura-ca.pem %s%s\n  SHA-256 %s\n\n", s.url(), autotls.AuthorityPath, a.Fingerprint())
}

func (s *server) adminAddr() string {
	if s.adminL == nil {
		return ""
	}
	return s.adminL.Addr().String()
}

// authAddr is the address of the authentication server's own listener.
func (s *server) authAddr() string {
	if s.authL == nil {
		return ""
	}
	return s.authL.Addr().String()
}

// run serves until ctx is done, then drains: no new connections, running
// requests finish within DrainTimeout, usage is flushed.
func (s *server) run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); s.app.Run(background) }()
	failed := make(chan error, 4)
	go watchSiteKeys(background, s.app, 2*time.Second)
	go func() {
		if s.tls != nil {
			go s.tls.Run(background)
			failed <- s.s3.ServeTLS(s.listener, "", "")
		} else {
			failed <- s.s3.Serve(s.listener)
		}
	}()
	if s.admin != nil {
		go func() { failed <- s.admin.Serve(s.adminL) }()
	}
	if s.auth != nil {
		go func() {
			if s.tls != nil {
				failed <- s.auth.ServeTLS(s.authL, "", "")
			} else {
				failed <- s.auth.Serve(s.authL)
			}
		}()
	}
	if s.plain != nil {
		go func() { failed <- s.plain.Serve(s.plainL) }()
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.app.Log.Info("draining")
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.app.Config.DrainTimeout)
	defer cancel()
	if serr := s.s3.Shutdown(drain); serr != nil {
		s.app.Log.Warn("requests cut off", "error", serr.Error())
		_ = s.s3.Close()
	}
	if s.auth != nil {
		_ = s.auth.Shutdown(drain)
	}
	for _, other := range []*http.Server{s.plain, s.admin} {
		if other != nil {
			_ = other.Close()
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
