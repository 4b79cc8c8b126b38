package s3

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/repo"
)

// span is a stretch of an object.
type span struct{ offset, length int64 }

// contentRange is the span as Content-Range writes it.
func (s span) contentRange(size int64) string {
	b := make([]byte, 0, 48)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.offset, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.offset+s.length-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// maxRanges is the most ranges of one request that are kept; physics analysis
// reads vectors of some hundreds.
const maxRanges = 1024

// parseRange reads a Range header of RFC 9110 section 14.1.2. ok is false for
// one that is to be ignored: malformed, another unit, too many ranges, ranges
// that together ask for more than the object is long (RFC 9110 section 17.15),
// or several of which none can be satisfied, which S3 ignores as it does any
// several. No span at all means that the one range cannot be satisfied.
func parseRange(header string, size int64) (spans []span, ok bool) {
	list, found := strings.CutPrefix(header, "bytes=")
	if !found || strings.Count(list, ",") >= maxRanges {
		return nil, false
	}
	if strings.Trim(list, " \t") != list { // white space stands around commas only
		return nil, false
	}
	total, specs := int64(0), 0
	for spec := range strings.SplitSeq(list, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue
		}
		specs++
		s, ok := parseSpan(spec, size)
		if !ok {
			return nil, false
		}
		if s.length > 0 {
			spans = append(spans, s)
			total += s.length
		}
	}
	if specs == 0 || (len(spans) > 1 && total > size) || (specs > 1 && len(spans) == 0) {
		return nil, false
	}
	return spans, true
}

// parseSpan reads one range; its length is 0 when it cannot be satisfied.
func parseSpan(spec string, size int64) (s span, ok bool) {
	first, last, found := strings.Cut(spec, "-")
	if !found {
		return s, false
	}
	if first == "" { // the last n bytes
		n, ok := digits(last)
		if !ok {
			return s, false
		}
		if n > 0 && size == 0 { // satisfiable, and all there is
			return s, false
		}
		n = min(n, size)
		return span{size - n, n}, true
	}
	from, ok := digits(first)
	if !ok {
		return s, false
	}
	to := size - 1
	if last != "" {
		n, ok := digits(last)
		if !ok || n < from {
			return s, false
		}
		to = min(to, n)
	}
	if from >= size {
		return span{}, true
	}
	return span{from, to - from + 1}, true
}

// digits reads a number of digits only; one that is too large becomes the
// greatest there is.
func digits(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// sendMultipart answers several ranges as multipart/byteranges (RFC 9110
// section 14.6). S3 itself ignores such a request; HTTP clients that read
// vectors are served in one round trip here.
func (c *call) sendMultipart(h *repo.Handle, spans []span, head bool) error {
	hdr := c.w.Header()
	boundary := newBoundary()
	preface := "\r\n--" + boundary + "\r\nContent-Type: " + hdr.Get("Content-Type") + "\r\nContent-Range: "
	closing := "\r\n--" + boundary + "--\r\n"
	length := int64(len(closing))
	for _, s := range spans {
		length += int64(len(preface)+len(s.contentRange(h.Size))+4) + s.length
	}
	hdr["Content-Type"] = c.one("multipart/byteranges; boundary=" + boundary)
	hdr["Content-Length"] = c.one(strconv.FormatInt(length, 10))
	c.start(http.StatusPartialContent)
	if head {
		return nil
	}
	for _, s := range spans {
		if err := c.writeString(preface + s.contentRange(h.Size) + "\r\n\r\n"); err != nil {
			return err
		}
		if err := c.sendSpan(h, s); err != nil {
			return err
		}
	}
	return c.writeString(closing)
}

func (c *call) sendSpan(h *repo.Handle, s span) error {
	body, err := h.Range(c.ctx, s.offset, s.length)
	if err != nil {
		return err
	}
	defer body.Close()
	return c.stream(body, s.length)
}

func (c *call) writeString(s string) error {
	n, err := c.w.Write([]byte(s))
	c.bytesOut += int64(n)
	return err
}

// newBoundary makes a boundary that no content can foresee.
func newBoundary() string {
	var b [16]byte
	for i := range 2 {
		v := rand.Uint64()
		for j := range 8 {
			b[8*i+j] = byte(v >> (8 * j))
		}
	}
	return hex.EncodeToString(b[:])
}
