// Package repo is the repository itself: buckets, objects, versions and
// multipart uploads over the two ports. It is the only package that writes to
// both. It authorizes nobody (package access does, called by the fronts) and
// knows no HTTP.
//
// Bytes are durable under a fresh content ID before the one record that makes
// them visible is committed, so a crash leaves only rubbish, which package
// sweep finds. All errors a client may see are rows of s3err.
package repo

import (
	"context"
	"io"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/sse"
)

// Limits of S3 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const (
	MaxKeyBytes   = 1024
	MaxPutSize    = 5 << 30
	MaxObjectSize = 50 << 40
	MinPartSize   = 5 << 20 // but the last
	MaxPartNumber = 10000
	MaxTags       = 10
	MaxUserMeta   = 2048 // bytes of names and values together
)

// Repo is a repository. Its fields are set before the first use and not
// changed; it holds nothing a later request depends on.
type Repo struct {
	Meta     meta.Store // the catalogue
	Registry meta.Store // bucket names and settings; may be the same store
	Content  content.Store
	Quota    *quota.Keeper
	Accounts *accounts.Service
	// SSE holds the site's keys for encryption at rest; nil: SSE-S3 is not offered.
	SSE *sse.Site
	Now func() time.Time
	// InlineMax is the largest content kept in the record itself, bytes; never
	// more than Meta's Capabilities allow.
	InlineMax int
	// Leeway is how long a released content stays before it is freed: longer
	// than any read or copy takes.
	Leeway time.Duration
	// Room tells whether so many bytes more, kept in a record or as a content,
	// leave enough for the small records without which nobody could delete
	// anything. Its error wraps content.ErrFull when they do not. nil: nobody is asked.
	Room func(ctx context.Context, bytes int64, inline bool) error

	state repoState
}

// WriteCond is the condition of a write on the object it replaces. ETags are
// without quotes; "*" is any. Zero fields ask nothing.
type WriteCond struct {
	IfMatch     string // the current object has this ETag; "*": there is one (NoSuchKey when there is none)
	IfNoneMatch string // "*": there is no current object
	// For deletions:
	IfMatchModified time.Time // the object's ModTime, to the second
	IfMatchSize     *int64
}

// Digest is what the client said of the bytes it sends.
type Digest struct {
	MD5 []byte // Content-MD5, or nil
	// Algorithm of the additional checksum to compute, verify and store; "" for none.
	Algorithm string
	// Want gives the expected checksum in base64, "" when the client gave none.
	// It is called after the body's EOF (a trailer is known only then). May be nil.
	Want func() string
}

// PutObjectInput is one object to store.
type PutObjectInput struct {
	Bucket *catalog.Bucket
	Key    string
	Body   io.Reader
	Size   int64 // bytes; -1 when unknown
	// Object carries owner, metadata, tags, ACL, retention, legal hold; what
	// repo itself determines (size, ETag, times, bytes) is ignored.
	Object catalog.Object
	// Encrypt is the key to encrypt the bytes under, nil for none.
	Encrypt *sse.Key
	Digest  Digest
	Cond    WriteCond
}

// PutObject stores an object. On nil the object is durable and visible. Errors:
// BadDigest, InvalidDigest, IncompleteBody, EntityTooLarge, QuotaExceeded,
// PreconditionFailed, NoSuchKey (If-Match on nothing), OperationAborted (too
// many writers of one key), StorageFull, SlowDown, and whatever Body returned.
// After any error nothing is visible.
func (r *Repo) PutObject(ctx context.Context, in PutObjectInput) (*catalog.Object, error) {
	return r.putObject(ctx, in)
}

// Handle is an opened version of an object.
type Handle struct {
	*catalog.Object
	Bucket *catalog.Bucket
	Key    string

	repo *Repo
	rev  meta.Version // of the record it was read from
	body []byte       // inlined content as it is stored, when asked for
	// opened is a moment at which the version stood.
	opened time.Time
	key    *sse.Key // of an encrypted version, once known
}

// Unlock gives the customer's key that came with the request, nil when none
// did. A version encrypted with one (SSE-C) cannot be read before; of any other
// it is InvalidRequest to bring one. InvalidRequest, too, when the key is
// missing or another one.
func (h *Handle) Unlock(key *sse.Key) error { return h.unlock(key) }

