package redistest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Client is a plain client of the server; close it.
func (s *Server) Client() (*goredis.Client, error) {
	goredis.SetLogger(&logging.VoidLogger{}) // a server that is starting refuses many
	o := &goredis.Options{Addr: s.Addr, Password: s.o.Password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1}
	if s.o.TLS {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		o.TLSConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return goredis.NewClient(o), nil
}

// Do sends one command over a connection of its own.
func (s *Server) Do(ctx context.Context, args ...any) (any, error) {
	c, err := s.Client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(ctx, args...).Result()
}

// certificates makes a CA and the server's certificate.
func (s *Server) certificates() error {
	s.CAFile = s.file("ca.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redistest"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	// The CA's certificate is the server's, too: it names the address.
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return errors.Join(
		os.WriteFile(s.CAFile, cert, 0o600),
		os.WriteFile(s.file("cert.pem"), cert, 0o600),
		os.WriteFile(s.file("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
