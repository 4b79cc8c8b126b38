package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/sts"
	"github.com/mucura/mucura/core/unpaced"
)

// Listen opens the listeners that the settings ask for, with TLS when there is a
// source of certificates: what is wrong with them is known before anything is
// said to work.
func Listen(ctx context.Context, a *app.App, certificates Source) (*Server, error) {
	s := newServer(a, certificates)
	return s.open(ctx, s.listenS3, s.listenPlain, s.listenAuth, s.listenWeb, s.listenAdmin)
}

// Part is what ListenPart serves.
type Part struct {
	Name    string // of the listener: auth or web
	Handler http.Handler
	// Asks says that every client is asked for a certificate.
	Asks bool
}

// ListenPart is Listen for a process that serves one part of a site at the
// address Listen of the settings, and neither the S3 endpoint nor another part.
func ListenPart(ctx context.Context, a *app.App, certificates Source, p Part) (*Server, error) {
	s := newServer(a, certificates)
	listen := func(ctx context.Context, c *config.Config) error {
		return s.listenPart(ctx, c, c.Listen, p)
	}
	return s.open(ctx, listen, s.listenPlain, s.listenAdmin)
}

func newServer(a *app.App, certificates Source) *Server {
	s := &Server{app: a, tls: certificates}
	if s.tls != nil {
		a.WatchCertificates(s.tls.Expiries)
		if sealed, ok := s.tls.(sealedSource); ok {
			a.OnSiteKeys(sealed.SetSiteKeys)
		}
	}
	return s
}

// open opens listeners, all or none.
func (s *Server) open(ctx context.Context, listeners ...func(context.Context, *config.Config) error) (*Server, error) {
	for _, listen := range listeners {
		if err := listen(ctx, s.app.Config); err != nil {
			for _, e := range s.endpoints {
				err = errors.Join(err, e.listener.Close())
			}
			return nil, err
		}
	}
	return s, nil
}

// add opens a listener.
func (s *Server) add(ctx context.Context, name, address string, h *http.Server, drains bool) (*endpoint, error) {
	lc := net.ListenConfig{Control: dropStalled(s.app.Config)}
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	l = unpaced.Listen(l)
	if name != "admin" { // which is for the site's own network
		from, err := s.app.Config.ProxyFrom()
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		if len(from) > 0 {
			l = listenProxied(l, from, s.app.Log)
		}
		if from, err = s.app.Config.Forwarders(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		if len(from) > 0 {
			h.Handler = forwarded(from, h.Handler)
		}
	}
	if h.ConnContext != nil {
		l = gatherListener{l}
	}
	e := &endpoint{name: name, listener: l, http: h, drains: drains}
	s.endpoints = append(s.endpoints, e)
	return e, nil
}

func (s *Server) listenS3(ctx context.Context, c *config.Config) error {
	h := newHTTP(c, s.app.Log, s.app)
	var abort func()
	if s.tls != nil {
		g := newGatherer()
		h.Handler = g.gather(secure(s.tls, c.HSTS, s.app))
		h.ConnContext = withConn
		abort = g.abort
		h.TLSConfig = spare(s.tls, s.app.Auth.ByHost(tlsConfig(s.tls)))
	}
	e, err := s.add(ctx, "s3", c.Listen, h, true)
	if err == nil {
		e.abort = abort
	}
	return err
}

// listenPlain opens the plain HTTP listener beside TLS.
func (s *Server) listenPlain(ctx context.Context, c *config.Config) error {
	if s.tls == nil || c.HTTPListen == "" {
		return nil
	}
	port := s.endpoints[0].listener.Addr().(*net.TCPAddr).Port
	if len(c.ProxyProtocolFrom) > 0 { // clients know the balancer's port
		port = publicPort(c.Endpoint)
	}
	_, err := s.add(ctx, "plain", c.HTTPListen, newHTTP(c, s.app.Log, plain(s.tls, port)), false)
	return err
}

// publicPort is the port of an HTTPS URL.
func publicPort(endpoint string) int {
	if u, err := url.Parse(endpoint); err == nil {
		if n, err := strconv.Atoi(u.Port()); err == nil {
			return n
		}
	}
	return 443
}

// listenAuth opens the authentication server's own listener, if it has one:
// there every client is asked for a certificate.
func (s *Server) listenAuth(ctx context.Context, c *config.Config) error {
	if c.AuthListen == "" {
		return nil
	}
	return s.listenPart(ctx, c, c.AuthListen, Part{"auth", s.app.AuthHandler(), true})
}

// listenPart opens the listener of a part at address.
func (s *Server) listenPart(ctx context.Context, c *config.Config, address string, p Part) error {
	h := newHTTP(c, s.app.Log, p.Handler)
	h.WriteTimeout = time.Minute
	if s.tls != nil {
		conf := tlsConfig(s.tls)
		if p.Asks {
			conf = sts.Asking(conf)
		} else {
			h.Handler = secure(s.tls, c.HSTS, h.Handler)
		}
		h.TLSConfig = spare(s.tls, conf)
	}
	_, err := s.add(ctx, p.Name, address, h, true)
	return err
}

// listenWeb opens the listener of the pages: an origin of their own, which no
// stored object shares.
func (s *Server) listenWeb(ctx context.Context, c *config.Config) error {
	if c.WebListen == "" || c.WebListen == "off" {
		return nil
	}
	err := s.listenPart(ctx, c, c.WebListen, Part{"web", s.app.Pages(), false})
	if err != nil && !c.WebGiven() {
		s.app.Log.Warn("no pages", "error", err.Error())
		if s.app.Web != nil {
			s.app.Web.URL = "" // another program answers there
		}
		return nil
	}
	return err
}

func (s *Server) listenAdmin(ctx context.Context, c *config.Config) error {
	if c.AdminListen == "" || c.AdminListen == "off" {
		return nil
	}
	_, err := s.add(ctx, "admin", c.AdminListen, newHTTP(c, s.app.Log, s.app.Admin()), false)
	if err != nil && !c.AdminGiven() {
		// Nobody asked for this port: a second server on the machine goes without.
		s.app.Log.Warn("no admin listener", "error", err.Error())
		return nil
	}
	return err
}
