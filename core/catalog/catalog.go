// Package catalog holds the typed records Mucura keeps through the metadata
// port, how they are encoded, and in which partition and under which key each
// one lies. It decides nothing.
//
// Two stores may be behind it: the registry (accounts, access keys, bucket
// names and settings, usage), which needs linearizable compare-and-set, and
// the catalogue (objects, versions, uploads).
package catalog

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/mucura/mucura/core/content"
)

// Tag is one pair of a tag set, which keeps its order.
type Tag struct{ Key, Value string }

// Segment is a stretch of one content. An object's bytes are its segments, in order.
type Segment struct {
	ID     content.ID
	Offset int64 // within the content, bytes
	Length int64 // bytes
}

// ChecksumType tells what a checksum of a multipart object covers.
type ChecksumType string

// The two types of https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
const (
	FullObject ChecksumType = "FULL_OBJECT"
	Composite  ChecksumType = "COMPOSITE"
)

// Checksum is the additional checksum of an object or part. The zero value is none.
type Checksum struct {
	Algorithm string       // CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	Type      ChecksumType // of the object; a part's is always FullObject
	Value     string       // base64; "…-N" is not part of it, Parts tells N
}

// LockMode is an object lock's retention mode.
type LockMode string

// The modes of https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
const (
	Governance LockMode = "GOVERNANCE"
	Compliance LockMode = "COMPLIANCE"
)

// Retention holds a version against deletion until a time. The zero value is none.
type Retention struct {
	Mode  LockMode
	Until time.Time
}

// PartInfo is what is remembered of one part of a completed multipart upload.
type PartInfo struct {
	Number   int
	Size     int64
	Checksum string // base64, of the object's algorithm; "" when none
}

// VersionRef names one version of a key: Seq orders the versions of a key
// (greater is newer; nanoseconds since 1970, strictly increasing for a key),
// Rand makes the ID unguessable and unique.
type VersionRef struct {
	Seq  uint64
	Rand uint64
}

// ID is the version ID a client sees; 32 hexadecimal digits.
func (v VersionRef) ID() string {
	var b [16]byte
	putUint64(b[:8], v.Seq)
	putUint64(b[8:], v.Rand)
	return hex.EncodeToString(b[:])
}

// ParseVersionID is the inverse of ID.
func ParseVersionID(s string) (VersionRef, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return VersionRef{}, false
	}
	return VersionRef{getUint64(b[:8]), getUint64(b[8:])}, true
}

// NullVersion is the version ID of objects written while versioning is not enabled.
const NullVersion = "null"

// Object is one version of one object, or a delete marker.
type Object struct {
	Ref          VersionRef
	Null         bool // its version ID is "null"
	DeleteMarker bool
	WriteID      [16]byte // random; tells one write from another after ErrOutcomeUnknown
	Owner        string   // account ID
	ModTime      time.Time
	Size         int64
	ETag         string // without quotes: hex MD5, or hex-N for multipart
	StorageClass string // "" is STANDARD

	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string // as given
	Redirect           string // x-amz-website-redirect-location
	UserMeta           []Tag  // x-amz-meta-…: lower-case names without the prefix, in order
	Tags               []Tag
	ACL                *ACL // nil: private to Owner
	Checksum           Checksum
	Retention          Retention
	LegalHold          bool
	HoldReleased       bool // a legal hold was set and is off again: it is reported as OFF, not as missing
	Encryption         Encryption

	// Where the bytes are: in the record's Body (Inline), in Segments, or in
	// the segments that the manifest content lists (Manifest; see EncodeManifest).
	Inline   bool
	Segments []Segment
	Manifest content.ID
	// PartCount is N of a multipart object, else 0. Parts lists them when
	// there are at most MaxEmbedded; else the manifest does.
	PartCount int
	Parts     []PartInfo

	// Pending is work on other records this write still owes (see
	// repo.commit); only on stores without batches.
	Pending []PendingOp
	// Gone marks a record kept only for its Pending work: there is no current
	// version.
	Gone bool
}

// MaxEmbedded is the most segments or parts an object record itself holds. A
// copy writes a reference for each content its record names, so the number is
// small: a large object is copied by two references to its manifest.
const MaxEmbedded = 16

