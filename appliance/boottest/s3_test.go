package boottest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// The administrator of seeded appliances.
const (
	rootKey    = "BOOTTESTROOT0000000000"
	rootSecret = "boottest-secret-of-the-root-0123456789"
)

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// authority fetches the certificate of the appliance's own authority over plain
// HTTP and holds it to the fingerprint that the console shows, as people do.
func authority(ctx context.Context, dial dialer, fingerprint string) (*x509.CertPool, error) {
	plain := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: time.Minute}
	r, err := http.NewRequestWithContext(ctx, "GET", "http://appliance/-/ca.pem", nil)
	if err != nil {
		return nil, err
	}
	resp, err := plain.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || resp.StatusCode != 200 {
		return nil, fmt.Errorf("no certificate: %s %.200s", resp.Status, text)
	}
	sum := sha256.Sum256(block.Bytes)
	plainHex := strings.NewReplacer(":", "", " ", "").Replace(strings.ToLower(fingerprint))
	if fingerprint != "" && plainHex != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("the authority's fingerprint is %x, the console shows %s", sum, fingerprint)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool, nil
}

// client speaks S3 to an appliance over verified TLS.
func client(dial dialer, roots *x509.CertPool, name, key, secret string) *harness.Client {
	return &harness.Client{
		Endpoint: "https://" + name,
		Creds:    sigv4.Credentials{AccessKeyID: key, SecretAccessKey: secret},
		HTTP: &http.Client{Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true,
		}},
	}
}

// eventually waits until f finds nothing wrong.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(hang); ; time.Sleep(300 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// serving waits until S3 answers a signed request, and gives the client.
func serving(t *testing.T, dial dialer, fingerprint, name, key, secret string) (c *harness.Client) {
	t.Helper()
	eventually(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		roots, err := authority(ctx, dial, fingerprint)
		if err != nil {
			return err
		}
		c = client(dial, roots, name, key, secret)
		_, err = c.Must(ctx, "GET", "", "", "", nil, 200)
		return err
	})
	return c
}

// contents is what a test has stored: bodies by key.
type contents map[string][]byte

// body gives bytes that no compression and no cache makes easy.
func body(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 7})
	_, _ = r.Read(b)
	return b
}

// use puts, gets, lists and uploads in parts, and returns what is stored then.
func use(t *testing.T, c *harness.Client, bucket string) contents {
	t.Helper()
	ctx := t.Context()
	stored := contents{"small.txt": []byte("a small one\n"), "müll/größer.bin": body(1, 3<<20), "empty": {}}
	if _, err := c.Must(ctx, "PUT", bucket, "", "", nil, 200); err != nil {
		t.Fatal(err)
	}
	for key, b := range stored {
		if _, err := c.Must(ctx, "PUT", bucket, key, "", b, 200); err != nil {
			t.Fatal(err)
		}
	}
	parts, err := multipart(ctx, c, bucket, "parts.bin")
	if err != nil {
		t.Fatal(err)
	}
	stored["parts.bin"] = parts
	stored.check(t, c, bucket)
	return stored
}

func multipart(ctx context.Context, c *harness.Client, bucket, key string) ([]byte, error) {
	a, err := c.Must(ctx, "POST", bucket, key, "uploads=", nil, 200)
	if err != nil {
		return nil, err
	}
	var made struct{ UploadId string }
	if err := xml.Unmarshal(a.Body, &made); err != nil || made.UploadId == "" {
		return nil, errors.Join(err, fmt.Errorf("no upload ID in %s", a.Body))
	}
	var all []byte
	list := "<CompleteMultipartUpload>"
	for n, part := range [][]byte{body(2, 5<<20), body(3, 5<<20+1), body(4, 77)} {
		a, err := c.Must(ctx, "PUT", bucket, key, fmt.Sprintf("partNumber=%d&uploadId=%s", n+1, made.UploadId), part, 200)
		if err != nil {
			return nil, err
		}
		list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n+1, a.Header.Get("ETag"))
		all = append(all, part...)
	}
	_, err = c.Must(ctx, "POST", bucket, key, "uploadId="+made.UploadId, []byte(list+"</CompleteMultipartUpload>"), 200)
	return all, err
}

// check reads everything back: these keys, no others, these bytes.
func (s contents) check(t *testing.T, c *harness.Client, bucket string) {
	t.Helper()
	keys, err := c.List(t.Context(), bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != len(s) {
		t.Errorf("%d objects are listed, %d stored", len(keys), len(s))
	}
	for key, want := range s {
		a, err := c.Must(t.Context(), "GET", bucket, key, "", nil, 200)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(a.Body, want) {
			t.Errorf("%s has other bytes than were stored", key)
		}
	}
}
