package repo

import (
	"context"
	"crypto/cipher"
	"crypto/md5"
	"errors"
	"hash"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

// Encryption at rest lies between the bodies and the content store: segments,
// offsets and lengths are the same for plain and for encrypted bytes, see
// package sse. Digests and checksums are of the plain bytes, but for the ETag
// of what a customer encrypts.

// encryptionUnder is what a record says of bytes encrypted under key, nil for
// plain ones.
func encryptionUnder(key *sse.Key) catalog.Encryption {
	switch {
	case key == nil:
		return catalog.Encryption{}
	case key.Customer():
		return catalog.Encryption{Algorithm: sse.Algorithm, KeyCheck: key.Check()}
	}
	return catalog.Encryption{Algorithm: sse.Algorithm, SiteKey: key.SiteID()}
}

// encryptInline encrypts a body that is to be inlined, in place, under a name
// made up for it.
func (s *stored) encryptInline(key *sse.Key) error {
	if key == nil {
		return nil
	}
	s.encryption.Salt = sse.NewSalt()
	stream, err := key.Stream(string(s.encryption.Salt), 0)
	if err != nil {
		return err
	}
	stream.XORKeyStream(s.body, s.body)
	if key.Customer() {
		s.md5 = md5.Sum(s.body)
	}
	return nil
}

// coder takes the chunks of a body on their way to its content.
type coder struct {
	etag  hash.Hash
	plain hash.Hash     // MD5 of the plain bytes, when etag is not that and it is asked for
	after bool          // etag is of the bytes as they are stored
	s     cipher.Stream // nil: nothing is encrypted
}

// newCoder makes one for the content id. etag has digested nothing yet.
func newCoder(in *ingested, id content.ID, etag hash.Hash) (c coder, err error) {
	c.etag = etag
	if in.key == nil {
		return c, nil
	}
	c.after = in.key.Customer()
	if c.after && in.digest.MD5 != nil {
		c.plain = md5.New()
	}
	c.s, err = in.key.Stream(string(id), 0)
	return c, err
}

// pass digests a chunk and encrypts it in place.
func (c *coder) pass(chunk []byte) {
	if c.s == nil {
		c.etag.Write(chunk)
		return
	}
	if c.plain != nil {
		c.plain.Write(chunk)
	}
	if !c.after {
		c.etag.Write(chunk)
	}
	c.s.XORKeyStream(chunk, chunk)
	if c.after {
		c.etag.Write(chunk)
	}
}

// tell tells the writer the MD5 of what it was given, where that is known: etag is
// the sum of c.etag.
func (c *coder) tell(w content.Writer, etag [md5.Size]byte) {
	if t, ok := w.(content.Told); ok && (c.s == nil || c.after) {
		t.MD5(etag)
	}
}

// plainMD5 is the MD5 of the plain bytes where it is asked for; etag is the
// sum of c.etag.
func (c *coder) plainMD5(etag []byte) []byte {
	if c.plain != nil {
		return c.plain.Sum(nil)
	}
	return etag
}

// contentName is what the bytes of a content are encrypted under. One that a
// migration made of an inlined content keeps the name it had there.
func contentName(e *catalog.Encryption, id content.ID) string {
	if len(e.Salt) > 0 {
		return string(e.Salt)
	}
	return string(id)
}

// openSegment opens one segment, decrypted unless key is nil; e is how the
// object is encrypted.
func openSegment(ctx context.Context, store content.Store, key *sse.Key, e *catalog.Encryption, s catalog.Segment) (io.ReadCloser, error) {
	rc, err := store.Open(ctx, s.ID, s.Offset, s.Length)
	if err != nil || key == nil {
		return rc, err
	}
	plain, err := key.Reader(rc, contentName(e, s.ID), s.Offset)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	return plain, nil
}

// needKey finds the key of an encrypted version.
func (h *Handle) needKey() (err error) {
	switch {
	case h.Encryption.Algorithm == "" || h.key != nil:
		return nil
	case h.Encryption.Customer():
		return errKeyWanted
	}
	h.key, err = h.repo.SiteKey(h.Encryption.SiteKey)
	return err
}

// SiteKey gives the site's key of an ID, or the current one for "".
// InternalError when it is not configured, NotImplemented when none is.
func (r *Repo) SiteKey(id string) (key *sse.Key, err error) {
	if r.SSE == nil {
		return nil, s3err.NotImplemented.Say("Server-side encryption with the site's keys is not configured.")
	}
	if id == "" {
		key, err = r.SSE.Current()
	} else {
		key, err = r.SSE.Named(id)
	}
	if err != nil {
		return nil, s3err.InternalError.With(err)
	}
	return key, nil
}

// What S3 says of keys.
var (
	errKeyWanted   = s3err.InvalidRequest.Say("The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	errKeyUnwanted = s3err.InvalidRequest.Say("The encryption parameters are not applicable to this object.")
	// AWS has 403 AccessDenied with these words; ceph/s3-tests, which clients
	// of other servers are written against, want 400.
	errOtherKey      = s3err.InvalidRequest.Say("Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.")
	errPartKeyWanted = s3err.InvalidRequest.Say("The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
	errPartOtherKey  = s3err.InvalidRequest.Say("The provided encryption parameters did not match the ones used originally.")
)

func (h *Handle) unlock(key *sse.Key) error {
	switch customer := h.Encryption.Customer(); {
	case !customer && key == nil:
		return nil
	case !customer:
		return errKeyUnwanted
	case key == nil:
		return errKeyWanted
	case !key.Matches(h.Encryption.KeyCheck):
		return errOtherKey
	}
	h.key = key
	return nil
}

// encryptedUnder tells whether the version's bytes are encrypted under key
// (nil: plain), so that a further record can share them.
func (h *Handle) encryptedUnder(key *sse.Key) bool {
	e := &h.Encryption
	switch {
	case e.Algorithm == "" || key == nil:
		return e.Algorithm == "" && key == nil
	case e.Customer():
		return key.Customer() && key.Matches(e.KeyCheck)
	}
	return !key.Customer() && key.SiteID() == e.SiteKey
}

func (r *Repo) uploadKey(u *catalog.Upload, customer *sse.Key) (*sse.Key, error) {
	e := &u.Object.Encryption
	switch {
	case e.Customer() != (customer != nil):
		return nil, errPartKeyWanted
	case customer != nil && !customer.Matches(e.KeyCheck):
		return nil, errPartOtherKey
	case customer != nil:
		return customer, nil
	case e.Algorithm == "":
		return nil, nil
	}
	return r.SiteKey(e.SiteKey)
}

// copyRaw writes a stretch of the version to w as it is stored.
func (h *Handle) copyRaw(ctx context.Context, w io.Writer, offset, length int64) error {
	rc, err := h.openSegments(ctx, nil, offset, length)
	if err != nil {
		return wrap(err)
	}
	defer rc.Close()
	n, err := io.Copy(w, rc)
	if err == nil && n != length {
		err = io.ErrUnexpectedEOF
	}
	return wrap(err)
}

// decryptInline decrypts a stretch of an inlined content into a copy.
func (h *Handle) decryptInline(b []byte, offset int64) ([]byte, error) {
	stream, err := h.key.Stream(string(h.Encryption.Salt), offset)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(b))
	stream.XORKeyStream(plain, b)
	return plain, nil
}

// copyBytes makes a copy that is encrypted otherwise than its source: the bytes
// are read and stored anew, as if they had been put.
func (r *Repo) copyBytes(ctx context.Context, in *CopyInput, cur *current) (*catalog.Object, error) {
	src := in.Source
	body, err := src.openRange(ctx, 0, src.Size)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	algorithm := in.Algorithm
	if algorithm == "" {
		algorithm = src.Checksum.Algorithm
	}
	s, err := r.ingest(ctx, ingested{
		to: holderOf(in.Bucket, in.Key), body: body, size: src.Size, limit: MaxPutSize,
		digest: Digest{Algorithm: algorithm}, key: in.Encrypt,
	})
	if err != nil {
		return nil, wrap(err)
	}
	o := in.Object
	s.place(&o)
	done, err := r.putStored(ctx, &PutObjectInput{Bucket: in.Bucket, Key: in.Key, Cond: in.Cond}, cur, s, &o)
	s.finish(ctx, done, err)
	if err != nil {
		return nil, err
	}
	return done.object, nil
}
