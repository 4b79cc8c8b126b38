package catalog

import (
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// Partitions of the registry.
const (
	Accounts     meta.Partition = "account"      // account ID -> Account
	AccountNames meta.Partition = "account-name" // name, e-mail ("e:"), canonical ID ("c:"), certificate ("d:"), OIDC subject ("o:") -> account ID
	AccessKeys   meta.Partition = "access-key"   // access key ID -> AccessKey
	KeyUses      meta.Partition = "key-use"      // access key ID -> KeyUse
	Requests     meta.Partition = "request"      // request ID -> Request
	FailureCount meta.Partition = "failure"      // hash of who -> Failures
	Buckets      meta.Partition = "bucket"       // name -> Bucket
	BucketDocs   meta.Partition = "bucket-doc"   // bucket ID "/" kind -> document
	Usages       meta.Partition = "usage"        // account ID -> Usage
	Dropped      meta.Partition = "dropped"      // bucket ID -> bucket whose rubbish is still to be swept
	Jobs         meta.Partition = "job"          // job name -> where it is
	TLS          meta.Partition = "tls"          // certificates and their keys, sealed
	TLSNames     meta.Partition = "tls-name"     // name to have a certificate for -> when it was added
	TLSAuthority meta.Partition = "tls-ca"       // the site's own certificate authority, sealed
	TLSLocks     meta.Partition = "tls-lock"     // lock name -> who is obtaining a certificate
)

// KeysOf is the partition that lists an account's access keys: access key ID -> "".
func KeysOf(account string) meta.Partition { return meta.Partition("keys-of/" + account) }

// SessionsOf is the partition that lists the sessions issued to an account:
// access key ID -> SessionEntry.
func SessionsOf(account string) meta.Partition { return meta.Partition("sessions-of/" + account) }

// RequestsOf is the partition that lists what an account asked for: request ID -> "".
func RequestsOf(account string) meta.Partition { return meta.Partition("requests-of/" + account) }

// BucketsOf is the partition that lists an account's buckets: name -> created.
// A hint: the bucket record decides.
func BucketsOf(account string) meta.Partition { return meta.Partition("buckets-of/" + account) }

// InBucket is the catalogue partition of a bucket. Its keys:
//
//	o KEY                     current version of an object
//	v esc(KEY) 00 00 ^seq rand  a version that is not current, or a delete marker; newest first
//	m esc(KEY) 00 00 uploadID   upload in progress
//	p uploadID number(2)        part of an upload
//	f uploadID                  completed upload
//	g time(8) contentID         content released
func InBucket(bucketID string) meta.Partition { return meta.Partition("b/" + bucketID) }

// References is the catalogue partition of references to shared contents:
// contentID "/" bucketID "/" key hash -> Reference. It is spread over 16
// partitions by the ID's last digit.
func References(id content.ID) meta.Partition {
	return meta.Partition("r/" + string(id[len(id)-1:]))
}

// Spaces of a bucket partition.
const (
	SpaceObject   = "o"
	SpaceVersion  = "v"
	SpaceUpload   = "m"
	SpacePart     = "p"
	SpaceFinished = "f"
	SpaceRelease  = "g"
)

// escape makes a key whose end can be told: NUL becomes NUL FF, and NUL NUL
// ends it. Order is kept.
func escape(key string) string {
	if strings.IndexByte(key, 0) >= 0 {
		key = strings.ReplaceAll(key, "\x00", "\x00\xff")
	}
	return key + "\x00\x00"
}

// unescape splits what escape made from what follows it.
func unescape(s string) (key, rest string, ok bool) {
	i := strings.Index(s, "\x00\x00")
	if i < 0 {
		return "", "", false
	}
	return strings.ReplaceAll(s[:i], "\x00\xff", "\x00"), s[i+2:], true
}

// ObjectKey is where the current version of key lies.
func ObjectKey(key string) string { return SpaceObject + key }

// VersionsPrefix begins the keys of all versions of key that are not current.
func VersionsPrefix(key string) string { return SpaceVersion + escape(key) }

// VersionKey is where a version of key that is not current lies.
func VersionKey(key string, v VersionRef) string {
	var b [16]byte
	putUint64(b[:8], ^v.Seq)
	putUint64(b[8:], v.Rand)
	return VersionsPrefix(key) + string(b[:])
}

// ParseVersionKey is the inverse of VersionKey.
func ParseVersionKey(s string) (key string, v VersionRef, err error) {
	if strings.HasPrefix(s, SpaceVersion) {
		if key, rest, ok := unescape(s[1:]); ok && len(rest) == 16 {
			b := []byte(rest)
			return key, VersionRef{^getUint64(b[:8]), getUint64(b[8:])}, nil
		}
	}
	return "", v, fmt.Errorf("malformed version key %q", s)
}

// UploadKey is where an upload in progress lies.
func UploadKey(key, uploadID string) string { return SpaceUpload + escape(key) + uploadID }

// ParseUploadKey is the inverse of UploadKey.
func ParseUploadKey(s string) (key, uploadID string, err error) {
	if strings.HasPrefix(s, SpaceUpload) {
		if key, rest, ok := unescape(s[1:]); ok {
			return key, rest, nil
		}
	}
	return "", "", fmt.Errorf("malformed upload key %q", s)
}

// PartsPrefix begins the keys of an upload's parts.
func PartsPrefix(uploadID string) string { return SpacePart + uploadID }

// PartKey is where a part lies.
func PartKey(uploadID string, number int) string {
	return PartsPrefix(uploadID) + string([]byte{byte(number >> 8), byte(number)})
}

// ParsePartKey is the inverse of PartKey.
func ParsePartKey(s string) (uploadID string, number int, err error) {
	if len(s) < 4 || !strings.HasPrefix(s, SpacePart) {
		return "", 0, fmt.Errorf("malformed part key %q", s)
	}
	n := len(s) - 2
	return s[1:n], int(s[n])<<8 | int(s[n+1]), nil
}

// FinishedKey is where a completed upload is remembered.
func FinishedKey(uploadID string) string { return SpaceFinished + uploadID }

// ReleaseKey is where the release of a content at a time (nanoseconds since
// 1970) lies; they sort by time.
func ReleaseKey(at uint64, id content.ID) string {
	var b [8]byte
	putUint64(b[:], at)
	return SpaceRelease + string(b[:]) + string(id)
}
