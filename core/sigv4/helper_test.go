package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

const (
	exampleID     = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleToken  = "token/of+a=session"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// exampleKeys knows one key, with the token or without.
type exampleKeys struct{}

func (exampleKeys) Key(_ context.Context, id, token string) (Key, error) {
	switch {
	case id != exampleID:
		return Key{}, s3err.InvalidAccessKeyID
	case token != "" && token != exampleToken:
		return Key{}, s3err.InvalidToken
	}
	return Key{ID: id, Secret: exampleSecret, Owner: token}, nil
}

func exampleVerifier() *Verifier {
	return &Verifier{Keys: exampleKeys{}, Now: func() time.Time { return exampleTime }}
}

func exampleCredentials() Credentials {
	return Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}
}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(...any)
}

// received is a request as net/http's server has it from the wire.
func received(t fataler, wire string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sent is a request about to be sent.
func sent(t testing.TB, method, url string, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// transmit is r as the server gets it.
func transmit(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return received(t, wire.String())
}

func sha(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// verified reads a request that must be right.
func verified(t testing.TB, v *Verifier, r *http.Request) (*Request, string) {
	t.Helper()
	req, err := v.Verify(r)
	if err != nil {
		t.Fatalf("Verify: %v\n%s", err, details(err))
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatalf("Body: %v\n%s", err, details(err))
	}
	return req, string(body)
}

// refused is the error a request must meet, at once or in its body.
func refused(t testing.TB, v *Verifier, r *http.Request) *s3err.Error {
	t.Helper()
	req, err := v.Verify(r)
	if err == nil {
		_, err = io.ReadAll(req.Body)
	}
	if err == nil {
		t.Fatal("accepted")
	}
	return rowed(t, err)
}

// rowed checks that an error is of the table and tells no secret.
func rowed(t testing.TB, err error) *s3err.Error {
	t.Helper()
	e := s3err.From(err)
	if errors.Is(err, s3err.InternalError) {
		t.Fatalf("no row for %v", err)
	}
	all := err.Error() + e.Message() + details(err)
	for _, secret := range []string{exampleSecret, hexBytes([]byte(exampleSecret)), "AWS4" + exampleSecret} {
		if strings.Contains(all, secret) {
			t.Fatalf("the error tells the secret: %s", all)
		}
	}
	return e
}

func details(err error) string {
	var b strings.Builder
	for _, f := range s3err.From(err).Fields {
		b.WriteString(f[0] + ": " + f[1] + "\n")
	}
	return b.String()
}

func field(e *s3err.Error, name string) string {
	for _, f := range e.Fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}
