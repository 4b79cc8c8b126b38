// Package swift is a content store on OpenStack Swift.
//
// A content is one object, named by its ID, in one of many containers (256
// unless set otherwise), chosen by a hash of the ID: each container is one
// database in Swift, slow when it has tens of millions of rows. A content
// longer than two segments (of 32 MiB) is a static large object: its segments lie
// in the same container under s/ID/, and the manifest has the content's name.
//
// Up to two segments, where its length is known before, else up to one, a content
// is one PUT, sent by Commit with its length and its MD5, which Swift verifies.
// Longer ones are sent a segment at a time while they are written; memory for that
// is a budget that all writers share. docs/decisions/0067 and 0068 say why large
// contents are sent and read as they are.
// Every request can be repeated, body and all: an expired token, a restarted
// proxy, a broken connection or a damaged body never stores a short or an
// empty object. Names are never used again for other bytes, so repeating is
// safe.
//
// Swift acknowledges a PUT when most replicas are synced, and shows an object
// under a new name to every reader from then on. Its listings may lag. Nothing
// here relies on them but Walk and Clean, and Clean asks for the object itself
// before it takes a segment for rubbish.
//
// The number of containers is fixed when a store is first opened. It is kept
// in an object, and opening with another number is refused.
//
// Authentication, by Keystone v3 (password or application credential) or by
// tempauth, is that of github.com/ncw/swift; requests for objects are made
// here (docs/decisions/0020 says why).
package swift

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/mucura/mucura/core/content"
)

// Options tune a Store. What a URL says comes before them. The zero value is
// right for a server.
type Options struct {
	// Prefix begins the names of the store's containers; "" means "mucura".
	Prefix string
	// Containers is their number; 0 means what the store was made with, and 256
	// for a new one.
	Containers int
	// SegmentBytes is the length of segments; the longest content that is stored
	// by one request has two. At most 1 GiB; 0 means 32 MiB.
	SegmentBytes int64
	// BufferBytes bounds the memory in which all writers keep what Swift has
	// not acknowledged, but for 1 to 8 MiB of each; 0 means 512 MiB.
	BufferBytes int64
	// MaxSegments of one manifest, as the site's Swift has it; 0 means 1,000.
	MaxSegments int
	// Connections bounds the connections that write, and those that read are
	// eight times as many: they may wait for slow clients. 0 means 128.
	Connections int
	// Timeout is how long a request may make no progress; 0 means a minute.
	Timeout time.Duration
	// RetryFor is how long after its beginning a request may be repeated; 0
	// means 30 s.
	RetryFor time.Duration
	// NoVerify leaves out the comparison of what is read with its checksum.
	NoVerify bool
	// VerifyAll makes it also where bytes would go from one connection to another
	// without being looked at: long contents, without TLS on either side.
	VerifyAll bool
	// TempURLKey signs URLs. It is written to the containers.
	TempURLKey string
	// Getenv reads the environment; nil means os.Getenv.
	Getenv func(string) string
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	attempts            int           // of one request
	pauseBase, pauseMax time.Duration // between them
	pageSize            int           // of listings; 0: as large as is good
}

const (
	defaultContainers = 256
	maxContainers     = 4096
	maxSegment        = 1 << 30
)

func (o *Options) complete() error {
	o.Prefix = cmp.Or(o.Prefix, "mucura")
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 32<<20)
	o.BufferBytes = cmp.Or(o.BufferBytes, 512<<20)
	o.MaxSegments = cmp.Or(o.MaxSegments, 1000)
	o.Connections = cmp.Or(o.Connections, 128)
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	o.RetryFor = cmp.Or(o.RetryFor, 30*time.Second)
	o.attempts = cmp.Or(o.attempts, 8)
	o.pauseBase, o.pauseMax = cmp.Or(o.pauseBase, 50*time.Millisecond), cmp.Or(o.pauseMax, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case !prefixes.MatchString(o.Prefix):
		return fmt.Errorf("prefix: %q is not of letters, digits, \".\", \"_\" and \"-\"", o.Prefix)
	case o.Containers < 0 || o.Containers > maxContainers:
		return fmt.Errorf("containers: %d is not between 1 and %d", o.Containers, maxContainers)
	case o.SegmentBytes < 1 || o.SegmentBytes > maxSegment:
		return errors.New("segment: must be at most 1GiB")
	case o.BufferBytes < 1 || o.MaxSegments < 1 || o.Connections < 1:
		return errors.New("buffers, connections and the number of segments must be positive")
	}
	return nil
}

