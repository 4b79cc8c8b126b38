package sigv4

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

type oneKey Credentials

func (k oneKey) Key(_ context.Context, id, token string) (Key, error) {
	if id != k.AccessKeyID || token != k.SessionToken {
		return Key{}, s3err.InvalidAccessKeyID
	}
	return Key{ID: id, Secret: k.SecretAccessKey}, nil
}

// Another service than S3 signs the hash of its body, which may not be said in
// a header.
func TestOtherService(t *testing.T) {
	creds := Credentials{AccessKeyID: "ID", SecretAccessKey: "a secret", SessionToken: "token"}
	v := &Verifier{Keys: oneKey(creds), Service: "sts"}
	body := "Action=GetCallerIdentity&Version=2011-06-15"
	hash, err := hashBody(httptest.NewRequest("POST", "/", strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(sent, service string, said bool) error {
		r := httptest.NewRequest("POST", "/", strings.NewReader(sent))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		SignFor(service, r, creds, "mucura", hash, time.Now())
		if !said {
			r.Header.Del("X-Amz-Content-Sha256")
			a := r.Header.Get("Authorization")
			// as an SDK signs: without that header
			r.Header.Del("Authorization")
			seed := newSeed(creds, "mucura", service, time.Now().UTC())
			r.Header.Set("X-Amz-Date", seed.stamp)
			list := headersToSign(r.Header)
			seed.signRequest(r, list, hash)
			r.Header.Set("Authorization", a[:strings.Index(a, "SignedHeaders")]+"SignedHeaders="+list+",Signature="+seed.signature)
		}
		got, err := v.Verify(r)
		if err != nil {
			return err
		}
		if b, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(b, []byte(sent)) {
			t.Errorf("body %q, %v", b, err)
		}
		return nil
	}
	for _, said := range []bool{true, false} {
		if err := verify(body, "sts", said); err != nil {
			t.Errorf("said %v: %v", said, err)
		}
		if err := verify(body+"&x=y", "sts", said); err == nil {
			t.Errorf("said %v: took another body", said)
		}
		if err := verify(body, "s3", said); !errors.Is(err, s3err.AuthorizationHeaderMalformed) {
			t.Errorf("said %v: another service: %v", said, err)
		}
	}
}
