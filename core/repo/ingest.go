package repo

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

// ingested is a body to take in.
type ingested struct {
	to     holder // whose record will refer to it
	body   io.Reader
	size   int64 // bytes; -1 when unknown
	limit  int64 // most bytes allowed
	digest Digest
	key    *sse.Key // to encrypt under; nil for none
}

// stored is a body that was taken in and is durable, or in memory when it is
// to be inlined. It ends with settle, discard or finish.
type stored struct {
	inline   bool
	body     []byte // when inline
	segments []catalog.Segment
	intents  []meta.Op // that go with the record, see create
	size     int64
	md5      [md5.Size]byte   // for the ETag, see etag
	checksum catalog.Checksum // zero when no algorithm was asked for
	// encryption tells how body and segments are encrypted.
	encryption catalog.Encryption

	repo        *Repo
	reservation *quota.Reservation // nil when nothing is counted
}

// A body passes through memory in pieces: while one is digested and stored the
// next is received. Large ones cost a store less, so as long as no more than
// largeChunks are in use a body gets large ones.
const (
	chunkSize      = 256 << 10
	largeChunkSize = 1 << 20
	largeChunks    = 16
)

var (
	chunks      = sync.Pool{New: func() any { return new([chunkSize]byte) }}
	large       = sync.Pool{New: func() any { return new([largeChunkSize]byte) }}
	largeInHand atomic.Int32
)

// getChunk gives memory for a body of size bytes, -1 when that is not known, and
// what takes it back. It begins at a page, as all of Go's large arrays do, so that
// a store can write it to a disk without a copy.
func getChunk(size int64) (chunk []byte, put func()) {
	if size < 0 || size > chunkSize {
		if largeInHand.Add(1) <= largeChunks {
			c := large.Get().(*[largeChunkSize]byte)
			return c[:], func() { large.Put(c); largeInHand.Add(-1) }
		}
		largeInHand.Add(-1)
	}
	c := chunks.Get().(*[chunkSize]byte)
	return c[:], func() { chunks.Put(c) }
}

// ingest reads a body once, to its end, and keeps it: in memory when it is small
// enough to be inlined, else as a content under a fresh ID. Quota is reserved
// before the first byte is read, or where the size is not known while reading.
// After an error nothing is kept.
//
// Errors: EntityTooLarge, QuotaExceeded, IncompleteBody, InvalidDigest,
// BadDigest, those of the stores, and those of the body as they are.
func (r *Repo) ingest(ctx context.Context, in ingested) (*stored, error) {
	if in.size > in.limit {
		return nil, tooLarge(in.size, in.limit)
	}
	if in.digest.MD5 != nil && len(in.digest.MD5) != md5.Size {
		return nil, s3err.InvalidDigest.Field("Content-MD5", base64.StdEncoding.EncodeToString(in.digest.MD5))
	}
	sum, err := in.digest.hash()
	if err != nil {
		return nil, err
	}
	inline := in.size >= 0 && in.size <= r.inlineLimitFor(in.to)
	if err := r.room(ctx, max(in.size, 0), inline); err != nil {
		return nil, err
	}
	q, err := r.reserve(ctx, in.to.bucket, max(in.size, 0))
	if err != nil {
		return nil, err
	}
	s := &stored{repo: r, reservation: q.res, encryption: encryptionUnder(in.key)}
	if inline {
		err = s.readInline(in, sum)
	} else {
		err = s.readChunks(ctx, in, sum, q)
	}
	if err != nil {
		s.discard(ctx)
		return nil, err
	}
	return s, nil
}

// tooLarge is the error for a body of size bytes.
func tooLarge(size, limit int64) error {
	return s3err.EntityTooLarge.Field("ProposedSize", strconv.FormatInt(size, 10)).
		Field("MaxSizeAllowed", strconv.FormatInt(limit, 10))
}