// PendingOp is a write to another key of the same partition that a record
// still owes. It is done when there is no record at Key (Absent), or the one of
// version Match, or with neither in any case; when that does not hold, somebody
// has done it already. So doing it twice does no harm.
type PendingOp struct {
	Key     string
	Delete  bool
	Absent  bool
	Match   string
	Value   []byte
	Summary []byte
	Body    []byte
}

// VersionID is what a client sees: NullVersion or Ref.ID().
func (o *Object) VersionID() string {
	if o.Null {
		return NullVersion
	}
	return o.Ref.ID()
}

// Encryption tells how the bytes are kept from people who read the disks. The
// zero value is plain.
type Encryption struct {
	Algorithm string // "AES256" or ""
	// SiteKey names the site's key the bytes are encrypted under (SSE-S3).
	SiteKey string
	// KeyCheck recognises the customer's key (SSE-C): a salt and an HMAC, see
	// sse.Key.Check. The key itself is nowhere.
	KeyCheck []byte
	// Salt names the bytes of an inlined content, which has no ID, for key derivation.
	Salt []byte
}

// Customer tells whether the bytes are encrypted under a customer's key (SSE-C).
func (e *Encryption) Customer() bool { return len(e.KeyCheck) > 0 }

// Upload is a multipart upload in progress. Its metadata becomes the object's.
type Upload struct {
	ID            string // 32 hexadecimal digits, begins with Seq, so uploads of a key sort by age
	Initiator     string // account ID
	Initiated     time.Time
	Object        Object // Owner, metadata, ACL, tags, lock; Checksum.Algorithm and .Type as asked for
	ChecksumAsked bool   // the client named an algorithm (else the default is not shown for parts)
}

// Part is an uploaded part.
type Part struct {
	Number     int
	Size       int64
	ETag       string // hex MD5
	ModTime    time.Time
	Checksum   Checksum
	Inline     bool // bytes are in the record's Body
	Segments   []Segment
	WriteID    [16]byte
	Encryption Encryption
	Shared     bool // its contents are another object's too (UploadPartCopy)
}

// Finished is what remains of a completed upload for a while, so that a
// repeated CompleteMultipartUpload gives the same answer and the sweeper can
// free the parts.
type Finished struct {
	Key       string
	VersionID string
	ETag      string
	At        time.Time
	Used      []content.ID // contents the object took over (segments of its parts)
}

// Release says that a content may have lost its last reference. The sweeper
// frees it, after the leeway, unless a reference is found.
type Release struct {
	ID content.ID
	At time.Time
	// Key is the object key whose record referred to it, or was going to.
	Key string
	// UploadID is set when a part of that upload of Key held it: then the
	// upload's parts are looked at as well as the versions of Key.
	UploadID string
	// Manifest: the content is a manifest, whose segments are released with it.
	Manifest bool
	// Intent: it was written before the content, not when a holder was dropped.
	Intent bool
	// Looked is when the sweeper found nothing that refers to the content, where it
	// must look again half a leeway later.
	Looked time.Time
}

// Reference says that a further record refers to a content (a copy).
type Reference struct {
	At       time.Time
	Bucket   string // bucket ID
	Key      string // object key
	UploadID string // set when a part of this upload of Key holds it
	PartNum  int
	// Manifest is set instead of the others when it is a manifest that lists
	// the content: then it is held for as long as the manifest is stored.
	Manifest content.ID
}

// State is an account's state.
type State string

// The states of an account. Only an active one may do anything.
const (
	Requested State = "requested"
	Active    State = "active"
	Suspended State = "suspended"
	Closing   State = "closing"
)

// Role is what an account may do besides owning files.
type Role string

// The roles. An operator may do everything in every bucket, except break an
// object lock.
const (
	Member   Role = "member"
	Operator Role = "operator"
)

