package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mucura/mucura/adapters/acme"
	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	httpd "github.com/mucura/mucura/core/serve"
)

func tlsList(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		names, err := acme.Names(ctx, a.Stores.Registry)
		for _, n := range names {
			fmt.Println(n)
		}
		return err
	})
}

func tlsAdd(ctx context.Context, name string, args []string) error {
	return tlsName(ctx, name, args, withNewApp, func(a *app.App, name string) error {
		return acme.AddName(ctx, a.Stores.Registry, name, time.Now())
	})
}

func tlsRemove(ctx context.Context, name string, args []string) error {
	return tlsName(ctx, name, args, withApp, func(a *app.App, name string) error {
		return acme.RemoveName(ctx, a.Stores.Registry, name)
	})
}

// tlsName runs a command whose one argument is a name.
func tlsName(ctx context.Context, name string, args []string, with func(context.Context, *config.Config, func(*app.App) error) error, do func(*app.App, string) error) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	return with(ctx, c, func(a *app.App) error { return do(a, rest[0]) })
}

// tlsIssue writes ca.pem, cert.pem and key.pem, as a server on these stores
// would present them: the appliance's set-up page needs them before there is a
// server.
func tlsIssue(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	if c.TLS != "internal" {
		return fmt.Errorf("tls is %s: only the site's own authority (internal) issues", c.TLS)
	}
	return withNewApp(ctx, c, func(a *app.App) error {
		s, err := autotls.Open(ctx, c, a.Stores.Registry, a.Stores.SiteKey, a.Stores.OldSiteKeys, a.Log)
		if err != nil {
			return err
		}
		return issueInto(rest[0], s)
	})
}

func issueInto(dir string, s httpd.Source) error {
	own, ok := s.(interface {
		Authority() []byte
		Fingerprint() string
	})
	if !ok {
		return errors.New("this certificate is not the site's own authority's")
	}
	cert, err := s.GetCertificate(nil)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	err = errors.Join(writeFile(filepath.Join(dir, "ca.pem"), own.Authority()),
		writeFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		writeFile(filepath.Join(dir, "cert.pem"), chain))
	if err == nil {
		fmt.Println(own.Fingerprint())
	}
	return err
}
