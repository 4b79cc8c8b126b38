package sigv4

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

func TestSigningKeyIsHMAC(t *testing.T) {
	// The chain of the documentation, with the library's HMAC.
	key := []byte("AWS4" + exampleSecret)
	for _, part := range []string{"20130524", "r", "s3", "aws4_request", "text"} {
		key = hmacSHA256(key, part)
	}
	k := newSigningKey(exampleSecret, "20130524", "r", service)
	for range 3 {
		var sig signature
		k.sign(&sig, []byte("text"))
		if got := string(sig[:]); got != hex.EncodeToString(key) || !sig.is(got) || sig.is(got[1:]) || sig.is("0"+got[1:]) && got[0] != '0' {
			t.Errorf("%s, want %x", got, key)
		}
	}
}

func TestKeyCache(t *testing.T) {
	v := exampleVerifier()
	verified(t, v, goodPut(t))
	if len(v.signingKeys.keys) != 1 {
		t.Errorf("%d keys", len(v.signingKeys.keys))
	}
	// Wrong signatures leave nothing behind.
	r := goodPut(t)
	respace(r, "/mucura/", "/elsewhere/")
	refused(t, v, r)
	if len(v.signingKeys.keys) != 1 {
		t.Errorf("%d keys after a wrong signature", len(v.signingKeys.keys))
	}
	for i := range 2 * maxSigningKeys {
		scope := keyScope{exampleID, exampleSecret, "20130524", fmt.Sprint("region", i), service}
		key, cached := v.signingKeys.get(scope)
		if cached {
			t.Fatal("known too early")
		}
		v.signingKeys.put(scope, key)
		if again, cached := v.signingKeys.get(scope); !cached || again != key {
			t.Fatal("not known")
		}
	}
	if len(v.signingKeys.keys) > maxSigningKeys {
		t.Errorf("%d keys", len(v.signingKeys.keys))
	}
}

// changingKeys gives another secret every time it is turned.
type changingKeys struct{ turn *atomic.Int64 }

func (c changingKeys) Key(_ context.Context, id, _ string) (Key, error) {
	return Key{ID: id, Secret: fmt.Sprint("secret", c.turn.Load())}, nil
}

// A changed secret counts at once.
func TestChangedSecret(t *testing.T) {
	var turn atomic.Int64
	v := exampleVerifier()
	v.Keys = changingKeys{&turn}
	request := func(secret string) *http.Request {
		r := sent(t, "GET", "http://s3.example.org/b/k", "")
		Sign(r, Credentials{AccessKeyID: exampleID, SecretAccessKey: secret}, "r", EmptyPayload, exampleTime)
		return transmit(t, r)
	}
	verified(t, v, request("secret0"))
	turn.Store(1)
	if e := refused(t, v, request("secret0")); e.Code != s3err.SignatureDoesNotMatch {
		t.Error(e)
	}
	verified(t, v, request("secret1"))
}

func TestVerifyConcurrently(t *testing.T) {
	v := exampleVerifier()
	var wg sync.WaitGroup
	for range 8 {
		good, bad := goodPut(t), goodPut(t)
		bad.Header.Set("X-Amz-Meta-A", "other")
		wg.Go(func() {
			for range 100 {
				if _, err := v.Verify(good); err != nil {
					t.Error(err)
				}
				if _, err := v.Verify(bad); err == nil {
					t.Error("accepted")
				}
			}
		})
	}
	wg.Wait()
}