// Account is a person (or service) who owns files.
type Account struct {
	ID          string    `json:"id"`   // opaque, never changes
	Name        string    `json:"name"` // unique; what commands take
	DisplayName string    `json:"display_name,omitempty"`
	Email       string    `json:"email,omitempty"`
	CanonicalID string    `json:"canonical_id"` // S3's canonical user ID
	Role        Role      `json:"role"`
	State       State     `json:"state"`
	Quota       int64     `json:"quota"` // bytes; -1 is no limit
	Created     time.Time `json:"created"`
	// QuotaCap is up to what the person raises her quota herself, bytes; 0: not
	// at all; -1: without limit.
	QuotaCap int64 `json:"quota_cap,omitempty"`
	// Subjects are who may act as the account, besides whoever has its keys.
	Subjects []Subject `json:"subjects,omitempty"`
	// Groups are the groups an operator put the account in. Those that a proxy
	// or a token brings hold for its session only.
	Groups []string `json:"groups,omitempty"`
	// Home is the bucket made at approval, "" for none.
	Home string `json:"home,omitempty"`
	// Why says, for people, what the state comes from.
	Why string `json:"why,omitempty"`
	// Since is when the state was last changed; zero: at Created.
	Since time.Time `json:"since,omitzero"`
	// SessionEpoch is that of the sessions in force. Raising it ends all that
	// were issued before.
	SessionEpoch int64 `json:"session_epoch,omitempty"`
	// Revoked are sessions of the epoch that were ended one by one, until they
	// would have expired.
	Revoked []RevokedSession `json:"revoked,omitempty"`
}

// Clone copies the account with all that it points to.
func (a *Account) Clone() *Account {
	c := *a
	c.Subjects = slices.Clone(a.Subjects)
	c.Groups = slices.Clone(a.Groups)
	c.Revoked = slices.Clone(a.Revoked)
	return &c
}

// Ended tells whether a session of the account was ended before its time.
func (a *Account) Ended(s *Session) bool {
	if s.Epoch != a.SessionEpoch {
		return true
	}
	for i := range a.Revoked {
		if id := a.Revoked[i].ID; id == s.ID || slices.Contains(s.Parents, id) {
			return true
		}
	}
	return false
}

// Display is the name to show for the account.
func (a *Account) Display() string {
	if a.DisplayName != "" {
		return a.DisplayName
	}
	return a.Name
}

// AccessKey is a long-lived key pair of an account.
type AccessKey struct {
	ID      string    `json:"id"`
	Account string    `json:"account"` // account ID
	Label   string    `json:"label,omitempty"`
	Sealed  []byte    `json:"sealed"` // the secret, sealed under the site key with ID as additional data
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	// Scope limits what the key is good for; nil: everything the account may do.
	Scope Scope `json:"scope,omitempty"`
	// Replaces is the access key ID that this one was made to follow.
	Replaces string `json:"replaces,omitempty"`
}

// Usage is what an account uses, and what its processes may still spend
// without asking (leases). Used plus all leases never exceeds the quota.
type Usage struct {
	Bytes   int64            `json:"bytes"`   // all versions, and parts of unfinished uploads
	Objects int64            `json:"objects"` // versions that are not delete markers
	Leases  map[string]Lease `json:"leases,omitempty"`
	Epoch   int64            `json:"epoch,omitempty"` // raised when a recount begins (odd) and ends (even)
	// Recounted is when the last recount ended.
	Recounted time.Time `json:"recounted,omitzero"`
	// Recount is the recount under way.
	Recount *Recount `json:"recount,omitempty"`
	// Doubt is how many of Bytes may be counted though nothing uses them; the
	// next recount tells.
	Doubt int64 `json:"doubt,omitempty"`
}

// Recount gathers what changed while an account's contents were being counted.
type Recount struct {
	Started      time.Time `json:"started"`
	Plus         int64     `json:"plus,omitempty"`  // bytes added
	Minus        int64     `json:"minus,omitempty"` // bytes removed
	PlusObjects  int64     `json:"plus_objects,omitempty"`
	MinusObjects int64     `json:"minus_objects,omitempty"`
}

// Lease is a number of bytes one process may spend before it settles.
type Lease struct {
	Bytes   int64     `json:"bytes"`
	Expires time.Time `json:"expires"`
	Seq     int64     `json:"seq,omitempty"` // counts the process's writes, so it can tell whether one happened
}

// Versioning is a bucket's versioning state.
type Versioning string

// The states; the zero value means versioning was never enabled.
const (
	Unversioned         Versioning = ""
	VersioningEnabled   Versioning = "Enabled"
	VersioningSuspended Versioning = "Suspended"
)

// Ownership is a bucket's object ownership setting.
type Ownership string

// The settings of https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
const (
	BucketOwnerEnforced  Ownership = "BucketOwnerEnforced"
	BucketOwnerPreferred Ownership = "BucketOwnerPreferred"
	ObjectWriter         Ownership = "ObjectWriter"
)

