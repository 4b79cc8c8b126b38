package autotls

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/serve"
)

// checkEvery is how often files are looked at.
const checkEvery = 2 * time.Second

// files is a key pair read from files (an IGTF host certificate, say) and read
// again when they change, so a renewed certificate needs no restart.
type files struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	stamp             [2]time.Time
}

// Files serves the key pair in two PEM files.
func Files(certFile, keyFile string, log *slog.Logger) (serve.Source, error) {
	c := &files{certFile: certFile, keyFile: keyFile, log: log}
	return c, c.read()
}

func (c *files) read() error {
	stamp := c.modified()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current.Store(&pair)
	c.stamp = stamp
	return nil
}

func (c *files) modified() (t [2]time.Time) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}

// Run looks for changed files until ctx is done. A pair that cannot be read
// (a renewal half written) leaves the old one in use and is tried again.
func (c *files) Run(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if c.modified() == c.stamp {
				continue
			}
			if err := c.read(); err != nil {
				c.log.Warn("certificate not reloaded", "error", err.Error())
				continue
			}
			c.log.Info("certificate reloaded", "file", c.certFile)
		}
	}
}

func (c *files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

func (c *files) Protocols() []string                        { return nil }
func (c *files) HTTPHandler(next http.Handler) http.Handler { return next }
func (c *files) Authority() []byte                          { return nil }

func (c *files) Expiries() map[string]time.Time {
	leaf := c.current.Load().Leaf
	return map[string]time.Time{c.certFile: leaf.NotAfter}
}