// hash is the one of the additional checksum; nil when none is asked for.
func (d *Digest) hash() (hash.Hash, error) {
	if d.Algorithm == "" {
		return nil, nil
	}
	h := checksum.New(d.Algorithm)
	if h == nil {
		return nil, s3err.InvalidRequest.Say("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	return h, nil
}

// readInline reads a body whose size is known into one buffer of that size.
func (s *stored) readInline(in ingested, sum hash.Hash) error {
	buf := make([]byte, in.size, in.size+1) // the last byte is for seeing the end
	if err := readExactly(in.body, buf); err != nil {
		return err
	}
	s.inline, s.body, s.size = true, buf, in.size
	s.md5 = md5.Sum(buf)
	if sum != nil {
		sum.Write(buf)
	}
	if err := s.verify(&in.digest, s.md5[:], sum); err != nil {
		return err
	}
	return s.encryptInline(in.key)
}

// readExactly fills buf, which has room for one byte more, and wants the end
// of the body there.
func readExactly(body io.Reader, buf []byte) error {
	n, err := readFull(body, buf)
	if err != nil && err != io.EOF {
		return err
	}
	if n < len(buf) {
		return s3err.IncompleteBody
	}
	if err == io.EOF {
		return nil
	}
	n, err = readFull(body, buf[len(buf):cap(buf)])
	if n > 0 {
		return s3err.IncompleteBody
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// readFull reads until buf is full or the body ends: io.EOF. A connection that
// breaks off is an incomplete body.
func readFull(body io.Reader, buf []byte) (n int, err error) {
	if body == nil {
		return 0, io.EOF
	}
	for n < len(buf) && err == nil {
		var m int
		m, err = body.Read(buf[n:])
		n += m
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = s3err.IncompleteBody.With(err)
	}
	return n, err
}

// readChunks reads a body of any size through a pooled buffer. One that turns
// out to be small is inlined.
func (s *stored) readChunks(ctx context.Context, in ingested, sum hash.Hash, q *quotaFor) error {
	chunk, put := getChunk(in.size)
	defer put()
	etag := s.repo.state.md5s.New() // before anything is read: others wait for what is under way
	n, err := readFull(in.body, chunk)
	if err != nil && err != io.EOF {
		return err
	}
	if limit := s.repo.inlineLimitFor(in.to); in.size < 0 && err == io.EOF && int64(n) <= limit {
		if err := q.grow(ctx, int64(n)); err != nil {
			return err
		}
		in.size = int64(n)
		in.body = bytes.NewReader(chunk[:n])
		return s.readInline(in, sum)
	}
	return s.spill(ctx, in, sum, etag, q, chunk, n, err)
}

// spill writes a body to a new content; the first n bytes of it are in chunk,
// and end tells whether that is all (io.EOF).
func (s *stored) spill(ctx context.Context, in ingested, sum, etag hash.Hash, q *quotaFor, chunk []byte, n int, end error) error {
	id, w, intents, err := s.repo.create(ctx, in.to, in.size)
	if err != nil {
		return err
	}
	defer w.Abort()
	c, err := newCoder(&in, id, etag)
	if err != nil {
		return err
	}
	behind := background{work: func(p []byte) error {
		c.pass(p)
		_, err := w.Write(p)
		return wrap(err)
	}}
	var last [1]byte // to see the end
	var spare []byte
	putSpare := func() {}
	defer func() { putSpare() }()
	defer func() { _ = behind.wait() }() // it may panic; then the piece is idle, too
	for {
		s.size += int64(n)
		if err := s.admit(ctx, in, q, int64(n)); err != nil {
			return err
		}
		if sum != nil {
			sum.Write(chunk[:n])
		}
		if err := behind.wait(); err != nil {
			return err
		}
		behind.start(chunk[:n])
		if end != nil {
			break
		}
		next := last[:]
		if in.size < 0 || s.size < in.size {
			if spare == nil {
				spare, putSpare = getChunk(in.size)
			}
			next = spare
		}
		if n, end = readFull(in.body, next); end != nil && end != io.EOF {
			return end
		}
		chunk, spare = next, chunk
	}
	if err := behind.wait(); err != nil {
		return err
	}
	if in.size >= 0 && s.size < in.size {
		return s3err.IncompleteBody
	}
	c.etag.Sum(s.md5[:0])
	if err := s.verify(&in.digest, c.plainMD5(s.md5[:]), sum); err != nil {
		return err
	}
	if err := s.repo.inTime(id); err != nil {
		return err
	}
	c.tell(w, s.md5)
	if err := w.Commit(); err != nil {
		return wrap(err)
	}
	// That may have taken a while, but the sweeper concludes nothing before one
	// and a half leeways.
	if err := s.repo.within(id, s.repo.Leeway); err != nil {
		_ = s.repo.Content.Delete(context.WithoutCancel(ctx), id)
		return err
	}
	s.segments = []catalog.Segment{{ID: id, Length: s.size}}
	s.intents = intents
	return nil
}

// background works on one piece at a time while its owner does something else.
type background struct {
	work     func(p []byte) error
	done     chan struct{} // nil: it is idle
	err      error
	panicked any
}

// start begins to work on p, which is not the owner's before wait. It must be idle.
func (b *background) start(p []byte) {
	b.done = make(chan struct{})
	go func() {
		defer close(b.done)
		defer func() { b.panicked = recover() }() // it is the owner's: wait passes it on
		b.err = b.work(p)
	}()
}

// wait waits until it is idle, and tells how the last piece went.
func (b *background) wait() error {
	if b.done == nil {
		return nil
	}
	<-b.done
	b.done = nil
	if b.panicked != nil {
		panic(b.panicked)
	}
	return b.err
}

// admit judges n more bytes before they are written.
func (s *stored) admit(ctx context.Context, in ingested, q *quotaFor, n int64) error {
	switch {
	case in.size >= 0 && s.size > in.size:
		return s3err.IncompleteBody
	case s.size > in.limit:
		return tooLarge(s.size, in.limit)
	case in.size < 0:
		if err := q.grow(ctx, n); err != nil {
			return err
		}
	}
	return s.repo.room(ctx, n, false) // others may have filled the stores meanwhile
}

// verify compares with what the client said of the bytes. sum5 is their MD5.
func (s *stored) verify(d *Digest, sum5 []byte, sum hash.Hash) error {
	if d.MD5 != nil && !bytes.Equal(d.MD5, sum5) {
		return s3err.BadDigest.Field("ExpectedDigest", base64.StdEncoding.EncodeToString(d.MD5)).
			Field("CalculatedDigest", base64.StdEncoding.EncodeToString(sum5))
	}
	if sum == nil {
		return nil
	}
	value := base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if d.Want != nil {
		if want := d.Want(); want != "" && want != value {
			return s3err.BadDigest.Say("The %s you specified did not match the calculated checksum.", d.Algorithm)
		}
	}
	s.checksum = catalog.Checksum{Algorithm: d.Algorithm, Type: catalog.FullObject, Value: value}
	return nil
}

// create begins a content that h will refer to. Where the content store cannot
// be walked cheaply an intent is written before: a release, which makes the
// sweeper look, after the leeway, whether anything refers to the content, so
// that a crash leaves nothing. Where there are batches the commit of the record
// that refers to the content does intents, too, which take it back; elsewhere
// the sweeper finds the content held and forgets it.
func (r *Repo) create(ctx context.Context, h holder, size int64) (id content.ID, w content.Writer, intents []meta.Op, err error) {
	id = content.NewID(r.Now())
	if !r.Content.Capabilities().CheapWalk {
		op := r.intentOp(h, id)
		if err := r.apply(ctx, catalog.InBucket(h.bucket.ID), &op); err != nil {
			return "", nil, nil, wrap(err)
		}
		if r.Meta.Capabilities().Batch {
			intents = []meta.Op{{Key: op.Key, Delete: true}}
		}
	}
	if w, err = r.Content.Create(ctx, id, size); err != nil {
		return "", nil, nil, wrap(err)
	}
	return id, w, intents, nil
}

// inTime refuses to commit a content begun so long ago that the sweeper may
// soon take it for rubbish.
func (r *Repo) inTime(id content.ID) error { return r.within(id, r.Leeway/2) }

func (r *Repo) within(id content.ID, limit time.Duration) error {
	if r.Leeway > 0 && r.Now().Sub(id.Time()) > limit {
		return s3err.RequestTimeout
	}
	return nil
}

// etag is the hexadecimal MD5, of the bytes as they are stored where a customer
// encrypts them: the ETag of such an object tells nothing about its plain bytes
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html), and what is
// stored can be verified without the key.
func (s *stored) etag() string { return hex.EncodeToString(s.md5[:]) }

// place makes o an object of these bytes.
func (s *stored) place(o *catalog.Object) {
	o.Inline, o.Segments, o.Manifest = s.inline, s.segments, ""
	o.Size, o.ETag, o.Checksum, o.Encryption = s.size, s.etag(), s.checksum, s.encryption
	o.PartCount, o.Parts = 0, nil
}

// settle ends the reservation: a record refers to the bytes now, and the
// account uses so many bytes and objects more (or less).
func (s *stored) settle(bytes, objects int64) {
	if s.reservation != nil {
		s.reservation.Settle(bytes, objects)
	}
}

// finish ends the reservation after the commit that was to refer to the bytes:
// done tells what the commit replaced. When it failed the bytes are dropped,
// unless it is open whether it failed: then they stay and count as used, until
// the sweeper and a recount put it right.
func (s *stored) finish(ctx context.Context, done *replaced, err error) {
	switch {
	case err == nil:
		s.settle(s.size-done.freedBytes, 1-done.freedObjects)
	case unsure(err):
		s.settle(s.size, 1)
	default:
		s.discard(ctx)
	}
}

// discard drops the bytes.
func (s *stored) discard(ctx context.Context) {
	for _, seg := range s.segments {
		_ = s.repo.Content.Delete(context.WithoutCancel(ctx), seg.ID)
	}
	if s.reservation != nil {
		s.reservation.Cancel()
	}
}