// Open finds a version: the current one when versionID is "". withBody also
// reads inlined content in the same step; without it Range reads it when
// needed. Errors: NoSuchKey, NoSuchVersion. When the newest version is a delete
// marker and versionID is "", the error is NoSuchKey and the Handle is not nil
// but names the marker; when versionID names a marker, likewise with
// MethodNotAllowed.
func (r *Repo) Open(ctx context.Context, b *catalog.Bucket, key, versionID string, withBody bool) (*Handle, error) {
	return r.open(ctx, b, key, versionID, withBody)
}

// Range reads length bytes from offset, both within the object. Over one local
// file the reader implements io.WriterTo by way of sendfile.
func (h *Handle) Range(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	return h.openRange(ctx, offset, length)
}

// PartList gives the parts of a multipart object in order, nil for others.
func (h *Handle) PartList(ctx context.Context) ([]catalog.PartInfo, error) { return h.partList(ctx) }

// PartRange gives offset and length of part number n, counted 1 to PartCount;
// an object that is not multipart has one part. InvalidPartNumber beyond.
func (h *Handle) PartRange(ctx context.Context, n int) (offset, length int64, err error) {
	return h.partRange(ctx, n)
}

// DeleteInput names what to delete.
type DeleteInput struct {
	Bucket    *catalog.Bucket
	Key       string
	VersionID string // "": the current one, or put a delete marker where versioning is on
	Cond      WriteCond
	Owner     string // account ID, becomes the marker's owner
	// BypassGovernance: the caller may and wants to delete under GOVERNANCE retention.
	BypassGovernance bool
}

// DeleteResult tells what a deletion did.
type DeleteResult struct {
	VersionID    string // of the version deleted, or of the marker made; "" on an unversioned bucket
	DeleteMarker bool   // a marker was made, or the version deleted was one
}

// DeleteObject deletes. Deleting what is not there is no error. Errors:
// AccessDenied (locked), PreconditionFailed, NoSuchVersion-free as in S3.
func (r *Repo) DeleteObject(ctx context.Context, in DeleteInput) (DeleteResult, error) {
	return r.deleteObject(ctx, in)
}

// CopyInput is a copy on the server: a new record over the same bytes.
type CopyInput struct {
	Source *Handle
	Bucket *catalog.Bucket // destination
	Key    string
	// Object carries the destination's owner, metadata, tags, ACL, lock, as in PutObjectInput.
	Object catalog.Object
	// Encrypt is as in PutObjectInput. Where it is not what the source is
	// encrypted with, all bytes are read and written anew.
	Encrypt *sse.Key
	// Algorithm asks for a checksum other than the source's; bytes are then
	// read once to compute it. "" keeps the source's.
	Algorithm string
	Cond      WriteCond
}

// CopyObject copies without moving bytes. Errors as PutObject.
func (r *Repo) CopyObject(ctx context.Context, in CopyInput) (*catalog.Object, error) {
	return r.copyObject(ctx, in)
}

// RenameObject moves the current object from one key to another of the same
// bucket, which must not be versioned. Errors as CopyObject and NoSuchKey.
func (r *Repo) RenameObject(ctx context.Context, b *catalog.Bucket, from, to string, source, dest WriteCond) error {
	return r.renameObject(ctx, b, from, to, source, dest)
}

// Update changes what may change of a stored version: tags, ACL, retention,
// legal hold. change may run several times; its error is returned as it is.
// Errors: NoSuchKey, NoSuchVersion, MethodNotAllowed (delete marker).
func (r *Repo) Update(ctx context.Context, b *catalog.Bucket, key, versionID string, change func(*catalog.Object) error) (*catalog.Object, error) {
	return r.update(ctx, b, key, versionID, change)
}

// ListInput selects a page of a listing.
type ListInput struct {
	Prefix    string
	Delimiter string
	// After: only keys (and common prefixes) greater than this; a common prefix
	// that After begins with or equals was already given.
	After string
	Max   int // 0 to 1000
}

