package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// The certificate that all servers have, and its key, as MinIO names them.
const certFile, keyFile = "public.crt", "private.key"

// startTLS starts our server once more, over TLS.
func startTLS(bin, dir string) (*server, error) {
	cert, key := filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	if err := selfSigned(cert, key); err != nil {
		return nil, err
	}
	return launchWith("mucura TLS", filepath.Join(dir, "mucura-tls"), "https", func(port, admin, data string) *exec.Cmd {
		cmd := exec.Command(bin, "serve", "--listen", port, "--admin-listen", admin, "--data", data, "--tls-cert", cert, "--tls-key", key)
		cmd.Env = append(os.Environ(), "MUCURA_ROOT_ACCESS_KEY_ID="+harness.RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY="+harness.RootSecret)
		return cmd
	})
}

// selfSigned writes a certificate for the loopback address.
func selfSigned(certTo, keyTo string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for file, block := range map[string]*pem.Block{certTo: {Type: "CERTIFICATE", Bytes: der}, keyTo: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// idleRun opens n connections that have each made a request, keeps them idle,
// and tells what they cost in memory and whether others get slower.
func idleRun(o options, n int) error {
	makePayload(4 << 10)
	dir, err := os.MkdirTemp(o.dir, "mucura-idle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.peers, o.tls = false, true
	servers, err := start(o, dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, s := range servers {
		defer s.stop()
		if err := fill(4<<10, "get/4k", 100)(ctx, s, o); err != nil {
			return err
		}
		c := benchCase{name: "GET", op: get("get/4k", 100, 4<<10)}
		before, err := s.cost(ctx, o, c, 0, 8000)
		if err != nil {
			return err
		}
		memory := s.memory("VmRSS")
		conns, err := idle(s.client.Endpoint, n)
		if err != nil {
			return err
		}
		grown := s.memory("VmRSS") - memory
		after, err := s.cost(ctx, o, c, 1, 8000)
		for _, c := range conns {
			_ = c.Close()
		}
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d idle connections cost %.0f MiB (%.1f KiB each); GET 4 KiB %.0f µs without them, %.0f µs with them\n",
			s.name, n, grown, grown*1024/float64(n), before, after)
	}
	return nil
}

func idle(endpoint string, n int) (conns []net.Conn, err error) {
	scheme, addr, _ := strings.Cut(endpoint, "://")
	conns = make([]net.Conn, n)
	err = parallel(16, n, func(i int) error {
		// Each from an address of its own block, so ports do not run out.
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))}}
		c, err := d.Dial("tcp", addr)
		if err != nil {
			return err
		}
		if scheme == "https" {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		}
		conns[i] = c
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", addr); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	return conns, err
}
