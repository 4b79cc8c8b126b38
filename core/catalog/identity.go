package catalog

import "time"

// SubjectKind tells what a subject is.
type SubjectKind string

// The kinds of subjects.
const (
	SubjectCertificate SubjectKind = "certificate"
	SubjectOIDC        SubjectKind = "oidc"
	SubjectPassword    SubjectKind = "password"
)

// Subject is somebody who may act as an account, and how she shows it. A
// certificate's or OIDC subject belongs to one account only.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	// Name is the certificate's distinguished name (RFC 2253) or the OIDC
	// subject, "" of a password.
	Name string `json:"name,omitempty"`
	// Issuer is the issuing CA's distinguished name or the OIDC issuer.
	Issuer string `json:"issuer,omitempty"`
	// Hash is a password's, as its hash function writes it ("$argon2id$…").
	Hash  string    `json:"hash,omitempty"`
	Added time.Time `json:"added"`
}

// RevokedSession is a session ended before its time.
type RevokedSession struct {
	ID      string    `json:"id"` // access key ID
	Expires time.Time `json:"expires"`
}

// Access is what a grant of a scope allows.
type Access string

// The kinds of access.
const (
	ReadOnly  Access = "read"
	WriteOnly Access = "write"
	ReadWrite Access = "readwrite"
)

// ScopeGrant is one thing an access key is good for: the objects of a bucket
// ("*": of all) whose keys begin with a prefix.
type ScopeGrant struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
	Access Access `json:"access"`
}

// Scope limits an access key to what its grants say together. An empty one
// does not limit.
type Scope []ScopeGrant

// KeyUse is when and from where an access key was last used. It is written
// late, and by whoever comes last: a hint for people.
type KeyUse struct {
	Time    time.Time `json:"time"`
	Address string    `json:"address,omitempty"`
	Agent   string    `json:"agent,omitempty"`
}

// SessionEntry is a line of the list of sessions issued to an account: enough
// to know a session again, and end it. It decides nothing.
type SessionEntry struct {
	ID       string    `json:"id"` // access key ID
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	By       string    `json:"by"`
	Name     string    `json:"name,omitempty"`
	Identity string    `json:"identity,omitempty"`
	Limited  bool      `json:"limited,omitempty"`
	Groups   []string  `json:"groups,omitempty"`
	Key      string    `json:"key,omitempty"`
	Address  string    `json:"address,omitempty"`
	Agent    string    `json:"agent,omitempty"`
}

// RequestKind tells what somebody asks an operator for.
type RequestKind string

// The kinds of requests.
const (
	AskAccount RequestKind = "registration"
	AskQuota   RequestKind = "quota"
)

// RequestState is where a request stands.
type RequestState string

// The states of a request.
const (
	Pending  RequestState = "pending"
	Approved RequestState = "approved"
	Rejected RequestState = "rejected"
)

// Request is something a person asked of the operators.
type Request struct {
	ID      string       `json:"id"` // begins with the time, so that they sort by age
	Kind    RequestKind  `json:"kind"`
	Account string       `json:"account"` // account ID
	Name    string       `json:"name"`    // of the account, when it was made
	State   RequestState `json:"state"`
	Created time.Time    `json:"created"`
	// Bytes is the quota asked for; of a registration 0 when none was named.
	Bytes  int64  `json:"bytes,omitempty"`
	Reason string `json:"reason,omitempty"` // as the person gave it
	// Evidence is what is known of who asks: distinguished name, issuer, VO,
	// e-mail address, …
	Evidence []Tag `json:"evidence,omitempty"`

	// Cap and Groups are what an approval gives besides Bytes; nil: nothing.
	Cap    *int64   `json:"cap,omitempty"`
	Groups []string `json:"groups,omitempty"`

	Decided time.Time `json:"decided,omitzero"`
	By      string    `json:"by,omitempty"`     // name of the account, or rule, that decided
	Answer  string    `json:"answer,omitempty"` // for the person
	// Done: what the decision entails has happened.
	Done bool `json:"done,omitempty"`
}

// Failures counts what somebody who must be slowed got wrong.
type Failures struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
}
