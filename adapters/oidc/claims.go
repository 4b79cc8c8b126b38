package oidc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/mucura/mucura/core/sts"
)

const (
	maxGroups = 64
	maxGroup  = 256 // bytes
)

// claims are what a verified token says.
type claims struct {
	token *oidc.IDToken
	all   map[string]any
}

func refuse(format string, args ...any) error {
	return &sts.TokenError{Text: fmt.Sprintf(format, args...)}
}

// check checks audience and times, and what the WLCG profile requires.
func (c *claims) check(i *issuer) error {
	now := i.now()
	if c.token.Subject == "" {
		return refuse("The token names no subject.")
	}
	if c.token.Expiry.IsZero() || c.token.IssuedAt.IsZero() {
		return refuse("The token must say when it was issued (iat) and when it expires (exp).")
	}
	if !now.Before(c.token.Expiry.Add(skew)) {
		return &sts.TokenError{Text: "The token expired at " + c.token.Expiry.UTC().Format(time.RFC3339) + ".", Expired: true}
	}
	if c.token.IssuedAt.After(now.Add(skew)) {
		return refuse("The token was issued in the future: compare the clocks.")
	}
	if nbf, ok := c.time("nbf"); ok && nbf.After(now.Add(skew)) {
		return refuse("The token is not valid yet.")
	}
	if _, ok := i.audience(c.token.Audience); !ok {
		return refuse("The token is for %.200q, not for this service.", strings.Join(c.token.Audience, " "))
	}
	if _, wlcg := c.all["wlcg.ver"]; wlcg && c.text("jti") == "" {
		return refuse("A token of the WLCG profile must have a jti.")
	}
	return nil
}

// audience finds one of ours.
func (i *issuer) audience(of []string) (string, bool) {
	for _, a := range of {
		if (i.ClientID != "" && a == i.ClientID) || slices.Contains(i.Audiences, a) || (i.AnyAudience && a == AnyAudience) {
			return a, true
		}
	}
	return "", false
}

func (c *claims) text(name string) string {
	s, _ := c.all[name].(string)
	return s
}

// scopes are those of the token, as one text (RFC 8693) or, as some issuers have
// it, a list, under either name. What is neither is refused: scopes that are not
// understood must not give more than they say.
func (c *claims) scopes() (list []string, err error) {
	for _, name := range []string{"scope", "scp"} {
		switch v := c.all[name].(type) {
		case nil:
		case string:
			list = append(list, strings.Fields(v)...)
		case []any:
			for _, one := range v {
				s, ok := one.(string)
				if !ok {
					return nil, refuse("The token's %s is not a list of texts.", name)
				}
				list = append(list, strings.Fields(s)...)
			}
		default:
			return nil, refuse("The token's %s is neither a text nor a list of them.", name)
		}
	}
	return list, nil
}

func (c *claims) time(name string) (time.Time, bool) {
	n, ok := c.all[name].(float64)
	return time.Unix(int64(n), 0), ok
}

// groups are those of the first claim that has some, in the token's order: in
// the WLCG profile the first is the primary one.
func (c *claims) groups(i *issuer) (list []string) {
	for _, name := range i.GroupsClaims {
		values, _ := c.all[name].([]any)
		for _, v := range values {
			g, ok := v.(string)
			if ok && g != "" && len(g) <= maxGroup && len(list) < maxGroups && !strings.ContainsFunc(g, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				list = append(list, g)
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// user is the subject, with the rights its scopes give.
func (c *claims) user(i *issuer) (*sts.WebUser, error) {
	audience, _ := i.audience(c.token.Audience)
	scopes, err := c.scopes()
	if err != nil {
		return nil, err
	}
	policy, err := storagePolicy(scopes)
	if err != nil {
		return nil, err
	}
	return &sts.WebUser{
		Issuer: i.URL, Subject: c.token.Subject, Audience: audience, Groups: c.groups(i), Expires: c.token.Expiry, Policy: policy,
	}, nil
}
