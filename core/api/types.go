// Package api is the HTTP API for people and operators: who am I, keys,
// sessions, quota, usage, requests, the accesses to one's objects, and for
// operators the accounts and the queue of requests.
//
// It lies under Prefix on the S3 endpoint's own host, where no bucket can be:
// names of buckets begin with a letter or digit. Requests are signed as for S3
// (Signature Version 4, service "s3"), with any credentials; bodies and answers
// are JSON, of the types here. An error is an Error, with the status that goes
// with its code.
package api

import (
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// Prefix begins the path of every call.
const Prefix = "/-/api/v1/"

// Error is the answer to a call that failed.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// RetryAfter is how many seconds to wait, of a client that was told to.
	RetryAfter int `json:"retry_after,omitempty"`
	// Status is the HTTP status; known where the error came about.
	Status int `json:"-"`
}

// Account is what people see of an account. Secrets are not in it.
type Account struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	DisplayName string    `json:"display_name,omitempty"`
	Email       string    `json:"email,omitempty"`
	CanonicalID string    `json:"canonical_id"`
	Role        string    `json:"role"`           // member or operator
	State       string    `json:"state"`          // requested, active, suspended, closing
	Why         string    `json:"why,omitempty"`  // what the state comes from
	Since       time.Time `json:"since,omitzero"` // of the state
	Quota       int64     `json:"quota"`          // bytes; -1 is no limit
	QuotaCap    int64     `json:"quota_cap"`      // up to what she raises it herself; 0 not at all, -1 without limit
	Groups      []string  `json:"groups,omitempty"`
	Home        string    `json:"home,omitempty"` // bucket
	Subjects    []Subject `json:"subjects,omitempty"`
	Created     time.Time `json:"created"`
	// Used is only in operators' lists: bytes stored.
	Used *int64 `json:"used,omitempty"`
}

// Subject is a certificate, OIDC subject or password that opens the account.
type Subject struct {
	Kind   string    `json:"kind"` // certificate, oidc or password
	Name   string    `json:"name,omitempty"`
	Issuer string    `json:"issuer,omitempty"`
	Added  time.Time `json:"added,omitzero"`
}

// Whoami answers GET whoami.
type Whoami struct {
	Account     Account       `json:"account"`
	AccessKeyID string        `json:"access_key_id"`
	Scope       catalog.Scope `json:"scope,omitempty"`
	// Session is set when the credentials are a session's.
	Session *Session `json:"session,omitempty"`
	// MayManage: the credentials may manage keys and settings, not only objects.
	MayManage bool `json:"may_manage"`
}

// Key is an access key, without its secret.
type Key struct {
	ID       string          `json:"id"`
	Label    string          `json:"label,omitempty"`
	Created  time.Time       `json:"created"`
	Expires  time.Time       `json:"expires,omitzero"` // absent: never
	Scope    catalog.Scope   `json:"scope,omitempty"`  // absent: all the account may do
	Replaces string          `json:"replaces,omitempty"`
	LastUsed *catalog.KeyUse `json:"last_used,omitempty"` // to the minute; absent: never
}

// Keys answers GET keys.
type Keys struct {
	Keys []Key `json:"keys"`
}

// NewKey asks for an access key: POST keys.
type NewKey struct {
	Label string `json:"label,omitempty"`
	// Expires or ExpiresIn (seconds) limits its life; neither: for ever.
	Expires   time.Time     `json:"expires,omitzero"`
	ExpiresIn int64         `json:"expires_in,omitempty"`
	Scope     catalog.Scope `json:"scope,omitempty"`
}

// Rotate asks for a key to follow another: POST keys/ID/rotate.
type Rotate struct {
	// Grace is how many seconds the old key stays valid; absent: a day.
	Grace *int64 `json:"grace,omitempty"`
}

// Secret answers with a new key. The secret is told this once.
type Secret struct {
	Key
	SecretAccessKey string `json:"secret_access_key"`
}

// Session is temporary credentials of the account.
type Session struct {
	ID       string          `json:"id"` // access key ID
	Issued   time.Time       `json:"issued"`
	Expires  time.Time       `json:"expires"`
	By       string          `json:"by"` // x509, oidc, key
	Name     string          `json:"name,omitempty"`
	Identity string          `json:"identity,omitempty"`
	Limited  bool            `json:"limited,omitempty"`
	Groups   []string        `json:"groups,omitempty"`
	Key      string          `json:"key,omitempty"` // access key it was made with
	Address  string          `json:"address,omitempty"`
	Agent    string          `json:"agent,omitempty"`
	LastUsed *catalog.KeyUse `json:"last_used,omitempty"`
	// Current: this very request was made with it.
	Current bool `json:"current,omitempty"`
}

