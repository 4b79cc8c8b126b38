package login

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/client"
)

// RegisterByTLS asks for an account for a certificate or proxy that is shown to
// TLS. The server is the authentication server: no other asks for certificates.
func (s *Server) RegisterByTLS(ctx context.Context, c *Certificate, f api.Form) (*api.RegisterAnswer, error) {
	if s.URL.Scheme != "https" {
		return nil, &client.AuthError{Message: fmt.Sprintf("%s: a certificate is proved over https only", s.URL)}
	}
	if err := c.Open(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(api.RegisterRequest{Form: f})
	if err != nil {
		return nil, err
	}
	return s.register(ctx, s.HTTP(c), func() (*http.Request, error) { return s.post("register", body) })
}

// RegisterBySignature asks for an account by a request that is signed with the
// key of the certificate or proxy. The host is signed, too, and must be the
// authentication server's.
func (s *Server) RegisterBySignature(ctx context.Context, c *Certificate, f api.Form) (*api.RegisterAnswer, error) {
	if err := c.Open(); err != nil {
		return nil, err
	}
	inHeader, inBody := c.chain()
	body, err := json.Marshal(struct {
		api.RegisterRequest
		Chain [][]byte `json:"chain,omitempty"` // as x509sig.Body has it
	}{api.RegisterRequest{Form: f}, inBody})
	if err != nil {
		return nil, err
	}
	return s.register(ctx, s.HTTP(nil), func() (*http.Request, error) {
		r, err := s.post("register", body)
		if err != nil {
			return nil, err
		}
		return r, c.sign(r, body, inHeader, s.now())
	})
}

// Register asks for an account for what is in the request: a token, or an
// invitation and a password. The server is the S3 endpoint. It is asked once:
// an invitation whose use nobody heard of is used up.
func (s *Server) Register(ctx context.Context, in api.RegisterRequest) (*api.RegisterAnswer, error) {
	if err := s.private(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	once := *s
	once.Attempts = 1
	return once.register(ctx, s.HTTP(nil), func() (*http.Request, error) { return s.post("register", body) })
}

// ByPassword gets credentials for a password. The server is the S3 endpoint.
// o.Policy is not possible.
func (s *Server) ByPassword(ctx context.Context, name, password string, o Options) (*Credentials, error) {
	if err := s.private(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(api.LoginRequest{Name: name, Password: password, Duration: int64(o.Lifetime / time.Second)})
	if err != nil {
		return nil, err
	}
	b, err := s.send(ctx, s.HTTP(nil), func() (*http.Request, error) { return s.post("login", body) })
	if err != nil {
		return nil, err
	}
	return s.credentials(b)
}

// register makes the call. A certificate that is not taken is an AuthError, as
// when credentials are asked for; an account that is refused is none.
func (s *Server) register(ctx context.Context, h *http.Client, build func() (*http.Request, error)) (*api.RegisterAnswer, error) {
	b, err := s.try(ctx, h, build)
	if e, ok := err.(*client.Error); ok && e.Status == http.StatusForbidden && e.Code != api.CodeDenied && e.Code != api.CodeLimited {
		err = &client.AuthError{Message: e.Error()}
	}
	if err != nil {
		return nil, err
	}
	out := new(api.RegisterAnswer)
	if json.Unmarshal(b, out) != nil || out.Account == "" || out.State == "" {
		return nil, fmt.Errorf("%s: the answer is not that of a Mucura server", s.URL)
	}
	return out, nil
}

// post is a call of the API with a body of JSON.
func (s *Server) post(path string, body []byte) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, s.at(api.Prefix+path, nil), bytes.NewReader(body))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
	}
	return r, err
}

// private refuses to send a password or token in the clear, except to this
// machine.
func (s *Server) private() error {
	if private(s.URL) {
		return nil
	}
	return &client.AuthError{Message: fmt.Sprintf("%s: passwords and tokens are sent over https only", s.URL)}
}