// ListEntry is one line of a listing.
type ListEntry struct {
	Key          string
	Version      catalog.VersionRef
	Null         bool
	DeleteMarker bool
	Latest       bool
	Size         int64
	ModTime      time.Time
	ETag         string
	Owner        string // account ID
	StorageClass string
	Checksum     catalog.Checksum // Algorithm and Type only
}

// VersionID is what a client sees.
func (e *ListEntry) VersionID() string {
	if e.Null {
		return catalog.NullVersion
	}
	return e.Version.ID()
}

// Listing is a page: entries and common prefixes, each in bytewise order, together at most Max.
type Listing struct {
	Entries   []ListEntry
	Prefixes  []string
	Truncated bool
	// Next is the last key or common prefix given; the next page's After.
	Next string
	// NextVersion, for version listings: the version ID of the last entry.
	NextVersion string
}

// ListObjects lists current objects. It reads summaries only and seeks past
// each common prefix.
func (r *Repo) ListObjects(ctx context.Context, b *catalog.Bucket, in ListInput) (*Listing, error) {
	return r.listObjects(ctx, b, in)
}

// ListVersions lists all versions and delete markers, by key, newest first.
// afterVersion, with in.After, continues within a key.
func (r *Repo) ListVersions(ctx context.Context, b *catalog.Bucket, in ListInput, afterVersion string) (*Listing, error) {
	return r.listVersions(ctx, b, in, afterVersion)
}

// CreateUploadInput begins a multipart upload.
type CreateUploadInput struct {
	Bucket        *catalog.Bucket
	Key           string
	Initiator     string
	Object        catalog.Object // as in PutObjectInput; Checksum.Algorithm and .Type as asked for
	Encrypt       *sse.Key       // as in PutObjectInput, for all parts
	ChecksumAsked bool
}

// CreateUpload begins a multipart upload.
func (r *Repo) CreateUpload(ctx context.Context, in CreateUploadInput) (*catalog.Upload, error) {
	return r.createUpload(ctx, in)
}

// Upload reads an upload in progress; NoSuchUpload when there is none.
func (r *Repo) Upload(ctx context.Context, b *catalog.Bucket, key, uploadID string) (*catalog.Upload, error) {
	return r.upload(ctx, b, key, uploadID)
}

// UploadPartInput is one part to store.
type UploadPartInput struct {
	Bucket   *catalog.Bucket
	Key      string
	UploadID string
	Number   int // 1 to MaxPartNumber
	Body     io.Reader
	Size     int64 // -1 when unknown
	Digest   Digest
	Customer *sse.Key // the customer's key that came with the part, see Repo.UploadKey
}

// UploadKey gives the key that the parts of an upload are encrypted under, nil
// when they are not. customer is the key that came with the request, nil when
// none did: InvalidRequest unless it is that of the upload.
func (r *Repo) UploadKey(u *catalog.Upload, customer *sse.Key) (*sse.Key, error) {
	return r.uploadKey(u, customer)
}

// UploadPart stores a part, replacing one of the same number. Errors as PutObject, and NoSuchUpload.
func (r *Repo) UploadPart(ctx context.Context, in UploadPartInput) (*catalog.Part, error) {
	return r.uploadPart(ctx, in)
}

// CopyPartInput makes a part from a stretch of an object.
type CopyPartInput struct {
	Source         *Handle
	Offset, Length int64
	Bucket         *catalog.Bucket
	Key            string
	UploadID       string
	Number         int
	Customer       *sse.Key // as in UploadPartInput
}

// CopyPart makes a part from an object. Whole segments are shared, nothing is
// moved; the bytes are read once for the part's MD5 where it is not known.
func (r *Repo) CopyPart(ctx context.Context, in CopyPartInput) (*catalog.Part, error) {
	return r.copyPart(ctx, in)
}

// CompletedPart is a line of CompleteMultipartUpload.
type CompletedPart struct {
	Number   int
	ETag     string           // without quotes
	Checksum catalog.Checksum // Algorithm and Value as given; zero when not given
}

// CompleteUploadInput completes an upload.
type CompleteUploadInput struct {
	Bucket   *catalog.Bucket
	Key      string
	UploadID string
	Parts    []CompletedPart
	Cond     WriteCond
	// Checksum of the whole object as the client expects it; zero fields ask nothing.
	Checksum catalog.Checksum
	Size     *int64 // x-amz-mp-object-size
}