// PublicAccessBlock is the configuration of the same name.
type PublicAccessBlock struct {
	BlockPublicACLs       bool `json:"block_public_acls,omitempty"`
	IgnorePublicACLs      bool `json:"ignore_public_acls,omitempty"`
	BlockPublicPolicy     bool `json:"block_public_policy,omitempty"`
	RestrictPublicBuckets bool `json:"restrict_public_buckets,omitempty"`
}

// LockConfig is a bucket's object lock configuration. Days or Years, not both.
type LockConfig struct {
	Enabled bool     `json:"enabled"`
	Mode    LockMode `json:"mode,omitempty"` // "" when there is no default retention
	Days    int      `json:"days,omitempty"`
	Years   int      `json:"years,omitempty"`
}

// BucketEncryption is a bucket's default encryption.
type BucketEncryption struct {
	// Algorithm is that of objects whose writer asks for none: "AES256" or "".
	Algorithm string `json:"algorithm,omitempty"`
	// BucketKey is kept to be shown; it means something with KMS only.
	BucketKey bool `json:"bucket_key,omitempty"`
	// Blocked are encryption types nobody may write with: "SSE-C", or "NONE"
	// when it was said that none is blocked.
	Blocked []string `json:"blocked,omitempty"`
}

// Bucket is a bucket's record: all that a request to it needs.
type Bucket struct {
	Name         string             `json:"-"`     // is the record's key
	ID           string             `json:"id"`    // opaque; its partition; never used again
	Owner        string             `json:"owner"` // account ID
	Created      time.Time          `json:"created"`
	Region       string             `json:"region,omitempty"` // LocationConstraint as given
	Versioning   Versioning         `json:"versioning,omitempty"`
	Ownership    Ownership          `json:"ownership,omitempty"` // "" when not configured: the site's default
	ACL          *ACL               `json:"acl,omitempty"`
	Block        *PublicAccessBlock `json:"public_access_block,omitempty"`
	Lock         *LockConfig        `json:"object_lock,omitempty"`
	Policy       string             `json:"policy,omitempty"` // the document as given
	Tags         []Tag              `json:"tags,omitempty"`
	Encryption   *BucketEncryption  `json:"encryption,omitempty"`    // nil when not configured
	HasCORS      bool               `json:"has_cors,omitempty"`      // a CORS document lies beside
	HasLifecycle bool               `json:"has_lifecycle,omitempty"` // a lifecycle document lies beside
	// PolicyNames has the account names in Policy, with the ID of the account that had
	// the name when the policy was set; "" when none had. A name that is not there, as
	// in records of before there was this, is whoever has it now.
	PolicyNames map[string]string `json:"policy_names,omitempty"`
	// TransitionSize is x-amz-transition-default-minimum-object-size as given with
	// the lifecycle document; kept to be shown.
	TransitionSize string `json:"transition_size,omitempty"`
	// Closing: the bucket is being deleted; no write may begin.
	Closing bool `json:"closing,omitempty"`
	// Dropped is when it was deleted; in its entry in Dropped only.
	Dropped time.Time `json:"dropped,omitzero"`
}

// Doc kinds: documents that lie beside the bucket record because only some
// requests need them.
const (
	DocCORS      = "cors"
	DocLifecycle = "lifecycle"
)

// Grantee kinds and permissions of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
const (
	AllUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	AuthenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	LogDelivery        = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// Permission is an ACL permission.
type Permission string

// The permissions.
const (
	PermRead        Permission = "READ"
	PermWrite       Permission = "WRITE"
	PermReadACP     Permission = "READ_ACP"
	PermWriteACP    Permission = "WRITE_ACP"
	PermFullControl Permission = "FULL_CONTROL"
)

// Grant gives one grantee one permission. Exactly one of Account and Group is set.
type Grant struct {
	Account    string     `json:"account,omitempty"` // account ID
	Group      string     `json:"group,omitempty"`   // URI
	Permission Permission `json:"permission"`
}

// ACL is an access control list; the owner is the bucket's or object's own.
type ACL struct {
	Grants []Grant `json:"grants"`
}

func putUint64(b []byte, v uint64) {
	for i := range 8 {
		b[i] = byte(v >> (56 - 8*i))
	}
}

func getUint64(b []byte) (v uint64) {
	for i := range 8 {
		v = v<<8 | uint64(b[i])
	}
	return v
}
