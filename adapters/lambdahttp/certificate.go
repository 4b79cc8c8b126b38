package lambdahttp

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"

	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/s3err"
)

// certificateHeader is the prefix of the headers by which a load balancer tells
// of the client's certificate.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html
const certificateHeader = "X-Amzn-Mtls-Clientcert"

// clientChain takes the headers about client certificates away, whoever sent
// them, and gives the chain, leaf first, where the load balancer is trusted to
// have made them. The handshake has proved that the client has the leaf's key;
// nobody has judged the chain.
func (a *Adapter) clientChain(h http.Header, d door) ([]*x509.Certificate, error) {
	values := h[certificateHeader]
	for name := range h {
		if strings.HasPrefix(name, certificateHeader) { // there are -Subject, -Leaf, … too
			delete(h, name)
		}
	}
	if d != loadBalancer || !a.ClientCertificates || len(values) == 0 {
		return nil, nil
	}
	if len(values) > 1 {
		return nil, badChain(nil)
	}
	// '+' stands for itself, as '=' and '/' do.
	text, err := url.PathUnescape(values[0])
	if err != nil {
		return nil, badChain(err)
	}
	raw, err := gridproxy.ParsePEM([]byte(text))
	if err != nil {
		return nil, badChain(err)
	}
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		// As in a handshake of Go: what does not parse ends it.
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, badChain(err)
		}
	}
	return chain, nil
}

func badChain(cause error) error {
	return &s3err.Error{Code: s3err.InvalidRequest, Text: "The client certificate does not parse.", Cause: cause}
}
