package login

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mucura/mucura/core/x509sig"
)

// maxChainHeader is how long the chain may be in a header, in base64: gateways
// often take 8 KiB of headers in all. A longer one goes into the body.
const maxChainHeader = 4 << 10

// BySignature gets credentials by a request that is signed with the key of the
// certificate, for servers behind a terminator that takes no proxies. It is the
// protocol of IAM Roles Anywhere; see package x509sig.
func (s *Server) BySignature(ctx context.Context, c *Certificate, o Options) (*Credentials, error) {
	if err := c.Open(); err != nil {
		return nil, err
	}
	inHeader, inBody := c.chain()
	body, err := x509sig.Body(int(o.Lifetime/time.Second), inBody)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if o.Policy != "" {
		query.Set("Policy", o.Policy)
	}
	b, err := s.send(ctx, s.HTTP(nil), func() (*http.Request, error) {
		r, err := http.NewRequest(http.MethodPost, s.at("/sessions", query), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		return r, c.sign(r, body, inHeader, s.now())
	})
	if err != nil {
		return nil, err
	}
	var doc struct {
		CredentialSet []struct{ Credentials Credentials }
	}
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.CredentialSet) != 1 {
		return nil, fmt.Errorf("%s: the answer is no credentials", s.URL)
	}
	return doc.CredentialSet[0].Credentials.checked(s)
}

// chain tells which certificates go into headers, and which into the body.
func (c *Certificate) chain() (inHeader, inBody [][]byte) {
	all, length := c.Certificate.Certificate, 0
	for _, der := range all[1:] {
		length += base64.StdEncoding.EncodedLen(len(der)) + 1
	}
	if length > maxChainHeader {
		return all[:1], all[1:]
	}
	return all, nil
}

// sign signs a request with the key of the certificate.
func (c *Certificate) sign(r *http.Request, body []byte, inHeader [][]byte, now time.Time) error {
	key, ok := c.PrivateKey.(crypto.Signer)
	if !ok {
		return errors.New("the private key cannot sign")
	}
	return x509sig.Sign(r, body, key, inHeader, now)
}
