package s3

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// getObject reads an object, or for HEAD its metadata
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
func (c *call) getObject() error {
	head := c.r.Method == http.MethodHead
	if err := c.checkOverrides(); err != nil {
		return err
	}
	key, err := c.givenKey()
	if err != nil {
		return err
	}
	h, err := c.openForRead("s3:GetObject", "s3:GetObjectVersion", !head)
	if err != nil {
		return err
	}
	if err := h.Unlock(key); err != nil {
		return err
	}
	if err := c.readCondition(h.Object); err != nil {
		return err
	}
	want, err := c.wanted(h)
	if err != nil {
		return err
	}
	c.describe(h.Object)
	c.override()
	if strings.EqualFold(c.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		if err := c.showChecksum(h, want); err != nil {
			return err
		}
	}
	return c.send(h, want, head)
}

// openForRead opens the version that the request names and authorizes reading
// it. What is missing is told only to those who may list the bucket.
func (c *call) openForRead(action, versionAction string, withBody bool) (*repo.Handle, error) {
	version, err := c.askedVersion()
	if err != nil {
		return nil, err
	}
	if version != "" {
		action = versionAction
	}
	h, err := c.f.Repo.Open(c.ctx, c.b, c.key, version, withBody)
	if err == nil {
		return h, c.authorize(action, c.key, h.Object, nil)
	}
	if c.decide(action, c.key, nil).ExplicitDeny != "" {
		return nil, s3err.AccessDenied
	}
	return nil, c.missing(h, version, err)
}

// missing decides what is said of a version that cannot be opened. h is not
// nil when a delete marker is in its place.
func (c *call) missing(h *repo.Handle, version string, err error) error {
	if !errors.Is(err, s3err.NoSuchKey) && !errors.Is(err, s3err.NoSuchVersion) && !errors.Is(err, s3err.MethodNotAllowed) {
		return err
	}
	if !c.decide("s3:ListBucket", "", nil).Allow {
		return s3err.AccessDenied
	}
	if h != nil && h.Object != nil && h.DeleteMarker {
		c.set("X-Amz-Delete-Marker", "true")
		c.set("X-Amz-Version-Id", h.VersionID())
		if version != "" {
			c.set("Last-Modified", h.ModTime.UTC().Format(http.TimeFormat))
			c.set("Allow", http.MethodDelete)
			return c.notOnMarker()
		}
	}
	if errors.Is(err, s3err.NoSuchVersion) {
		return s3err.NoSuchVersion.Field("Key", c.key).Field("VersionId", version)
	}
	return err
}

// wanted is what of an object is asked for.
type wanted struct {
	spans []span // at least one unless whole
	whole bool
	part  int // part number, 0 when none was named
}

// wanted reads Range and partNumber.
func (c *call) wanted(h *repo.Handle) (w wanted, err error) {
	rng := c.r.Header.Get("Range")
	if c.query.has("partNumber") {
		if rng != "" {
			return w, s3err.InvalidRequest.Say("Cannot specify both Range header and partNumber query parameter")
		}
		return c.wantedPart(h)
	}
	if rng == "" || !c.rangeApplies(h.Object) {
		return wanted{whole: true}, nil
	}
	spans, ok := parseRange(rng, h.Size)
	if !ok {
		return wanted{whole: true}, nil
	}
	if len(spans) == 0 {
		c.set("Content-Range", "bytes */"+strconv.FormatInt(h.Size, 10))
		return w, s3err.InvalidRange.Field("RangeRequested", rng).
			Field("ActualObjectSize", strconv.FormatInt(h.Size, 10))
	}
	return wanted{spans: spans}, nil
}

// wantedPart is the stretch of one part.
func (c *call) wantedPart(h *repo.Handle) (w wanted, err error) {
	if w.part, err = c.partNumber(); err != nil {
		return w, err
	}
	offset, length, err := h.PartRange(c.ctx, w.part)
	if err != nil {
		if errors.Is(err, s3err.InvalidPartNumber) {
			return w, s3err.InvalidPartNumber.Field("ActualPartCount", strconv.Itoa(max(h.PartCount, 1))).
				Field("PartNumberRequested", strconv.Itoa(w.part))
		}
		return w, err
	}
	if h.PartCount > 0 {
		c.set("X-Amz-Mp-Parts-Count", strconv.Itoa(h.PartCount))
	}
	if h.Size == 0 {
		w.whole = true
		return w, nil
	}
	w.spans = []span{{offset, length}}
	return w, nil
}

// partNumber is the number of a part that the request names.
func (c *call) partNumber() (int, error) {
	v := c.query.get("partNumber")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > repo.MaxPartNumber {
		return 0, badArgument("partNumber", v, "Part number must be an integer between 1 and 10000, inclusive.")
	}
	return n, nil
}

// all tells whether a whole object of size bytes is wanted, be it as a range.
func (w *wanted) all(size int64) bool {
	return w.whole || (len(w.spans) == 1 && w.spans[0] == span{0, size})
}

// showChecksum sets the checksum's header: the object's for the whole, the
// part's for one part of a composite one, none for a stretch.
func (c *call) showChecksum(h *repo.Handle, w wanted) error {
	if w.part > 0 && h.PartCount > 0 && h.Checksum.Type == catalog.Composite {
		parts, err := h.PartList(c.ctx)
		if err != nil || w.part > len(parts) {
			return err
		}
		sum := h.Checksum
		sum.Value = parts[w.part-1].Checksum
		c.describeChecksum(sum, 0)
		return nil
	}
	if w.all(h.Size) {
		c.describeChecksum(h.Checksum, h.PartCount)
	}
	return nil
}

// send answers with what is wanted.
func (c *call) send(h *repo.Handle, w wanted, head bool) error {
	if len(w.spans) > 1 {
		return c.sendMultipart(h, w.spans, head)
	}
	status, s := http.StatusOK, span{0, h.Size}
	if !w.whole {
		status, s = http.StatusPartialContent, w.spans[0]
		c.w.Header()["Content-Range"] = c.one(s.contentRange(h.Size))
	}
	c.w.Header()["Content-Length"] = c.one(strconv.FormatInt(s.length, 10))
	if head || s.length == 0 {
		c.start(status)
		return nil
	}
	body, err := h.Range(c.ctx, s.offset, s.length)
	if err != nil {
		return err
	}
	defer body.Close()
	c.start(status)
	return c.stream(body, s.length)
}

// stream copies exactly n bytes to the client. io.Copy finds the reader's
// WriterTo and, beneath it, the connection's ReaderFrom: sendfile.
func (c *call) stream(body io.Reader, n int64) error {
	sent, err := io.Copy(c.w, body)
	c.bytesOut += sent
	if err == nil && sent != n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// overrides are the parameters by which a signed GET replaces headers.
var overrides = [...][2]string{
	{"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
	{"response-content-language", "Content-Language"},
	{"response-content-type", "Content-Type"},
	{"response-expires", "Expires"},
}

// checkOverrides refuses overrides in anonymous requests.
func (c *call) checkOverrides() error {
	if !c.auth.Anonymous || len(c.query) == 0 {
		return nil
	}
	for _, o := range overrides {
		if c.query.has(o[0]) {
			return s3err.InvalidRequest.Say("Request specific response headers cannot be used for anonymous GET requests.")
		}
	}
	return nil
}

// override replaces headers as the request asks.
func (c *call) override() {
	if len(c.query) == 0 {
		return
	}
	for _, o := range overrides {
		c.set(o[1], c.query.get(o[0]))
	}
}
