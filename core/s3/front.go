// Package s3 is the S3 front: it turns HTTP requests into calls of package
// repo and their results into S3's answers
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html).
//
// A request goes the same way whatever it asks: the address gives bucket and
// key, the router finds the operation, the signature gives the principal, the
// bucket's record is read, package access decides, and the operation's handle
// answers. An error from any step is rendered in one place. Nothing is kept
// between requests.
package s3

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// Front serves S3 over HTTP. Its fields are set before the first request and
// not changed.
type Front struct {
	Repo     *repo.Repo
	Accounts *accounts.Service
	Verifier *sigv4.Verifier
	Site     access.Site
	// Domains for virtual-hosted addressing: a request to bucket.DOMAIN names
	// its bucket in the host. Lower case, without port.
	Domains []string
	// Region is where buckets are said to be when nothing else was asked for.
	Region string
	Now    func() time.Time
	Log    *slog.Logger
	// LifecycleDay is how long a day of a lifecycle rule lasts: 24 hours;
	// shorter only in debug mode.
	LifecycleDay time.Duration
	// AllowPlainSSEC accepts customers' keys over plain HTTP from other machines,
	// too, for networks that are safe by other means.
	AllowPlainSSEC bool
	// BodyIdle is the longest pause between reads of a body; 0 is no limit.
	BodyIdle time.Duration
	// Shares has the say whether an account may have one more request served at
	// once; nil lets all.
	Shares Shares
	// Observe is called once per finished request, for log and metrics; may be
	// nil. It must not block.
	Observe func(Event)
}

// Shares divides the requests served at once among accounts, by their IDs; "" is
// whoever is anonymous.
type Shares interface {
	Take(account string) bool // one more
	Give(account string)      // one that was taken
}

// Event describes one finished request, without any secret: no signature,
// token, query or header beside the user agent.
type Event struct {
	Time        time.Time
	ID          string // x-amz-request-id
	Op          string // name of the S3 operation, "" when none was found
	Bucket, Key string
	Account     string // account ID of who asked, "" for anonymous
	Name        string // of the account
	AccessKeyID string
	Session     *catalog.Session // nil with a long-lived key
	Auth        string           // sigv4, presigned, form, anonymous
	LogName     string           // of the operation, as in S3's access logs: REST.GET.OBJECT
	Owner       string           // account ID of the bucket's owner, "" when the bucket was not read
	VersionID   string
	ObjectSize  int64 // of the object read or written, bytes
	SizeDelta   int64 // of what the bucket's owner stores, bytes; ObjectDelta likewise
	ObjectDelta int64
	Status      int    // HTTP status; 499 when the client had gone
	Code        string // S3 error code, "" on success
	BytesIn     int64  // of the body as sent, framing included
	BytesOut    int64  // of the answer's body
	Duration    time.Duration
	Turnaround  time.Duration // to the first byte of the answer
	Host        string
	TLS, Suite  string // version and cipher suite, "" over plain HTTP
	Remote      string // IP address of the client
	UserAgent   string
	Reason      string // of the last access decision
	Err         error  // cause of a failure, for the log
}

// statusGone is logged, never sent, when the client went before the answer.
const statusGone = 499

// ServeHTTP answers one S3 request.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	continueEmpty(w, r)
	c := &call{f: f, w: w, r: r, ctx: r.Context(), now: f.Now()}
	c.id = newRequestID()
	c.principal = &c.nobody
	defer c.finish()
	h := w.Header()
	id := c.one(c.id)
	h["X-Amz-Request-Id"], h["X-Amz-Id-2"], h["Server"] = id, id, serverHeader
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

// continueEmpty answers "Expect: 100-continue" of a request without a body, for
// which net/http sends nothing. It need not be answered (RFC 9110, 10.1.1), but
// botocore, which asks for it with empty objects too, takes the final status for
// a refusal then, and sends no body with the next request on the connection
// either: that one hangs until the client's timeout, a minute.
func continueEmpty(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 && r.ProtoAtLeast(1, 1) && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		w.WriteHeader(http.StatusContinue)
	}
}

var serverHeader = []string{"Mucura"}

// newRequestID makes 16 hexadecimal digits in capitals, as S3's are. They need
// not be unguessable.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	var b [16]byte
	v := rand.Uint64()
	for i := range b {
		b[i] = digits[v&15]
		v >>= 4
	}
	return string(b[:])
}

