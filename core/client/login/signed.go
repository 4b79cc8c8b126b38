package login

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// BySignature gets credentials by a request that is signed with the key of the
// certificate, for servers behind a terminator that takes no proxies. It is the
// protocol of IAM Roles Anywhere
// (https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html).
func (s *Server) BySignature(ctx context.Context, c *Certificate, o Options) (*Credentials, error) {
	in := struct {
		DurationSeconds int64    `json:"durationSeconds,omitempty"`
		Chain           []string `json:"chain,omitempty"`
	}{DurationSeconds: int64(o.Lifetime / time.Second)}
	chain := encodeChain(c.Certificate.Certificate[1:])
	inHeader := len(strings.Join(chain, ",")) <= maxChainHeader
	if !inHeader {
		in.Chain = chain
	}
	body, err := json.Marshal(in)
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
		if inHeader && len(chain) > 0 {
			r.Header.Set("X-Amz-X509-Chain", strings.Join(chain, ","))
		}
		return r, signX509(r, c, body, s.Region, s.now())
	})
	if err != nil {
		return nil, err
	}
	var doc struct {
		CredentialSet []struct {
			Credentials Credentials `json:"credentials"`
		} `json:"credentialSet"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.CredentialSet) != 1 {
		return nil, fmt.Errorf("%s: the answer is no credentials", s.URL)
	}
	return doc.CredentialSet[0].Credentials.checked(s)
}

// maxChainHeader is how long the chain may be in a header: gateways often take
// 8 KiB of headers in all. A longer one goes into the body.
const maxChainHeader = 4 << 10

func encodeChain(ders [][]byte) (chain []string) {
	for _, der := range ders {
		chain = append(chain, base64.StdEncoding.EncodeToString(der))
	}
	return chain
}

// signX509 signs a request with the key of a certificate.
func signX509(r *http.Request, c *Certificate, body []byte, region string, at time.Time) error {
	at = at.UTC()
	stamp, day := at.Format("20060102T150405Z"), at.Format("20060102")
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-X509", base64.StdEncoding.EncodeToString(c.Leaf.Raw))
	signer, ok := c.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("the private key cannot sign")
	}
	algorithm := "AWS4-X509-RSA-SHA256"
	switch signer.(type) {
	case *rsa.PrivateKey: // PKCS #1 v1.5
	case *ecdsa.PrivateKey:
		algorithm = "AWS4-X509-ECDSA-SHA256"
	default:
		return fmt.Errorf("the private key is neither RSA nor ECDSA")
	}
	canonical, signed := canonicalX509(r, body)
	scope := day + "/" + region + "/rolesanywhere/aws4_request"
	digest := sha256.Sum256([]byte(algorithm + "\n" + stamp + "\n" + scope + "\n" + hash(canonical)))
	signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		algorithm, c.Leaf.SerialNumber, scope, signed, hex.EncodeToString(signature)))
	return nil
}

// canonicalX509 is what is signed of a request: all headers it has so far, host
// and body.
func canonicalX509(r *http.Request, body []byte) (canonical []byte, signed string) {
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	signed = strings.Join(names, ";")
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), strings.ReplaceAll(r.URL.RawQuery, "+", "%20"))
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	fmt.Fprintf(&b, "\n%s\n%s", signed, hash(body))
	return b.Bytes(), signed
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
