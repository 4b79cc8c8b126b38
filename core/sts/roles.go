package sts

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// errToken is wrapped by the errors of a WebIdentity that blame the token; any
// other is a failure to ask, and may pass.
var errToken = errors.New("token is refused")

// TokenError says that a token is refused, and why, for the client. Expired
// tells that it had been good.
type TokenError struct {
	Text    string
	Expired bool
	Cause   error // for the log
}

func (e *TokenError) Error() string { return e.Text }

// Unwrap gives what TokenErrors have in common, and the cause.
func (e *TokenError) Unwrap() []error {
	if e.Cause == nil {
		return []error{errToken}
	}
	return []error{errToken, e.Cause}
}

func (c *call) badToken(err error) error {
	var bad *TokenError
	switch {
	case !errors.As(err, &bad):
		return &fault{status: http.StatusBadRequest, code: "IDPCommunicationError", message: "The identity provider does not answer. Try again.", cause: err}
	case bad.Expired:
		return &fault{status: http.StatusBadRequest, code: "ExpiredTokenException", message: bad.Text, cause: err}
	}
	return &fault{status: http.StatusBadRequest, code: "InvalidIdentityToken", message: bad.Text, cause: err}
}

func (c *call) noSuchUser(u *WebUser, err error) error {
	if errors.Is(err, accounts.ErrNotFound) {
		return c.unregistered(fmt.Sprintf("The subject %q of %s is not registered.", u.Subject, u.Issuer))
	}
	return unavailable(err)
}

// caller is who signed the request, with an access key or a session.
func (c *call) caller() (*catalog.Principal, error) {
	req, err := c.s.Accounts.Verify(c.s.Verifier, c.r, c.ev.Remote)
	if err != nil {
		return nil, signatureFault(err)
	}
	p, ok := req.Key.Owner.(*catalog.Principal)
	if req.Anonymous || !ok || p.Anonymous() {
		return nil, refuse(http.StatusForbidden, "MissingAuthenticationToken", "The request is not signed.")
	}
	c.ev.Auth, c.ev.Account, c.ev.Name, c.ev.AccessKeyID = "sigv4", p.ID(), p.Account.Name, p.AccessKeyID
	return p, nil
}

// signatureFault names what is wrong with a signature as STS does.
func signatureFault(err error) error {
	e := s3err.From(err)
	f := &fault{status: e.Status, code: e.Code.Code, message: e.Message(), cause: e.Cause}
	switch {
	case e.Status >= 500:
		return unavailable(err)
	case e.Code == s3err.InvalidAccessKeyID || e.Code == s3err.InvalidToken:
		f.status, f.code, f.message = http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."
	case e.Code == s3err.ExpiredToken:
		f.status, f.message = http.StatusForbidden, "The security token included in the request is expired."
	case e.Code == s3err.AuthorizationHeaderMalformed:
		f.code = "IncompleteSignature"
	}
	return f
}

// derived is a session of less: what the caller's credentials may do, and
// perhaps a session policy besides. It ends with them.
func derived(p *catalog.Principal) accounts.SessionSpec {
	spec := accounts.SessionSpec{Account: p.ID(), By: catalog.ByKey, Key: p.AccessKeyID}
	if s := p.Session; s != nil {
		spec = accounts.SessionSpec{
			Account: p.ID(), NotAfter: s.Expires, By: s.By, Name: s.Name, Identity: s.Identity, Issuer: s.Issuer,
			Limited: s.Limited, Groups: s.Groups, Key: s.Key, Policies: s.Policies,
			Parents: append(s.Parents[:len(s.Parents):len(s.Parents)], s.ID),
		}
	}
	return spec
}

// assumeRole is AssumeRole: there are no roles here but one's own, so it makes
// credentials of the caller, narrowed by a session policy when one is given.
func (c *call) assumeRole() (any, error) {
	p, err := c.caller()
	if err != nil {
		return nil, err
	}
	spec := derived(p)
	spec.Name = c.form.get("RoleSessionName")
	creds, sess, err := c.issue(p.Account, spec)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, policy := range sess.Policies {
		size += len(policy) * 100 / accounts.MaxSessionPolicies
	}
	return issued{Credentials: newCredentialsXML(creds), AssumedRoleUser: newRoleUser(p.Account, sess), PackedPolicySize: &size}, nil
}

// getSessionToken is GetSessionToken: as in AWS, for access keys only.
func (c *call) getSessionToken() (any, error) {
	p, err := c.caller()
	if err != nil {
		return nil, err
	}
	if p.Session != nil {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	creds, _, err := c.issue(p.Account, derived(p))
	if err != nil {
		return nil, err
	}
	return issued{Credentials: newCredentialsXML(creds)}, nil
}

// getCallerIdentity tells the caller who she is.
func (c *call) getCallerIdentity() (any, error) {
	p, err := c.caller()
	if err != nil {
		return nil, err
	}
	arn, user := "arn:aws:iam::"+p.ID()+":user/"+p.Account.Name, p.ID()
	if p.Session != nil {
		u := newRoleUser(p.Account, p.Session)
		arn, user = u.Arn, u.AssumedRoleID
	}
	return struct {
		Arn     string
		UserID  string `xml:"UserId"`
		Account string
	}{arn, user, p.ID()}, nil
}