// Sessions answers GET sessions.
type Sessions struct {
	Sessions []Session `json:"sessions"`
}

// SetPassword chooses another password: PUT password. All sessions end.
type SetPassword struct {
	Current  string `json:"current"`
	Password string `json:"password"`
}

// Quota answers GET quota and PUT quota.
type Quota struct {
	Bytes int64 `json:"bytes"` // -1 is no limit
	Cap   int64 `json:"cap"`   // up to what she raises it herself; 0 not at all, -1 without limit
	Used  int64 `json:"used"`  // all versions, and parts of unfinished uploads
	// Reserved is what uploads under way have set aside.
	Reserved int64 `json:"reserved"`
	// Request is the one that was made, when the quota asked for is above the cap.
	Request *Request `json:"request,omitempty"`
}

// SetQuota asks for another quota: PUT quota. Up to the cap it is given at
// once; above it a request goes to the operators.
type SetQuota struct {
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason,omitempty"` // one sentence, for the operators
}

// Count is a number of objects (or versions, parts) and their bytes.
type Count struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// BucketUsage tells what a bucket holds. What counts against the quota is the
// sum of Current, Versions, Trash and Uploads.
type BucketUsage struct {
	Name     string `json:"name"`
	Current  Count  `json:"current"`  // what a listing shows
	Versions Count  `json:"versions"` // older versions of objects that a listing shows
	Trash    Count  `json:"trash"`    // versions of objects that were deleted
	Uploads  Count  `json:"uploads"`  // parts of uploads in progress
}

// Usage answers GET usage.
type Usage struct {
	Quota   int64         `json:"quota"`
	Used    int64         `json:"used"`
	Objects int64         `json:"objects"`
	Buckets []BucketUsage `json:"buckets"`
	// Complete is false when there was more to count than one answer takes
	// time for; then the last bucket's figures, and those of buckets that are
	// not there, are missing.
	Complete bool `json:"complete"`
}

// Request is something asked of the operators.
type Request struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // registration, quota
	Account  string    `json:"account"`
	State    string    `json:"state"` // pending, approved, rejected
	Created  time.Time `json:"created"`
	Bytes    int64     `json:"bytes,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Evidence []Fact    `json:"evidence,omitempty"`
	Decided  time.Time `json:"decided,omitzero"`
	By       string    `json:"by,omitempty"`
	Answer   string    `json:"answer,omitempty"`
}

// Fact is one thing known of who asks.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Requests answers GET requests and GET admin/requests.
type Requests struct {
	Requests []Request `json:"requests"`
}

// Decide is an operator's decision: POST admin/requests/ID/approve, …/reject.
type Decide struct {
	Answer string   `json:"answer,omitempty"` // for the person
	Bytes  *int64   `json:"bytes,omitempty"`  // quota given; absent: as asked
	Cap    *int64   `json:"cap,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Invite is what POST admin/invitations takes.
type Invite struct {
	Label string `json:"label,omitempty"` // for whom it is
	Uses  int    `json:"uses,omitempty"`  // for how many people; absent: one
	Days  int    `json:"days,omitempty"`  // until it expires; absent: 14
}

