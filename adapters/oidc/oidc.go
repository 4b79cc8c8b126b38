// Package oidc trusts OpenID Connect issuers: it verifies their tokens, also
// those of the WLCG profile, and signs people in at them (authorization code
// with PKCE).
package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/mucura/mucura/core/sts"
)

const (
	maxToken = 16 << 10 // bytes
	// skew allows for clocks that differ.
	skew = 5 * time.Minute
	// AnyAudience is WLCG's audience for every service (WLCG token profile 1.0).
	AnyAudience = "https://wlcg.cern.ch/jwt/v1/any"
)

// Issuer is an issuer that is trusted.
type Issuer struct {
	URL  string // exactly as tokens name it
	Name string // for people; "" is the host of URL
	// ClientID and ClientSecret are ours at the issuer; the secret is empty for
	// a public client. Without a client ID nobody signs in here, but tokens count.
	ClientID, ClientSecret string
	// Audiences are ours besides ClientID.
	Audiences []string
	// AnyAudience accepts tokens for AnyAudience.
	AnyAudience bool
	// GroupsClaims are where groups are looked for; nil: wlcg.groups,
	// eduperson_entitlement and groups.
	GroupsClaims []string
	// Scopes are asked for besides openid, profile and email.
	Scopes []string
}

// Issuers are all that are trusted. It implements sts.WebIdentity.
type Issuers struct {
	list []*issuer
}

type issuer struct {
	Issuer
	now  func() time.Time
	http *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
	keys     *keySet
	// failure is why the issuer was not found at failed, by the monotonic clock.
	failure error
	failed  time.Time
}

// New makes the list. client is used to ask issuers; nil: one with a time limit.
// It asks nobody yet: an issuer that is away harms only its own people.
func New(list []Issuer, now func() time.Time, client *http.Client) (*Issuers, error) {
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	s := &Issuers{}
	for _, i := range list {
		u, err := url.Parse(i.URL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && !loopback(u)) || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("OpenID Connect issuer %q is not an https URL", i.URL)
		}
		if i.Name == "" {
			i.Name = u.Host
		}
		if i.GroupsClaims == nil {
			i.GroupsClaims = []string{"wlcg.groups", "eduperson_entitlement", "groups"}
		}
		if s.find(i.URL) != nil {
			return nil, fmt.Errorf("OpenID Connect issuer %q is given twice", i.URL)
		}
		s.list = append(s.list, &issuer{Issuer: i, now: now, http: client})
	}
	return s, nil
}

// loopback allows plain HTTP for trials on one machine.
func loopback(u *url.URL) bool {
	return u.Scheme == "http" && slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, u.Hostname())
}

func (s *Issuers) find(url string) *issuer {
	for _, i := range s.list {
		if i.URL == url {
			return i
		}
	}
	return nil
}

// ready discovers the issuer (OpenID Connect Discovery 1.0) when that has not
// been done; its document must name the very issuer.
func (i *issuer) ready(ctx context.Context) (*oidc.Provider, *keySet, error) {
	asked := time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, i.keys, nil
	}
	if i.failed.After(asked) {
		// Those who waited must not each wait as long in turn, for up to the client's
		// time limit: anybody can name the issuer in a token.
		return nil, nil, i.failure
	}
	p, keys, err := i.discover(ctx)
	if err != nil {
		i.failure, i.failed = err, time.Now()
		return nil, nil, err
	}
	i.provider, i.keys = p, keys
	return p, keys, nil
}

func (i *issuer) discover(ctx context.Context) (*oidc.Provider, *keySet, error) {
	// The provider outlives the request that finds it.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.http), i.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("discover %s: %w", i.URL, err)
	}
	var doc struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := p.Claims(&doc); err != nil || doc.JWKS == "" {
		return nil, nil, fmt.Errorf("discover %s: no jwks_uri: %w", i.URL, err)
	}
	return p, &keySet{url: doc.JWKS, http: i.http, now: i.now}, nil
}

// Verify verifies a token and tells who it speaks for. When it tells no groups,
// the issuer is asked for them (see claims.fill); access is the access token that
// came with it, "" for none. The error is a *sts.TokenError when the token is to
// blame; otherwise its issuer could not be asked.
func (s *Issuers) Verify(ctx context.Context, token, access string) (*sts.WebUser, error) {
	i, err := s.issuerOf(token)
	if err != nil {
		return nil, err
	}
	c, err := i.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if c.lacks(i, false) {
		if err := c.fill(ctx, i, token, access); err != nil {
			return nil, err
		}
	}
	return c.user(i)
}

// issuerOf finds whose token it claims to be. Nothing is believed yet.
func (s *Issuers) issuerOf(token string) (*issuer, error) {
	bad := &sts.TokenError{Text: "The token is not a signed JSON Web Token."}
	if len(token) > maxToken {
		return nil, &sts.TokenError{Text: fmt.Sprintf("The token has more than %d bytes.", maxToken)}
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, bad
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, bad
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, bad
	}
	if i := s.find(c.Issuer); i != nil {
		return i, nil
	}
	return nil, &sts.TokenError{Text: fmt.Sprintf("The issuer %.200q is not trusted here.", c.Issuer)}
}

// verified is the payload of a token whose signature was checked: oidc.KeySet.
type verified []byte

func (v verified) VerifySignature(context.Context, string) ([]byte, error) { return v, nil }

// verify checks signature and times.
func (i *issuer) verify(ctx context.Context, token string) (*claims, error) {
	_, keys, err := i.ready(ctx)
	if err != nil {
		return nil, err
	}
	// go-oidc hides why a signature could not be checked, so that is done first.
	payload, err := keys.VerifySignature(ctx, token)
	var away *awayError
	switch {
	case errors.As(err, &away):
		return nil, err
	case err != nil:
		return nil, &sts.TokenError{Text: "The token's signature is wrong.", Cause: err}
	}
	v := oidc.NewVerifier(i.URL, verified(payload), &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algorithmNames(), // claims.check does
	})
	id, err := v.Verify(ctx, token)
	if err != nil {
		return nil, &sts.TokenError{Text: "The token's form is wrong.", Cause: err}
	}
	c := &claims{token: id}
	if err := id.Claims(&c.all); err != nil {
		return nil, &sts.TokenError{Text: "The token's claims are malformed.", Cause: err}
	}
	return c, c.check(i)
}