// serve takes the request through all steps.
func (c *call) serve() error {
	if err := c.address(); err != nil {
		return err
	}
	if err := c.route(); err != nil {
		return err
	}
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		c.ctx = quota.WithTally(c.ctx, &c.tally)
	}
	c.watchBody()
	if !c.op.unsigned {
		if err := c.authenticate(); err != nil {
			return err
		}
		c.takeHoisted()
		c.recheckBody()
	}
	if err := c.takeShare(); err != nil {
		return err
	}
	if err := c.loadBucket(); err != nil {
		return err
	}
	if c.op.action != "" {
		if err := c.authorize(c.op.action, c.key, nil, nil); err != nil {
			return err
		}
		c.mayTakeTime()
	}
	return c.op.handle(c)
}

// takeShare counts the request as one of who asks.
func (c *call) takeShare() error {
	if c.f.Shares == nil {
		return nil
	}
	if !c.f.Shares.Take(c.principal.ID()) {
		return s3err.SlowDown.Say("Please reduce your request rate: too many requests of this account are under way.")
	}
	c.shared = true
	c.share = c.principal.ID()
	return nil
}

// authenticate finds who asks.
func (c *call) authenticate() (err error) {
	if c.auth, err = c.f.Accounts.Verify(c.f.Verifier, c.r, c.remoteIP()); err != nil {
		return err
	}
	if c.auth.Anonymous {
		return nil
	}
	p, ok := c.auth.Key.Owner.(*catalog.Principal)
	if !ok || p.Anonymous() {
		return s3err.InternalError.With(errors.New("signed request without a principal"))
	}
	c.principal = p
	c.mayTakeTime()
	return nil
}

// loadBucket reads the bucket's record.
func (c *call) loadBucket() (err error) {
	if c.op.level == service || c.op.noBucket {
		return nil
	}
	c.b, err = c.f.Repo.Bucket(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	if c.b.HasCORS && c.r.Header["Origin"] != nil {
		if err := c.corsHeaders(); err != nil {
			return err
		}
	}
	return c.expectOwner("X-Amz-Expected-Bucket-Owner", c.b)
}

// finish reports the request, whatever happened to it.
func (c *call) finish() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		c.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		if c.f.Log != nil {
			c.f.Log.Error("request failed", "id", c.id, "err", c.err)
		}
		if !c.started {
			c.code = s3err.InternalError.Code
			c.respondError(s3err.InternalError.With(c.err))
			p = nil
		}
	}
	if c.shared {
		c.f.Shares.Give(c.share)
	}
	if c.f.Observe != nil {
		c.f.Observe(c.event())
	}
	if p != nil {
		panic(http.ErrAbortHandler) // cut the connection: the answer is not whole
	}
}

// event gathers what there is to say of the request.
func (c *call) event() Event {
	e := Event{
		Time: c.now, ID: c.id, Bucket: c.bucket, Key: c.key,
		Account: c.principal.ID(), AccessKeyID: c.principal.AccessKeyID, Session: c.principal.Session, Auth: c.authKind(),
		VersionID: c.versionID(), ObjectSize: c.objectSize, Host: c.r.Host, Turnaround: c.turnaround,
		Status: c.status, Code: c.code, BytesIn: c.bytesIn, BytesOut: c.bytesOut,
		Duration: c.f.Now().Sub(c.now), Remote: c.remoteIP(), UserAgent: c.r.UserAgent(),
		Reason: c.reason, Err: c.err,
	}
	if c.op != nil {
		e.Op, e.LogName = c.op.name, c.op.logName
	}
	if c.b != nil {
		e.Owner = c.b.Owner
	}
	if !c.principal.Anonymous() {
		e.Name = c.principal.Account.Name
	}
	if t := c.r.TLS; t != nil && t.Version != 0 { // else a proxy ended it
		e.TLS, e.Suite = tls.VersionName(t.Version), tls.CipherSuiteName(t.CipherSuite)
	}
	e.SizeDelta, e.ObjectDelta = c.tally.Change()
	return e
}

// authKind tells how the request was signed.
func (c *call) authKind() string {
	switch {
	case c.principal.Anonymous():
		return "anonymous"
	case c.auth.Presigned:
		return "presigned"
	case c.auth.AuthType == "POST":
		return "form"
	}
	return "sigv4"
}

// versionID is the version read, written or asked for.
func (c *call) versionID() string {
	if v := c.w.Header()["X-Amz-Version-Id"]; len(v) > 0 {
		return v[0]
	}
	return c.query.get("versionId")
}

// remoteIP is the client's address without port.
func (c *call) remoteIP() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	return host
}
