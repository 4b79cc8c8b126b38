package sts

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
)

// noCertificate is for whoever came without: a client that cannot use its
// certificate sends none, and does not say so.
const noCertificate = "The client sent no certificate. Give it your proxy or certificate (curl: --cert FILE). " +
	"If it has one: under TLS 1.3 a client sends none when its key or signature algorithm does not suit the server; " +
	"SHA-1 and RSA keys below 2048 bits are refused, by OpenSSL also at the client."

// chain gives the client's certificates, leaf first, as DER: those of the TLS
// connection, or of the header of a trusted terminator. The TLS handshake has
// proved that the client has the leaf's key; nothing else has been looked at,
// and on a resumed connection nothing was looked at now.
func (c *call) chain() ([][]byte, error) {
	if c.r.TLS != nil && len(c.r.TLS.PeerCertificates) > 0 {
		chain := make([][]byte, len(c.r.TLS.PeerCertificates))
		for i, cert := range c.r.TLS.PeerCertificates {
			chain[i] = cert.Raw
		}
		return chain, nil
	}
	chain, err := c.s.fromTerminator(c.r)
	if err != nil {
		return nil, c.refused(err)
	}
	if chain == nil {
		return nil, refuse(http.StatusUnauthorized, "MissingCertificate", noCertificate)
	}
	return chain, nil
}

// owner verifies a chain and finds the account of its owner.
func (c *call) owner(chain [][]byte) (*gridproxy.Result, *catalog.Account, error) {
	if c.s.Trust == nil {
		return nil, nil, refuse(http.StatusNotImplemented, "NotOffered", "This site does not accept certificates.")
	}
	trust, err := c.s.Trust.Trust(c.ctx)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	res, err := gridproxy.Verify(chain, c.now, trust, c.s.Options)
	if err != nil {
		return nil, nil, c.refused(err)
	}
	c.ev.Chain, c.ev.Subject, c.ev.Auth = res, res.LeafSubject, catalog.ByX509
	acct, err := c.s.Accounts.ByCertificate(c.ctx, res.Identity, res.Issuer)
	switch {
	case errors.Is(err, accounts.ErrOtherIssuer):
		return nil, nil, c.unregistered(fmt.Sprintf("The certificate subject %q is registered with another issuing CA than %q.", res.Identity, res.Issuer))
	case errors.Is(err, accounts.ErrNotFound):
		return nil, nil, c.unregistered(fmt.Sprintf("The certificate subject %q is not registered.", res.Identity))
	case err != nil:
		return nil, nil, unavailable(err)
	}
	return res, acct, nil
}

// unregistered is for a person who is who she says, and whom nobody knows.
func (c *call) unregistered(text string) error {
	if c.s.RegisterHint != "" {
		text += " " + c.s.RegisterHint
	}
	return refuse(http.StatusForbidden, "NotRegistered", text)
}

// refused is the answer to a chain that was refused: the client sees the code
// and what it means, the log the subject and the details.
func (c *call) refused(err error) error {
	var why *gridproxy.Refusal
	if !errors.As(err, &why) {
		return &fault{status: http.StatusForbidden, code: "AccessDenied", message: "The certificate is refused.", cause: err}
	}
	c.ev.Reason, c.ev.Subject = string(why.Code), why.Subject
	return &fault{
		status: http.StatusForbidden, code: "AccessDenied", reason: string(why.Code), cause: err,
		message: fmt.Sprintf("The certificate is refused: %s (%s).", gridproxy.Codes()[why.Code], why.Code),
	}
}

// spec is the session for a chain's owner. The attributes of a virtual
// organisation hold no longer than its signature on them.
func (c *call) spec(res *gridproxy.Result, acct *catalog.Account) accounts.SessionSpec {
	end := res.NotAfter
	if len(res.FQANs) > 0 && !res.VOMSNotAfter.IsZero() && res.VOMSNotAfter.Before(end) {
		end = res.VOMSNotAfter
	}
	return accounts.SessionSpec{
		Account: acct.ID, NotAfter: end, By: catalog.ByX509, Identity: res.Identity, Issuer: res.Issuer,
		Limited: res.Limited, Groups: res.FQANs,
	}
}
