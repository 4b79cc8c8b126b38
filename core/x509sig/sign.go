package x509sig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Region is the one that [Sign] puts into the scope; servers take any.
const Region = "us-east-1"

// unsigned are the headers that something between client and server may change.
var unsigned = []string{"authorization", "user-agent", "x-amzn-trace-id", "connection", "accept-encoding"}

// Sign signs a request with the leaf's key: it sets the three headers and
// Authorization, and covers all headers there are but those that proxies
// change. The body is what will be sent; chain is leaf first, DER. Headers must
// not be added afterwards if they are to count.
func Sign(r *http.Request, body []byte, key crypto.Signer, chain [][]byte, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("sign request: no certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	algorithm, err := algorithmOf(key.Public())
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	if public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) {
		return errors.New("sign request: the key is not the certificate's")
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	date := now.UTC().Format(dateLayout)
	r.Header.Set(HeaderDate, date)
	r.Header.Set(HeaderLeaf, base64.StdEncoding.EncodeToString(chain[0]))
	r.Header.Del(HeaderChain)
	if len(chain) > 1 {
		var above []string
		for _, c := range chain[1:] {
			above = append(above, base64.StdEncoding.EncodeToString(c))
		}
		r.Header.Set(HeaderChain, strings.Join(above, ","))
	}
	signed := []string{"host"}
	for name := range r.Header {
		if name = strings.ToLower(name); name != "host" && !slices.Contains(unsigned, name) {
			signed = append(signed, name)
		}
	}
	slices.Sort(signed)
	request, err := canonical(r, "", body, signed)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	scope := scopeOf(date[:8], Region)
	sum := sha256.Sum256(stringToSign(algorithm, date, scope, request))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		algorithm, leaf.SerialNumber, scope, strings.Join(signed, ";"), hex.EncodeToString(signature)))
	return nil
}

// algorithmOf names the algorithm of a public key.
func algorithmOf(public any) (string, error) {
	switch public.(type) {
	case *rsa.PublicKey:
		return AlgorithmRSA, nil
	case *ecdsa.PublicKey:
		return AlgorithmECDSA, nil
	}
	return "", errKey
}
