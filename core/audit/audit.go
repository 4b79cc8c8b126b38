// Package audit keeps the record of who did what: one event per finished
// request and per credential issued, as JSON lines in a file per day. With the
// access key ID every request leads back to one person, and to the proxy her
// session was issued for.
//
// Events wait in memory for at most a second (see Log). A process that is
// killed loses that second; a power cut what the kernel had not written yet,
// too. Never are there signatures, tokens or secrets in an event.
package audit

import "time"

// Kinds of events.
const (
	KindRequest    = "request"
	KindCredential = "credential"
	KindChange     = "change" // of an account, key or session, by the API
)

// Event is one line. Fields are only ever added.
type Event struct {
	Kind      string `json:"kind"`
	Time      Stamp  `json:"time"`
	RequestID string `json:"request_id"`

	UserID      string `json:"user_id,omitempty"`  // account ID
	User        string `json:"user,omitempty"`     // its name at the time
	Identity    string `json:"identity,omitempty"` // distinguished name (RFC 2253), or OIDC issuer and subject
	Auth        string `json:"auth"`               // sigv4, presigned, anonymous, x509, oidc, form
	AccessKeyID string `json:"access_key_id,omitempty"`
	Limited     bool   `json:"limited,omitempty"`
	PrimaryFQAN string `json:"primary_fqan,omitempty"`
	VO          string `json:"vo,omitempty"`

	Bucket        string `json:"bucket,omitempty"`
	BucketOwnerID string `json:"bucket_owner_id,omitempty"`
	Operation     string `json:"operation"` // REST.GET.OBJECT, STS.AssumeRole, API.POST.keys
	Key           string `json:"key,omitempty"`
	VersionID     string `json:"version_id,omitempty"`

	HTTPStatus   int     `json:"http_status"`
	ErrorCode    string  `json:"error_code,omitempty"`
	BytesIn      int64   `json:"bytes_in"`
	BytesOut     int64   `json:"bytes_out"`
	ObjectSize   int64   `json:"object_size,omitempty"`
	SizeDelta    int64   `json:"size_delta,omitempty"`   // of what the bucket's owner stores, bytes
	ObjectDelta  int64   `json:"object_delta,omitempty"` // likewise, objects
	DurationMS   float64 `json:"duration_ms"`
	TurnaroundMS float64 `json:"turnaround_ms"` // to the first byte of the answer

	RemoteIP   string `json:"remote_ip,omitempty"`
	UserAgent  string `json:"user_agent,omitempty"`
	Host       string `json:"host,omitempty"`
	TLSVersion string `json:"tls_version,omitempty"`
	Cipher     string `json:"cipher,omitempty"`
	Site       string `json:"site,omitempty"`

	// Of a credential issued, or refused (then Reason says why).
	Credential *Credential `json:"credential,omitempty"`
	Reason     string      `json:"reason,omitempty"`
	// Target is what a change was about: an account's name, a key's or session's ID.
	Target string `json:"target,omitempty"`
}

// Credential is what was issued, and for what.
type Credential struct {
	LeafSubject string   `json:"leaf_subject,omitempty"`
	EECSubject  string   `json:"eec_subject,omitempty"`
	IssuingCA   string   `json:"issuing_ca,omitempty"`
	Type        string   `json:"type,omitempty"` // eec, rfc3820, legacy
	Depth       int      `json:"depth,omitempty"`
	Limited     bool     `json:"limited,omitempty"`
	FQANs       []string `json:"fqans,omitempty"`
	EndOfProxy  Stamp    `json:"end_of_proxy,omitzero"`
	Expiration  Stamp    `json:"expiration,omitzero"`
	AccessKeyID string   `json:"access_key_id,omitempty"`
	// Parent is the access key or session it was made with.
	Parent string `json:"parent,omitempty"`
}

// Stamp is a time in UTC, written to the millisecond.
type Stamp struct{ time.Time }

const stampLayout = "2006-01-02T15:04:05.000Z"

// At makes a Stamp.
func At(t time.Time) Stamp { return Stamp{t.UTC()} }

// MarshalJSON implements json.Marshaler.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return s.Time.UTC().AppendFormat(make([]byte, 0, 32), `"`+stampLayout+`"`), nil
}

// Milliseconds of a duration, to the microsecond.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
