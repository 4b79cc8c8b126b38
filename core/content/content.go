// Package content is the content port: immutable bytes under an opaque ID.
//
// Adapters implement Store over one engine (local disk, Swift, Riak, a
// plug-in); package contenttest holds the conformance suite every adapter
// passes. Nothing about S3 is known here.
package content

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// ID names one content for ever. It is chosen by core with NewID, is 32
// lower-case hexadecimal digits, and begins with the time of its creation, so
// IDs sort by age. It is never used twice.
type ID string

// idTimeDigits of an ID hold milliseconds since 1970; the other 20 are random.
const idTimeDigits = 12

// NewID makes a fresh ID of the given time.
func NewID(now time.Time) ID {
	var b [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (8 * (5 - i)))
	}
	rand.Read(b[6:])
	return ID(hex.EncodeToString(b[:]))
}

// Valid tells whether id has the form NewID gives. Adapters refuse others, so
// that no ID ever becomes a path of somebody's choice.
func (id ID) Valid() bool {
	if len(id) != 32 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Time is when the ID was made, to the millisecond.
func (id ID) Time() time.Time {
	if !id.Valid() {
		return time.Time{}
	}
	b, _ := hex.DecodeString(string(id[:idTimeDigits]))
	var ms int64
	for _, c := range b {
		ms = ms<<8 | int64(c)
	}
	return time.UnixMilli(ms)
}

// The errors a store returns, wrapped with what it did.
var (
	// ErrNotFound: there is no such content.
	ErrNotFound = errors.New("content not found")
	// ErrFull: no space is left; nothing was kept, reads still work.
	ErrFull = errors.New("content store full")
	// ErrUnavailable: the store cannot answer now.
	ErrUnavailable = errors.New("content store unavailable")
	// ErrCorrupt: the bytes are not those that were committed.
	ErrCorrupt = errors.New("content damaged")
)

// Info describes one content.
type Info struct {
	ID   ID
	Size int64 // bytes
}

// Capabilities say what a store promises. They are constant while it is open.
type Capabilities struct {
	Name string // of the engine: "file"
	// CheapWalk: Walk is complete and cheap, so rubbish is found by walking and
	// a write needs no intent record. Without it the sweeper calls Delete for
	// every content whose record was never written, and that must remove also
	// what a Writer that was never finished may have left.
	CheapWalk bool
}

// Store is the content port. All methods are safe for concurrent use, and
// several processes may open the same store.
type Store interface {
	// Create begins a new content under id. size is its length in bytes when
	// known, else -1; it is a hint only. Nothing is visible before Commit.
	Create(ctx context.Context, id ID, size int64) (Writer, error)

	// Open reads length bytes from offset; length -1 reads to the end. A range
	// beyond the end gives what there is; when a length was asked for and bytes
	// are missing, io.ErrUnexpectedEOF follows them where the engine can tell,
	// so a caller that asks for what a record promises never takes a shortened
	// content for a whole one. Otherwise, too, the reader gives ErrCorrupt or
	// io.ErrUnexpectedEOF, never silently wrong or short data, where the engine
	// can tell. A reader over a local file implements io.WriterTo by copying
	// from an *io.LimitedReader over the *os.File, so that io.Copy to a plain
	// connection becomes sendfile. A content deleted while it is read stays readable
	// where the engine can do that.
	Open(ctx context.Context, id ID, offset, length int64) (io.ReadCloser, error)

	// Delete removes the content. Deleting what is not there is no error.
	Delete(ctx context.Context, id ID) error

	// Walk calls fn for each committed content whose ID is >= from, in
	// ascending order of IDs, until fn returns an error, which Walk returns.
	Walk(ctx context.Context, from ID, fn func(Info) error) error

	Capabilities() Capabilities

	// Ping tells whether the store can serve reads and writes now.
	Ping(ctx context.Context) error

	Close() error
}

// Writer takes the bytes of one new content. It is used by one goroutine.
type Writer interface {
	io.Writer
	// Commit makes the content durable and readable under its ID: when it
	// returns nil the bytes survive a power cut. After an error nothing is
	// visible, and the Writer is finished.
	Commit() error
	// Abort drops everything. After Commit it does nothing, so it can be deferred.
	Abort() error
}

// Stat is implemented by stores that know the size of a content without
// reading it; fsck and recount use it.
type Stat interface {
	Stat(ctx context.Context, id ID) (Info, error)
}

// Janitor is implemented by stores in which a crash may leave unfinished
// files; Clean removes those begun before the given time and returns how many
// files and bytes it freed.
type Janitor interface {
	Clean(ctx context.Context, before time.Time) (files int, bytes int64, err error)
}

// Space is implemented by stores that know how much room there is.
type Space interface {
	Space(ctx context.Context) (free, total int64, err error)
}

// Told is implemented by writers of stores that name MD5s to their engine. MD5 says,
// after the last Write and before Commit, that of all bytes written, so that nobody
// computes it twice. It must be right: with another one Commit fails.
type Told interface {
	MD5(sum [md5.Size]byte)
}

// As finds an optional interface of a store: of the store itself or, where it is a
// decorator that has a method Unwrap, of what that decorates. Who wants
// what a store can do besides asks this, not a type assertion.
func As[T any](s Store) (t T, ok bool) {
	for s != nil {
		if t, ok = s.(T); ok {
			return t, true
		}
		w, wraps := s.(interface{ Unwrap() Store })
		if !wraps {
			break
		}
		s = w.Unwrap()
	}
	return t, false
}

// Signer is implemented by stores that can let anybody read a content from the
// engine itself for a limited time. method is GET or HEAD. errors.ErrUnsupported
// when the store is not set up for it.
type Signer interface {
	SignedURL(ctx context.Context, id ID, method string, ttl time.Duration) (string, error)
}

// CheckID returns an error for an ID that NewID cannot have made.
func CheckID(id ID) error {
	if !id.Valid() {
		return fmt.Errorf("content ID %q is malformed", string(id))
	}
	return nil
}
