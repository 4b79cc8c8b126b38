// Package login gets time-limited credentials from an authentication server:
// for a grid proxy or certificate, by mutual TLS or a signed request, for an
// OpenID Connect token, or for an access key that wants to be narrowed.
package login

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/gridproxy"
)

// Certificate is a certificate or proxy with its private key.
type Certificate struct {
	tls.Certificate
	Path string
	// Owner is the subject of the end-entity certificate, as grid tools write it.
	Owner string
	// Proxy: the first certificate is one that its owner made.
	Proxy bool
	// NotAfter is when the first certificate of the chain to expire does.
	NotAfter time.Time

	// open gets the private key, where that has a passphrase; nil when it is there.
	open func() (any, error)
}

// Unlock opens a private key that has a passphrase, which it finds or asks for.
// The block is as it is in the file of that path: "ENCRYPTED PRIVATE KEY", or an
// old form with the header DEK-Info. It is asked once, when the key is needed.
type Unlock func(path string, block *pem.Block) (key any, err error)

// maxFile bounds the files that are read.
const maxFile = 1 << 20

// Find looks for a certificate as grid tools do: $X509_USER_PROXY, the usual
// proxy file, $X509_USER_CERT with $X509_USER_KEY. Nothing at all is nil
// without an error; a file that was named and is not there is an error. At the
// usual place only a file of the person's own counts.
func Find(get func(string) string, unlock Unlock) (*Certificate, error) {
	if path := get("X509_USER_PROXY"); path != "" {
		return Load(path, path, unlock)
	}
	usual := "/tmp/x509up_u" + strconv.Itoa(os.Getuid())
	if ours(usual) {
		return Load(usual, usual, unlock)
	}
	cert, key := get("X509_USER_CERT"), get("X509_USER_KEY")
	if cert == "" {
		return nil, nil
	}
	if key == "" {
		key = cert
	}
	return Load(cert, key, unlock)
}

// Load reads a certificate with its chain, leaf first, and its private key,
// which may be in the same file: PKCS#1, PKCS#8 or SEC1. One with a passphrase
// stays locked until it is needed; nil unlocks none, and is an error then. A key
// file that others may read is refused, as grid tools do.
func Load(certPath, keyPath string, unlock Unlock) (*Certificate, error) {
	c := &Certificate{Path: certPath}
	text, err := read(certPath)
	if err != nil {
		return nil, err
	}
	if c.Certificate.Certificate, err = gridproxy.ParsePEM(text); err != nil {
		return nil, fmt.Errorf("%s: there is no certificate in it that can be read: %w", certPath, err)
	}
	block, err := keyBlock(keyPath)
	if err != nil {
		return nil, err
	}
	if err := c.describe(); err != nil {
		return nil, fmt.Errorf("%s: %w", certPath, err)
	}
	c.open = func() (any, error) { return c.key(block, keyPath, unlock) }
	if locked(block) && unlock != nil {
		return c, nil
	}
	return c, c.Open()
}

// Open gets the private key, if it is locked still. What needs the key does it
// by itself.
func (c *Certificate) Open() (err error) {
	if c.open == nil {
		return nil
	}
	if c.PrivateKey, err = c.open(); err == nil {
		c.open = nil
	}
	return err
}

// key reads the private key in the block of a file, which must be that of the
// certificate.
func (c *Certificate) key(block *pem.Block, path string, unlock Unlock) (key any, err error) {
	switch {
	case !locked(block):
		key, err = parseKey(block)
	case unlock == nil:
		return nil, &client.AuthError{Message: path + ": the private key has a passphrase; make a proxy of it first (voms-proxy-init, grid-proxy-init)"}
	default:
		key, err = unlock(path, block)
	}
	if auth := (*client.AuthError)(nil); errors.As(err, &auth) || errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the private key cannot be read: %w", path, err)
	}
	if !matches(key, c.Leaf) {
		return nil, fmt.Errorf("the key in %s is not that of the certificate in %s", path, c.Path)
	}
	return key, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is too long", path)
	}
	return os.ReadFile(path)
}

// keyBlock finds the private key in a file.
func keyBlock(path string) (*pem.Block, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, &client.AuthError{Message: fmt.Sprintf("%s has a private key that others may read; run: chmod 600 %s", path, path)}
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, fmt.Errorf("%s: there is no private key in it", path)
		}
		switch block.Type {
		case "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
			return block, nil
		}
	}
}

// locked tells whether a private key has a passphrase.
func locked(block *pem.Block) bool {
	return block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != ""
}

func parseKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey:
		return key, nil
	}
	return nil, errors.New("it is neither RSA nor ECDSA")
}

func matches(key any, leaf *x509.Certificate) bool {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k.PublicKey.Equal(leaf.PublicKey)
	case *ecdsa.PrivateKey:
		return k.PublicKey.Equal(leaf.PublicKey)
	}
	return false
}

// proxyCertInfo marks a proxy of RFC 3820.
const proxyCertInfo = "1.3.6.1.5.5.7.1.14"

func isProxy(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.String() == proxyCertInfo {
			return true
		}
	}
	return c.Subject.CommonName == "proxy" || c.Subject.CommonName == "limited proxy"
}

// describe reads what messages and checks need of the chain. It is no
// verification: that is the server's.
func (c *Certificate) describe() error {
	for i, der := range c.Certificate.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("a certificate cannot be read: %w", err)
		}
		if i == 0 {
			c.Leaf, c.Proxy, c.NotAfter = cert, isProxy(cert), cert.NotAfter
		}
		if cert.NotAfter.Before(c.NotAfter) {
			c.NotAfter = cert.NotAfter
		}
		if c.Owner == "" && !isProxy(cert) {
			name, err := gridproxy.ParseName(cert.RawSubject)
			if err != nil {
				return err
			}
			c.Owner = name.Slash()
		}
	}
	return nil
}

// Check tells in words what to do when the certificate is of no use now.
func (c *Certificate) Check(now time.Time) error {
	switch {
	case now.Before(c.NotAfter):
		return nil
	case c.Proxy:
		return &client.AuthError{Message: fmt.Sprintf("your grid proxy expired at %s (%s); run voms-proxy-init", c.NotAfter.UTC().Format(time.RFC3339), c.Path)}
	}
	return &client.AuthError{Message: fmt.Sprintf("your certificate expired at %s (%s); ask your certification authority for another", c.NotAfter.UTC().Format(time.RFC3339), c.Path)}
}