// CompleteUpload makes the object of the parts; it touches metadata only.
// Repeating a completed call gives the same answer. Errors: NoSuchUpload,
// InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, PreconditionFailed.
func (r *Repo) CompleteUpload(ctx context.Context, in CompleteUploadInput) (*catalog.Object, error) {
	return r.completeUpload(ctx, in)
}

// AbortUpload drops an upload and its parts; NoSuchUpload when there is none.
func (r *Repo) AbortUpload(ctx context.Context, b *catalog.Bucket, key, uploadID string) error {
	return r.abortUpload(ctx, b, key, uploadID)
}

// ListParts lists parts with numbers above after; at most max (0 to 1000).
func (r *Repo) ListParts(ctx context.Context, b *catalog.Bucket, key, uploadID string, after, max int) (parts []catalog.Part, more bool, err error) {
	return r.listParts(ctx, b, key, uploadID, after, max)
}

// UploadEntry is a line of ListMultipartUploads.
type UploadEntry struct {
	Key string
	*catalog.Upload
}

// UploadListing is a page of uploads in progress.
type UploadListing struct {
	Uploads    []UploadEntry
	Prefixes   []string
	Truncated  bool
	NextKey    string
	NextUpload string
}

// ListUploads lists uploads in progress by key, then age. afterUpload, with
// in.After, continues within a key.
func (r *Repo) ListUploads(ctx context.Context, b *catalog.Bucket, in ListInput, afterUpload string) (*UploadListing, error) {
	return r.listUploads(ctx, b, in, afterUpload)
}

// CreateBucket makes a bucket from what in says (Name, Owner, Region, ACL,
// Ownership, Lock, Versioning). Errors: BucketAlreadyOwnedByYou, BucketAlreadyExists.
func (r *Repo) CreateBucket(ctx context.Context, in catalog.Bucket) (*catalog.Bucket, error) {
	return r.createBucket(ctx, in)
}

// Bucket reads a bucket's record; NoSuchBucket when there is none. The result
// is shared and must not be changed.
func (r *Repo) Bucket(ctx context.Context, name string) (*catalog.Bucket, error) {
	return r.bucket(ctx, name)
}

// UpdateBucket changes a bucket's record. change gets a copy of its own and may
// run several times; its error is returned as it is.
func (r *Repo) UpdateBucket(ctx context.Context, name string, change func(*catalog.Bucket) error) (*catalog.Bucket, error) {
	return r.updateBucket(ctx, name, change)
}

// DeleteBucket deletes an empty bucket (no objects, versions, markers; uploads
// in progress are aborted). BucketNotEmpty otherwise.
func (r *Repo) DeleteBucket(ctx context.Context, name string) error {
	return r.deleteBucket(ctx, name)
}

// ListBuckets lists an account's buckets by name, with account "" everybody's:
// those with the prefix, greater than after, at most max.
func (r *Repo) ListBuckets(ctx context.Context, account, prefix, after string, max int) (buckets []*catalog.Bucket, more bool, err error) {
	return r.listBuckets(ctx, account, prefix, after, max)
}

// AllBuckets calls fn for every bucket of the repository, by name.
func (r *Repo) AllBuckets(ctx context.Context, fn func(*catalog.Bucket) error) error {
	return r.bucketsFrom(ctx, "", fn)
}

// BucketsFrom is AllBuckets of those whose names are not less than from.
func (r *Repo) BucketsFrom(ctx context.Context, from string, fn func(*catalog.Bucket) error) error {
	return r.bucketsFrom(ctx, from, fn)
}

// BucketDoc reads a document beside a bucket (catalog.DocCORS, …), nil when there is none.
func (r *Repo) BucketDoc(ctx context.Context, b *catalog.Bucket, kind string) ([]byte, error) {
	return r.bucketDoc(ctx, b, kind)
}

// SetBucketDoc writes a document beside a bucket, or with nil removes it, and
// keeps the bucket record's Has… flag right.
func (r *Repo) SetBucketDoc(ctx context.Context, b *catalog.Bucket, kind string, doc []byte) error {
	return r.setBucketDoc(ctx, b, kind, doc)
}