// Store keeps contents in Swift.
type Store struct {
	opts       Options
	session    *session
	control    *http.Client // for everything but GET
	reading    *http.Client
	transports []*http.Transport
	budget     *budget
	containers int

	mu      sync.Mutex
	made    map[string]bool // containers known to exist
	signing map[string]bool // containers that have the key of URLs
	limits  *limits         // nil: not asked yet
	cleaned time.Time       // Clean has looked at the segments of all IDs before
}

// Store promises these.
var (
	_ content.Store   = (*Store)(nil)
	_ content.Stat    = (*Store)(nil)
	_ content.Janitor = (*Store)(nil)
	_ content.Signer  = (*Store)(nil)
)

// Open opens the store a URL names, and makes it when it is not there yet:
//
//	swift://HOST[:PORT]/PATH?…       https://HOST:PORT/PATH authenticates
//	swift+http://HOST[:PORT]/PATH?…  without TLS
//	swift://env?…                    OS_AUTH_URL does, as all else is from OS_…
//
// docs/stores-swift.md lists what a query may say. Errors do not repeat the
// URL, which may hold a key.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	cred, opts, err := parse(url, opts)
	if err == nil {
		err = opts.complete()
	}
	if err != nil {
		return nil, fmt.Errorf("swift URL: %w", err)
	}
	s, err := newStore(cred, opts)
	if err != nil {
		return nil, fmt.Errorf("open swift: %w", err)
	}
	if err := s.openLayout(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open swift: %w", err), s.Close())
	}
	return s, nil
}

func newStore(cred credentials, opts Options) (*Store, error) {
	s := &Store{opts: opts, budget: newBudget(opts.BufferBytes), made: map[string]bool{}, signing: map[string]bool{}}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if cred.caFile != "" {
		pem, err := os.ReadFile(cred.caFile)
		if err != nil {
			return nil, err
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca-file holds no certificate")
		}
	}
	// A reader may hold its connection for as long as its client is slow, and
	// may be waited for by a writer: they have connections of their own.
	s.control = s.client(config, opts.Connections)
	s.reading = s.client(config, 8*opts.Connections)
	s.client(config, 1)
	s.session = newSession(&cred, s.transports[2], opts.Now)
	return s, nil
}

// client makes a client with at most so many connections.
func (s *Store) client(config *tls.Config, connections int) *http.Client {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dial,
		TLSClientConfig:       config.Clone(),
		TLSHandshakeTimeout:   10 * time.Second,
		MaxConnsPerHost:       connections,
		MaxIdleConnsPerHost:   connections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: 10 * time.Second,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
	s.transports = append(s.transports, t)
	return &http.Client{
		Transport: t,
		// The token must not go where an answer points to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Capabilities say that a walk costs, and may lag.
func (s *Store) Capabilities() content.Capabilities { return content.Capabilities{Name: "swift"} }

// Ping stores an object of no bytes: that needs all of Swift.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.putIn(ctx, &request{method: http.MethodPut, container: s.opts.Prefix, object: "ping", body: &buffer{}})
	return err
}

// Close drops connections. Readers and writers still open may fail.
func (s *Store) Close() error {
	for _, t := range s.transports {
		t.CloseIdleConnections()
	}
	return nil
}
