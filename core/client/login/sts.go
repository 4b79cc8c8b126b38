package login

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/sigv4"
)

// Credentials are what an authentication server issues, in the form of a
// credential_process of the AWS SDKs
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
type Credentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

// Keys are the credentials as requests are signed with.
func (c *Credentials) Keys() sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}

// Server is an authentication server.
type Server struct {
	URL *url.URL
	// HTTP makes a client that shows a certificate, nil for none.
	HTTP      func(*Certificate) *http.Client
	Region    string
	UserAgent string
	Attempts  int
	Now       func() time.Time
}

// Options say what credentials are wanted.
type Options struct {
	// Lifetime is how long they shall hold at most; 0 is as the server likes.
	Lifetime time.Duration
	// Policy narrows them, as a session policy; "" does not.
	Policy string
}

func (o *Options) values() url.Values {
	v := url.Values{}
	if o.Lifetime > 0 {
		v.Set("DurationSeconds", strconv.FormatInt(int64(o.Lifetime/time.Second), 10))
	}
	if o.Policy != "" {
		v.Set("Policy", o.Policy)
	}
	return v
}

// ByTLS gets credentials by mutual TLS: the handshake proves the certificate.
func (s *Server) ByTLS(ctx context.Context, c *Certificate, o Options) (*Credentials, error) {
	if s.URL.Scheme != "https" {
		return nil, &client.AuthError{Message: fmt.Sprintf("%s: a certificate is proved over https only", s.URL)}
	}
	if err := c.Open(); err != nil {
		return nil, err
	}
	target := s.at("/credentials", o.values())
	b, err := s.send(ctx, s.HTTP(c), func() (*http.Request, error) { return http.NewRequest(http.MethodPost, target, nil) })
	if err != nil {
		return nil, err
	}
	return s.credentials(b)
}

// Tokens are what a provider gives for a login.
type Tokens struct {
	ID string // a signed token: the ID token, or a job's access token
	// Access opens the provider's userinfo, where many providers alone tell
	// groups; "" when there is none.
	Access string
}

// ByToken gets credentials for an OpenID Connect token.
func (s *Server) ByToken(ctx context.Context, t Tokens, o Options) (*Credentials, error) {
	v := o.values()
	v.Set("WebIdentityToken", t.ID)
	if t.Access != "" {
		v.Set("WebIdentityAccessToken", t.Access)
	}
	v.Set("RoleArn", "arn:aws:iam::mucura:role/self")
	v.Set("RoleSessionName", "mucura")
	return s.action(ctx, "AssumeRoleWithWebIdentity", v, nil)
}

// ByKeys gets credentials for others, narrowed as o says. They end with those.
func (s *Server) ByKeys(ctx context.Context, keys sigv4.Credentials, o Options) (*Credentials, error) {
	v := o.values()
	v.Set("RoleArn", "arn:aws:iam::mucura:role/self")
	v.Set("RoleSessionName", "mucura")
	return s.action(ctx, "AssumeRole", v, &keys)
}

// Alive asks whether the server takes credentials that it issued, and says no
// only when it refuses them, as when their session was ended. An answer that
// does not come, or is about something else, ends nothing.
func (s *Server) Alive(ctx context.Context, c *Credentials) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	once := *s
	once.Attempts = 1
	keys := c.Keys()
	v := url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}
	_, err := once.try(ctx, s.HTTP(nil), once.actionRequest(v, &keys))
	var refused *client.Error
	return !errors.As(err, &refused) || refused.Code != "ExpiredToken" && refused.Code != "InvalidClientTokenId"
}

// action calls an action of STS; keys sign it, nil leaves it unsigned.
func (s *Server) action(ctx context.Context, name string, v url.Values, keys *sigv4.Credentials) (*Credentials, error) {
	v.Set("Action", name)
	v.Set("Version", "2011-06-15")
	b, err := s.send(ctx, s.HTTP(nil), s.actionRequest(v, keys))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Result struct {
			Credentials struct {
				AccessKeyID                   string `xml:"AccessKeyId"`
				SecretAccessKey, SessionToken string
				Expiration                    time.Time
			}
		} `xml:",any"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: the answer is no credentials", s.URL)
	}
	c := &doc.Result.Credentials
	return (&Credentials{1, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expiration}).checked(s)
}

// credentials reads an answer that is as a credential_process has it.
func (s *Server) credentials(b []byte) (*Credentials, error) {
	got := new(Credentials)
	if err := json.Unmarshal(b, got); err != nil {
		return nil, fmt.Errorf("%s: the answer is no credentials", s.URL)
	}
	return got.checked(s)
}

// checked refuses an answer that lacks something.
func (c *Credentials) checked(s *Server) (*Credentials, error) {
	if c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" || c.Expiration.IsZero() {
		return nil, fmt.Errorf("%s: the answer is no credentials", s.URL)
	}
	c.Version = 1
	return c, nil
}

// actionRequest makes the request of an action; keys sign it, nil leaves it unsigned.
func (s *Server) actionRequest(v url.Values, keys *sigv4.Credentials) func() (*http.Request, error) {
	body := []byte(v.Encode())
	return func() (*http.Request, error) {
		r, err := http.NewRequest(http.MethodPost, s.at("/", nil), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if keys != nil {
			sum := sha256.Sum256(body)
			sigv4.SignFor("sts", r, *keys, s.Region, hex.EncodeToString(sum[:]), s.now())
		}
		return r, nil
	}
}

func (s *Server) at(path string, v url.Values) string {
	u := *s.URL
	u.Path, u.RawQuery = path, v.Encode()
	return u.String()
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// maxAnswer bounds an answer: a session token has at most 8 KiB.
const maxAnswer = 256 << 10

// send is try; whatever an authentication server refuses is a matter of
// authentication.
func (s *Server) send(ctx context.Context, h *http.Client, build func() (*http.Request, error)) ([]byte, error) {
	body, err := s.try(ctx, h, build)
	if e, ok := err.(*client.Error); ok {
		switch e.Status {
		case http.StatusForbidden, http.StatusUnauthorized, http.StatusBadRequest:
			err = &client.AuthError{Message: e.Error()}
		}
	}
	return body, err
}

// try makes a request, again while network or server fail, and reads the answer.
func (s *Server) try(ctx context.Context, h *http.Client, build func() (*http.Request, error)) (body []byte, err error) {
	repeat := &client.Client{Attempts: s.Attempts}
	err = repeat.Repeat(ctx, func(int) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		r, err := build()
		if err != nil {
			return err
		}
		r.Header.Set("User-Agent", s.UserAgent)
		resp, err := h.Do(r.WithContext(ctx))
		if err != nil {
			return client.Transport(err)
		}
		defer resp.Body.Close()
		if body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
			return client.Transport(err)
		}
		if resp.StatusCode >= 300 {
			return refusal(resp, body)
		}
		return nil
	})
	return body, err
}

// refusal makes an error of an answer, which is JSON or a document of STS. The
// messages are made for people, so they are passed on.
func refusal(resp *http.Response, body []byte) *client.Error {
	var j struct{ Code, Message string }
	var x struct {
		Error struct{ Code, Message string }
	}
	e := &client.Error{Status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	switch {
	case json.Unmarshal(body, &j) == nil && j.Message != "":
		e.Code, e.Message = j.Code, j.Message
		if e.Code == "" {
			e.Code, _, _ = strings.Cut(resp.Header.Get("X-Amzn-Errortype"), ":")
		}
	case xml.Unmarshal(body, &x) == nil && x.Error.Code != "":
		e.Code, e.Message = x.Error.Code, x.Error.Message
	}
	return e
}
