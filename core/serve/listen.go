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
)

// Listen opens the listeners that the settings ask for, with TLS when there is a
// source of certificates: what is wrong with them is known before anything is
// said to work.
func Listen(ctx context.Context, a *app.App, certificates Source) (*Server, error) {
	c := a.Config
	s := &Server{app: a, tls: certificates}
	if s.tls != nil {
		a.WatchCertificates(s.tls.Expiries)
		if sealed, ok := s.tls.(sealedSource); ok {
			a.OnSiteKeys(sealed.SetSiteKeys)
		}
	}
	for _, open := range []func(context.Context, *config.Config) error{s.listenS3, s.listenPlain, s.listenAuth, s.listenWeb, s.listenAdmin} {
		if err := open(ctx, c); err != nil {
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
	if name != "admin" { // which is for the site's own network
		from, err := s.app.Config.ProxyFrom()
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		if len(from) > 0 {
			l = listenProxied(l, from, s.app.Log)
		}
	}
	e := &endpoint{name: name, listener: l, http: h, drains: drains}
	s.endpoints = append(s.endpoints, e)
	return e, nil
}

func (s *Server) listenS3(ctx context.Context, c *config.Config) error {
	h := newHTTP(c, s.app.Log, s.app)
	if s.tls != nil {
		h.Handler = secure(s.tls, c.HSTS, s.app)
		h.TLSConfig = spare(s.tls, s.app.Auth.ByHost(tlsConfig(s.tls)))
	}
	_, err := s.add(ctx, "s3", c.Listen, h, true)
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
	h := newHTTP(c, s.app.Log, s.app.AuthHandler())
	h.WriteTimeout = time.Minute
	if s.tls != nil {
		h.TLSConfig = spare(s.tls, sts.Asking(tlsConfig(s.tls)))
	}
	_, err := s.add(ctx, "auth", c.AuthListen, h, true)
	return err
}

// listenWeb opens the listener of the pages: an origin of their own, which no
// stored object shares.
func (s *Server) listenWeb(ctx context.Context, c *config.Config) error {
	if c.WebListen == "" || c.WebListen == "off" {
		return nil
	}
	h := newHTTP(c, s.app.Log, s.app.Pages())
	h.WriteTimeout = time.Minute
	if s.tls != nil {
		h.Handler = secure(s.tls, c.HSTS, h.Handler)
		h.TLSConfig = spare(s.tls, tlsConfig(s.tls))
	}
	_, err := s.add(ctx, "web", c.WebListen, h, true)
	if err != nil && !c.WebGiven() {
		s.app.Log.Warn("no pages", "error", err.Error())
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