// Invitation is one that is still good. Its code is not in it: a hash is all
// that the server keeps.
type Invitation struct {
	ID      string    `json:"id"`
	Label   string    `json:"label,omitempty"`
	By      string    `json:"by,omitempty"` // name of the operator
	Uses    int       `json:"uses"`         // left
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// MadeInvitation answers POST admin/invitations; the code is told this once.
type MadeInvitation struct {
	Invitation
	Code string `json:"code"`
}

// Invitations answers GET admin/invitations. DELETE admin/invitations/ID ends one.
type Invitations struct {
	Invitations []Invitation `json:"invitations"`
}

// Accounts answers GET admin/accounts, ?after=ID&max=N&state=S.
type Accounts struct {
	Accounts []Account `json:"accounts"`
	// Next is the after of the next page; absent: that was all.
	Next string `json:"next,omitempty"`
}

// NewAccount asks for an account: POST admin/accounts.
type NewAccount struct {
	Name        string    `json:"name"`
	DisplayName string    `json:"display_name,omitempty"`
	Email       string    `json:"email,omitempty"`
	Role        string    `json:"role,omitempty"`
	Quota       *int64    `json:"quota,omitempty"` // absent: the site's default
	QuotaCap    *int64    `json:"quota_cap,omitempty"`
	Groups      []string  `json:"groups,omitempty"`
	Subjects    []Subject `json:"subjects,omitempty"` // certificates, OIDC subjects
	// Key: make a first access key, too.
	Key bool `json:"key,omitempty"`
}

// MadeAccount answers POST admin/accounts.
type MadeAccount struct {
	Account Account `json:"account"`
	Key     *Secret `json:"key,omitempty"`
}

// ChangeAccount changes an account: PATCH admin/accounts/NAME. What is absent stays.
type ChangeAccount struct {
	Name        *string   `json:"name,omitempty"`
	DisplayName *string   `json:"display_name,omitempty"`
	Email       *string   `json:"email,omitempty"`
	Role        *string   `json:"role,omitempty"`
	State       *string   `json:"state,omitempty"` // active or suspended
	Why         *string   `json:"why,omitempty"`   // with State
	Quota       *int64    `json:"quota,omitempty"`
	QuotaCap    *int64    `json:"quota_cap,omitempty"`
	Groups      *[]string `json:"groups,omitempty"`
	AddSubjects []Subject `json:"add_subjects,omitempty"`
	// RemoveSubjects also ends all sessions.
	RemoveSubjects []Subject `json:"remove_subjects,omitempty"`
}

// AccessLog answers GET access-log?bucket=&prefix=&since=&until=&max=, newest
// first: accesses to the objects in one's own buckets.
type AccessLog struct {
	Events []AccessEvent `json:"events"`
	// Complete is false when there were more than asked for, or more to search
	// than one answer takes time for.
	Complete bool `json:"complete"`
}

// AccessEvent is one access.
type AccessEvent struct {
	Time        time.Time `json:"time"`
	RequestID   string    `json:"request_id"`
	Who         string    `json:"who,omitempty"` // name of the account, "" for nobody known
	Identity    string    `json:"identity,omitempty"`
	Auth        string    `json:"auth"`
	AccessKeyID string    `json:"access_key_id,omitempty"`
	Operation   string    `json:"operation"`
	Bucket      string    `json:"bucket"`
	Key         string    `json:"key,omitempty"`
	VersionID   string    `json:"version_id,omitempty"`
	Status      int       `json:"status"`
	ErrorCode   string    `json:"error_code,omitempty"`
	BytesIn     int64     `json:"bytes_in"`
	BytesOut    int64     `json:"bytes_out"`
	Address     string    `json:"address,omitempty"`
	Agent       string    `json:"agent,omitempty"`
}

// Export answers GET export: all that is kept of a person, but her objects.
type Export struct {
	Made     time.Time         `json:"made"`
	Account  Account           `json:"account"`
	Keys     []Key             `json:"keys"`
	Sessions []Session         `json:"sessions"`
	Requests []Request         `json:"requests"`
	Buckets  []ExportedBucket  `json:"buckets"`
	Quota    Quota             `json:"quota"`
	Events   []AccessEvent     `json:"events"`
	Missing  map[string]string `json:"missing,omitempty"` // what could not be exported, and why
}

// ExportedBucket is a bucket with its settings.
type ExportedBucket struct {
	Name       string    `json:"name"`
	Created    time.Time `json:"created"`
	Versioning string    `json:"versioning,omitempty"`
	Policy     string    `json:"policy,omitempty"`
}

// Closing answers DELETE account and DELETE admin/accounts/NAME: the account
// does nothing any more, and is being deleted with everything.
type Closing struct {
	Account string `json:"account"`
	State   string `json:"state"`
}

// The codes of Error beside S3's own (InvalidAccessKeyId, SignatureDoesNotMatch, …).
const (
	CodeInvalid     = "InvalidRequest"    // 400: what is wrong is in the message
	CodeDenied      = "AccessDenied"      // 403
	CodeLimited     = "LimitedProxy"      // 403: credentials of a limited proxy change nothing
	CodeNarrowed    = "ScopedCredentials" // 403: credentials with a scope or session policy change nothing
	CodeNotFound    = "NotFound"          // 404
	CodeExists      = "AlreadyExists"     // 409
	CodeConflict    = "Conflict"          // 409: the state of things does not allow it
	CodeTooMany     = "LimitExceeded"     // 409: a list is full
	CodeSlowDown    = "TooManyTries"      // 429
	CodeUnavailable = "Unavailable"       // 503: try again
	CodeOff         = "NotOffered"        // 501: this site does not have it
)
