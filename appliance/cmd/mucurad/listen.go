package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/sts"
)

// listen opens the listeners: what is wrong with them is known before anything
// is said to work.
func listen(ctx context.Context, a *app.App) (*server, error) {
	c := a.Config
	s := &server{app: a}
	var err error
	if s.tls, err = autotls.Open(ctx, c, a.Stores.Registry, a.Stores.SiteKey, a.Stores.OldSiteKeys, a.Log); err != nil {
		return nil, err
	}
	if s.tls != nil {
		a.WatchCertificates(s.tls.Expiries)
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
func (s *server) add(ctx context.Context, name, address string, h *http.Server, drains bool) (*endpoint, error) {
	lc := net.ListenConfig{Control: dropStalled(s.app.Config)}
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	e := &endpoint{name: name, listener: l, http: h, drains: drains}
	s.endpoints = append(s.endpoints, e)
	return e, nil
}

func (s *server) listenS3(ctx context.Context, c *config.Config) error {
	h := newHTTP(c, s.app.Log, s.app)
	if s.tls != nil {
		h.Handler = autotls.Secure(s.tls, c.HSTS, s.app)
		h.TLSConfig = autotls.Spare(s.tls, s.app.Auth.ByHost(autotls.Config(s.tls)))
	}
	_, err := s.add(ctx, "s3", c.Listen, h, true)
	return err
}

// listenPlain opens the plain HTTP listener beside TLS.
func (s *server) listenPlain(ctx context.Context, c *config.Config) error {
	if s.tls == nil || c.HTTPListen == "" {
		return nil
	}
	port := s.endpoints[0].listener.Addr().(*net.TCPAddr).Port
	_, err := s.add(ctx, "plain", c.HTTPListen, newHTTP(c, s.app.Log, autotls.Plain(s.tls, port)), false)
	return err
}

// listenAuth opens the authentication server's own listener, if it has one:
// there every client is asked for a certificate.
func (s *server) listenAuth(ctx context.Context, c *config.Config) error {
	if c.AuthListen == "" {
		return nil
	}
	h := newHTTP(c, s.app.Log, s.app.AuthHandler())
	h.WriteTimeout = time.Minute
	if s.tls != nil {
		h.TLSConfig = autotls.Spare(s.tls, sts.Asking(autotls.Config(s.tls)))
	}
	_, err := s.add(ctx, "auth", c.AuthListen, h, true)
	return err
}

// listenWeb opens the listener of the pages: an origin of their own, which no
// stored object shares.
func (s *server) listenWeb(ctx context.Context, c *config.Config) error {
	if c.WebListen == "" || c.WebListen == "off" {
		return nil
	}
	h := newHTTP(c, s.app.Log, s.app.Pages())
	h.WriteTimeout = time.Minute
	if s.tls != nil {
		h.Handler = autotls.Secure(s.tls, c.HSTS, h.Handler)
		h.TLSConfig = autotls.Spare(s.tls, autotls.Config(s.tls))
	}
	_, err := s.add(ctx, "web", c.WebListen, h, true)
	if err != nil && !c.WebGiven() {
		s.app.Log.Warn("no pages", "error", err.Error())
		return nil
	}
	return err
}

func (s *server) listenAdmin(ctx context.Context, c *config.Config) error {
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
