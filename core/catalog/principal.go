package catalog

import "time"

// Principal is who asks. The zero value is nobody: anonymous. It is shared by
// the requests that are signed with the same credentials, and never changed.
type Principal struct {
	Account     *Account // nil: anonymous
	AccessKeyID string
	// Scope is what the access key is limited to; nil: nothing.
	Scope Scope
	// SessionPolicies each further narrow what the credentials may do.
	SessionPolicies []string
	// Session is what the session token says; nil with a long-lived key.
	Session *Session
}

// Anonymous tells whether nobody signed the request.
func (p *Principal) Anonymous() bool { return p == nil || p.Account == nil }

// IsOperator tells whether the principal has the operator role.
func (p *Principal) IsOperator() bool {
	return !p.Anonymous() && p.Account.Role == Operator
}

// ID is the account ID, or "" for anonymous.
func (p *Principal) ID() string {
	if p.Anonymous() {
		return ""
	}
	return p.Account.ID
}

// Narrowed tells whether the credentials may do less than their account. Such
// ones manage no keys and no settings.
func (p *Principal) Narrowed() bool { return len(p.Scope) > 0 || len(p.SessionPolicies) > 0 }

// Limited tells whether the credentials come from a limited proxy.
func (p *Principal) Limited() bool { return p.Session != nil && p.Session.Limited }

// Groups are the groups of the account, and those that the session brought.
func (p *Principal) Groups() []string {
	if p.Anonymous() {
		return nil
	}
	if p.Session == nil || len(p.Session.Groups) == 0 {
		return p.Account.Groups
	}
	return append(p.Account.Groups[:len(p.Account.Groups):len(p.Account.Groups)], p.Session.Groups...)
}

// How a session was obtained.
const (
	ByX509 = "x509" // a certificate or proxy
	ByOIDC = "oidc" // an OpenID Connect token
	ByKey  = "key"  // an access key, or another session
)

// Session is what a session token holds. Nothing of it is secret; that it is
// true the token's seal shows.
type Session struct {
	ID      string // the access key ID
	Account string // account ID
	Epoch   int64  // Account.SessionEpoch when it was issued
	Issued  time.Time
	Expires time.Time
	// By is how it was obtained: ByX509, ByOIDC or ByKey; of a session got by
	// another one, how that was.
	By string
	// Name is the role session name the client gave, "" for none.
	Name string
	// Identity is the distinguished name (RFC 2253) or the OIDC subject, and
	// Issuer the issuing CA's name or the OIDC issuer.
	Identity, Issuer string
	// Limited: from a limited proxy, which may use storage and change nothing else.
	Limited bool
	// Groups are the VOMS FQANs of the proxy, the first being primary, or the groups of the token.
	Groups []string
	// Key is the access key it was made with, by which it is bound.
	Key string
	// Parents are the sessions it was got from, by ID: it ends with any of them.
	Parents []string
	// Policies each narrow what it may do.
	Policies []string
}

// VO is the virtual organisation of the primary group, "" for none.
func (s *Session) VO() string {
	if s == nil || len(s.Groups) == 0 {
		return ""
	}
	return voOf(s.Groups[0])
}

// voOf is the first element of an FQAN such as "/vo/group/Role=r".
func voOf(fqan string) string {
	if fqan == "" || fqan[0] != '/' {
		return ""
	}
	for i := 1; i < len(fqan); i++ {
		if fqan[i] == '/' {
			return fqan[1:i]
		}
	}
	return fqan[1:]
}
