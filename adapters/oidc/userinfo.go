package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/mucura/mucura/core/sts"
)

const (
	maxUserInfo = 64 << 10 // bytes of an answer
	// maxAccess bounds an access token, bytes: it goes into a header.
	maxAccess = 8 << 10
)

// fill asks the issuer's userinfo (OpenID Connect Core 1.0, section 5.3) for what
// the token does not tell, where most issuers alone tell groups and address. access
// opens it; "": the token itself, if it is an access token that may. What the
// token says stays as it is. An issuer that has nothing to say, or not to this
// token, is no error; one that does not answer is, for groups decide what a
// person may do. It is a *sts.TokenError when the answer is about somebody else.
func (c *claims) fill(ctx context.Context, i *issuer, raw, access string) error {
	if len(access) > maxAccess || strings.ContainsFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return refuse("The access token is malformed.")
	}
	if access != "" && c.token.AccessTokenHash != "" && c.token.VerifyAccessToken(access) != nil {
		return refuse("The access token is not the one that came with the ID token.")
	}
	if scopes, err := c.scopes(); err != nil {
		return err
	} else if access == "" && slices.Contains(scopes, oidc.ScopeOpenID) {
		access = raw
	}
	if access == "" {
		return nil
	}
	p, _, err := i.ready(ctx)
	if err != nil {
		return err
	}
	more, err := i.userInfo(ctx, p.UserInfoEndpoint(), access)
	if err != nil || more == nil {
		return err
	}
	if sub, _ := more["sub"].(string); sub != c.token.Subject {
		return &sts.TokenError{Text: "The access token is of somebody else.", Cause: fmt.Errorf("userinfo of %s is about %.100q", i.URL, sub)}
	}
	for name, value := range more {
		if _, there := c.all[name]; !there && !ofToken(name) {
			c.all[name] = value
		}
	}
	return nil
}

// ofToken tells claims that say what a token is good for, not whose it is.
func ofToken(name string) bool {
	return slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "azp", "nonce", "wlcg.ver"}, name)
}

// lacks tells whether a sign-in needs more than the token says.
func (c *claims) lacks(i *issuer, email bool) bool {
	return len(c.groups(i)) == 0 || email && c.text("email") == ""
}

// userInfo asks; nil is an issuer that has none, or does not tell this token.
func (i *issuer) userInfo(ctx context.Context, endpoint, access string) (map[string]any, error) {
	u, err := url.Parse(endpoint)
	if endpoint == "" || err != nil || u.Scheme != "https" && !loopback(u) {
		return nil, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+access)
	req.Header.Set("Accept", "application/json, application/jwt")
	direct := *i.http // the token goes to the issuer and nowhere else
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := direct.Do(req)
	if err != nil {
		return nil, fmt.Errorf("userinfo of %s: %w", i.URL, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("userinfo of %s: %s", i.URL, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxUserInfo+1))
	if err != nil {
		return nil, fmt.Errorf("userinfo of %s: %w", i.URL, err)
	}
	if len(body) > maxUserInfo {
		return nil, fmt.Errorf("userinfo of %s: more than %d bytes", i.URL, maxUserInfo)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/jwt" {
		_, keys, err := i.ready(ctx)
		if err != nil {
			return nil, err
		}
		if body, err = keys.VerifySignature(ctx, string(bytes.TrimSpace(body))); err != nil {
			return nil, fmt.Errorf("userinfo of %s: %w", i.URL, err)
		}
	}
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil || all == nil {
		return nil, fmt.Errorf("userinfo of %s is no JSON object", i.URL)
	}
	return all, nil
}
