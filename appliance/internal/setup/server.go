package setup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// Server is the set-up page.
type Server struct {
	Site  *site.Site
	Disks *disks.Manager
	// Listen and Plain are the addresses of HTTPS and of HTTP.
	Listen, Plain string
	// Preset fills in the form; nil for nothing.
	Preset *spec.Config
	// Log takes what happens, one line each; never a secret.
	Log func(format string, args ...any)

	code        string
	limiter     *limiter
	sessions    sessions
	fingerprint string
	authority   []byte // PEM

	certMu sync.Mutex
	cert   *tls.Certificate

	claimMu sync.Mutex   // one claim at a time
	claimed chan claimed // what Run waits for
}

// claimed is the configuration that won.
type claimed struct{ config *spec.Config }

// Run serves until somebody has claimed the appliance, then starts the server
// and returns, or until ctx is done. When the appliance is claimed already it
// finishes what a start that was cut short has left.
func (s *Server) Run(ctx context.Context) error {
	if s.Site.Claimed() {
		c, err := s.Site.Load()
		if err != nil {
			return err
		}
		return s.finish(ctx, c)
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	servers, err := s.serve()
	if err != nil {
		return err
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	go s.renew(background)
	var won *claimed
	select {
	case c := <-s.claimed:
		won = &c
	case err = <-servers.failed:
	case <-ctx.Done():
	}
	servers.stop(ctx)
	if won == nil {
		return err
	}
	return s.finish(ctx, won.config)
}

// prepare makes the code and the certificate.
func (s *Server) prepare(ctx context.Context) (err error) {
	s.claimed = make(chan claimed, 1)
	s.limiter = &limiter{Now: s.Site.Host.Now}
	s.sessions.Now = s.Site.Host.Now
	if s.Preset == nil {
		s.Preset = new(spec.Config)
	}
	if s.code, err = Code(s.Site.Host); err != nil {
		return err
	}
	return s.issue(ctx)
}

// issue has the certificate issued for the addresses of now.
func (s *Server) issue(ctx context.Context) error {
	fingerprint, err := s.Site.Issue(ctx, s.Preset.Names)
	if err != nil {
		return fmt.Errorf("certificate of the set-up page: %w", err)
	}
	dir := s.Site.Host.Path(host.TLSDir)
	cert, err := tls.LoadX509KeyPair(dir+"/cert.pem", dir+"/key.pem")
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(dir + "/ca.pem")
	if err != nil {
		return err
	}
	s.certMu.Lock()
	defer s.certMu.Unlock()
	s.cert, s.authority, s.fingerprint = &cert, ca, fingerprint
	return nil
}

// renew issues again when the machine gets other addresses.
func (s *Server) renew(ctx context.Context) {
	last := addresses()
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if now := addresses(); !slices.Equal(now, last) {
				if err := s.issue(ctx); err != nil {
					s.Log("%v", err)
					continue
				}
				last = now
			}
		}
	}
}

func addresses() []string {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var all []string
	for _, a := range list {
		all = append(all, a.String())
	}
	slices.Sort(all)
	return all
}

// running is the two listeners.
type running struct {
	servers []*http.Server
	failed  chan error
}

func (s *Server) serve() (*running, error) {
	secure, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, err
	}
	r := &running{failed: make(chan error, 2)}
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.certMu.Lock()
		defer s.certMu.Unlock()
		return s.cert, nil
	}}
	r.add(tls.NewListener(few(secure), config), s.Handler())
	if s.Plain == "" {
		return r, nil
	}
	plain, err := net.Listen("tcp", s.Plain)
	if err != nil {
		return nil, errors.Join(err, secure.Close())
	}
	r.add(few(plain), s.plainHandler())
	return r, nil
}

func (r *running) add(l net.Listener, h http.Handler) {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	srv := &http.Server{
		Handler: h, Protocols: &protocols, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 5 * time.Minute, IdleTimeout: 30 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // strangers' handshakes
	}
	r.servers = append(r.servers, srv)
	go func() { r.failed <- srv.Serve(l) }()
}

// stop lets the page with the keys reach its reader.
func (r *running) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	for _, srv := range r.servers {
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	}
}

// finish brings the configuration into the system and starts the server.
func (s *Server) finish(ctx context.Context, c *spec.Config) error {
	ctx = context.WithoutCancel(ctx)
	err := s.Site.Apply(ctx, c, true)
	err = errors.Join(err, s.Site.ReloadNetwork(ctx))
	_, serr := s.Site.Host.Do(ctx, "systemctl", "start", "--no-block", "mucurad.service")
	return errors.Join(err, serr, removed(s.Site.Host))
}

// removed makes the code useless once it was used.
func removed(h *host.Host) error {
	err := os.Remove(h.Path(host.CodeFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// maxConns bounds the connections of a listener, and so the memory strangers use.
const maxConns = 64

func few(l net.Listener) net.Listener { return &limited{l, make(chan struct{}, maxConns)} }

type limited struct {
	net.Listener
	slots chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &counted{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

type counted struct {
	net.Conn
	free func()
}

func (c *counted) Close() error {
	defer c.free()
	return c.Conn.Close()
}
