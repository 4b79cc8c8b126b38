package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// freshKeys is how long an issuer's keys are used without asking again, and
	// staleKeys how long when it cannot be asked (WLCG token profile).
	freshKeys = 6 * time.Hour
	staleKeys = 48 * time.Hour
	// againAfter is the least time between two questions: a token that names an
	// unknown key must not make us ask at every request.
	againAfter = time.Minute
	maxKeys    = 1 << 20 // bytes of a key set
)

// algorithms that tokens may be signed with.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}
}

func algorithmNames() (names []string) {
	for _, a := range algorithms() {
		names = append(names, string(a))
	}
	return names
}

// keySet is the keys of an issuer: oidc.KeySet.
type keySet struct {
	url  string
	http *http.Client
	now  func() time.Time

	mu      sync.Mutex
	keys    jose.JSONWebKeySet
	fetched time.Time // when keys were
	asked   time.Time // when they were last asked for, in vain or not
}

// awayError: the issuer could not be asked for its keys.
type awayError struct{ err error }

func (e *awayError) Error() string { return "issuer's keys: " + e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

var errNoKey = errors.New("signed with a key the issuer does not have")

// VerifySignature checks a token's signature and gives its payload.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSigned(token, algorithms())
	if err != nil {
		return nil, err
	}
	if len(jws.Signatures) != 1 {
		return nil, errors.New("a token has one signature")
	}
	keys, err := k.find(ctx, jws.Signatures[0].Header.KeyID)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if payload, err := jws.Verify(&keys[i]); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("signature does not verify")
}

// find gives the keys of an ID, or with none all.
func (k *keySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	found := k.match(id)
	if len(found) > 0 && now.Sub(k.fetched) < freshKeys {
		return found, nil
	}
	var err error
	if now.Sub(k.asked) >= againAfter {
		k.asked = now
		if err = k.fetch(ctx); err == nil {
			k.fetched = now
			found = k.match(id)
		}
	}
	switch {
	case k.fetched.IsZero() || now.Sub(k.fetched) >= staleKeys:
		if err == nil {
			err = errors.New("not to be had a moment ago")
		}
		return nil, &awayError{err}
	case len(found) == 0 && err != nil:
		return nil, &awayError{err}
	case len(found) == 0:
		return nil, errNoKey
	}
	return found, nil
}

func (k *keySet) match(id string) (found []jose.JSONWebKey) {
	for _, key := range k.keys.Keys {
		if (id == "" || key.KeyID == id) && key.Use != "enc" && key.IsPublic() {
			found = append(found, key)
		}
	}
	return found
}

func (k *keySet) fetch(ctx context.Context) error {
	// Others wait for the answer, too: it is not one request's alone.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, k.url, nil)
	if err != nil {
		return err
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", k.url, resp.Status)
	}
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxKeys)).Decode(&keys); err != nil {
		return fmt.Errorf("%s: %w", k.url, err)
	}
	k.keys = keys
	return nil
}
