package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mucura/mucura/core/client"
)

// Device gets an OpenID Connect token by the device flow (RFC 8628): the person
// opens a page somewhere else and types a code.
type Device struct {
	Issuer   string // URL of the provider
	ClientID string
	Scope    string // besides openid, email and profile
	Server   *Server
	// Show tells the person what to do.
	Show func(page, code, pageWithCode string)
	// Sleep waits; nil waits in real time. For tests.
	Sleep func(context.Context, time.Duration) error
}

type discovery struct {
	Issuer string `json:"issuer"`
	Device string `json:"device_authorization_endpoint"`
	Token  string `json:"token_endpoint"`
}

// Tokens runs the flow and gives the ID token, and the access token with it.
func (d *Device) Tokens(ctx context.Context) (none Tokens, err error) {
	issuer := strings.TrimSuffix(d.Issuer, "/")
	var found discovery
	if err := d.get(ctx, issuer+"/.well-known/openid-configuration", nil, &found); err != nil {
		return none, fmt.Errorf("provider %s: %w", issuer, err)
	}
	switch {
	case strings.TrimSuffix(found.Issuer, "/") != issuer:
		return none, &client.AuthError{Message: fmt.Sprintf("the provider calls itself %q, not %q", found.Issuer, d.Issuer)}
	case found.Device == "" || found.Token == "":
		return none, &client.AuthError{Message: "the provider has no device flow; use a token instead (BEARER_TOKEN, BEARER_TOKEN_FILE)"}
	}
	for _, endpoint := range []string{found.Device, found.Token} {
		if err := safe(endpoint); err != nil {
			return none, err
		}
	}
	scope := strings.TrimSpace("openid email profile " + d.Scope)
	var asked struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Page       string `json:"verification_uri"`
		FullPage   string `json:"verification_uri_complete"`
		ExpiresIn  int64  `json:"expires_in"`
		Interval   int64  `json:"interval"`
	}
	if err := d.get(ctx, found.Device, url.Values{"client_id": {d.ClientID}, "scope": {scope}}, &asked); err != nil {
		return none, fmt.Errorf("provider %s: %w", issuer, err)
	}
	if asked.DeviceCode == "" || asked.UserCode == "" || asked.Page == "" {
		return none, fmt.Errorf("provider %s: the answer is not that of a device flow", issuer)
	}
	d.Show(asked.Page, asked.UserCode, asked.FullPage)
	return d.poll(ctx, found.Token, asked.DeviceCode, time.Duration(asked.Interval)*time.Second, time.Duration(asked.ExpiresIn)*time.Second)
}

// poll asks for the token until the person has decided.
func (d *Device) poll(ctx context.Context, endpoint, code string, interval, life time.Duration) (none Tokens, err error) {
	if interval <= 0 {
		interval = 5 * time.Second
	}
	if life <= 0 {
		life = 10 * time.Minute
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code}, "client_id": {d.ClientID}}
	for waited := time.Duration(0); waited < life; {
		if err := d.sleep(ctx, interval); err != nil {
			return none, err
		}
		waited += interval
		var got struct {
			IDToken     string `json:"id_token"`
			AccessToken string `json:"access_token"`
		}
		err := d.get(ctx, endpoint, form, &got)
		var refused *oauthError
		switch {
		case err == nil && got.IDToken == "":
			return none, &client.AuthError{Message: "the provider gave no ID token: is \"openid\" among the scopes it allows?"}
		case err == nil:
			return Tokens{got.IDToken, got.AccessToken}, nil
		case !errors.As(err, &refused):
			return none, err
		case refused.Code == "authorization_pending":
		case refused.Code == "slow_down":
			interval += 5 * time.Second
		default:
			return none, &client.AuthError{Message: "the provider refused: " + refused.Error()}
		}
	}
	return none, &client.AuthError{Message: "nobody typed the code in time; try again"}
}

func (d *Device) sleep(ctx context.Context, t time.Duration) error {
	if d.Sleep != nil {
		return d.Sleep(ctx, t)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(t):
		return nil
	}
}

// oauthError is a refusal as RFC 6749 has it.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) Error() string {
	if e.Description != "" {
		return e.Code + ": " + e.Description
	}
	return e.Code
}

// get makes a request, with form a POST, and reads the JSON of the answer.
func (d *Device) get(ctx context.Context, target string, form url.Values, v any) error {
	if err := safe(target); err != nil {
		return err
	}
	var refused error
	b, err := d.Server.send(ctx, d.Server.HTTP(nil), func() (*http.Request, error) {
		if form == nil {
			return http.NewRequest(http.MethodGet, target, nil)
		}
		r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Accept", "application/json")
		}
		return r, err
	})
	if err != nil {
		oauth := new(oauthError)
		if json.Unmarshal(b, oauth) == nil && oauth.Code != "" {
			refused = oauth
			return refused
		}
		return err
	}
	return json.Unmarshal(b, v)
}

// safe refuses to send codes and tokens in the clear, except to this machine.
func safe(target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return &client.AuthError{Message: fmt.Sprintf("the provider's address %q is no URL", target)}
	}
	if private(u) {
		return nil
	}
	return &client.AuthError{Message: fmt.Sprintf("the provider's address %q is not https", target)}
}

// private tells whether nobody on the way reads what is sent there.
func private(u *url.URL) bool {
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1")
}
