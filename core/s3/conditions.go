package s3

import (
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// conditions are the preconditions of a read.
type conditions struct {
	match, noneMatch                string // lists of ETags, or "*"
	modifiedSince, unmodifiedSince  time.Time
	hasMatch, hasNoneMatch          bool
	hasModifiedSince, hasUnmodified bool
}

// conditionsFrom reads the four headers, whose names begin with prefix. A time
// that cannot be read is ignored (RFC 9110 section 13.1.3), and so is, as in S3,
// one in the future after which nothing can have changed.
func conditionsFrom(h http.Header, prefix string, now time.Time) (q conditions) {
	if v := h[prefix+"If-Match"]; v != nil {
		q.match, q.hasMatch = strings.Join(v, ","), true
	}
	if v := h[prefix+"If-None-Match"]; v != nil {
		q.noneMatch, q.hasNoneMatch = strings.Join(v, ","), true
	}
	q.modifiedSince, q.hasModifiedSince = parseDate(h.Get(prefix + "If-Modified-Since"))
	q.hasModifiedSince = q.hasModifiedSince && !q.modifiedSince.After(now)
	q.unmodifiedSince, q.hasUnmodified = parseDate(h.Get(prefix + "If-Unmodified-Since"))
	return q
}

// parseDate reads an HTTP date, or one as documents write it.
func parseDate(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	if t, err := http.ParseTime(s); err == nil {
		return t, true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// failed names the condition that an object does not meet, "" when it meets
// them all, with the precedence of RFC 9110 section 13.2.2.
func (q *conditions) failed(o *catalog.Object) string {
	switch {
	case q.hasMatch:
		if !etagIn(q.match, o.ETag) {
			return ifMatch
		}
	case q.hasUnmodified:
		if modifiedSince(o, q.unmodifiedSince.Unix()) {
			return ifUnmodifiedSince
		}
	}
	switch {
	case q.hasNoneMatch:
		if etagIn(q.noneMatch, o.ETag) {
			return ifNoneMatch
		}
	case q.hasModifiedSince:
		if !modifiedSince(o, q.modifiedSince.Unix()) {
			return ifModifiedSince
		}
	}
	return ""
}

// The conditions, as S3 names them in errors.
const (
	ifMatch           = "If-Match"
	ifNoneMatch       = "If-None-Match"
	ifModifiedSince   = "If-Modified-Since"
	ifUnmodifiedSince = "If-Unmodified-Since"
)

// judge tells what the conditions of a read make of an object: nil,
// PreconditionFailed or NotModified.
func (q *conditions) judge(o *catalog.Object) error {
	switch failed := q.failed(o); failed {
	case "":
		return nil
	case ifMatch, ifUnmodifiedSince:
		return s3err.PreconditionFailed.Field("Condition", failed)
	}
	return s3err.NotModified
}

// etagIn tells whether a list of ETags, quoted or not, names one.
func etagIn(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item = unquoted(item); item == "*" || item == etag {
			return true
		}
	}
	return false
}

// readCondition judges the request's conditions. What a 304 needs is set.
func (c *call) readCondition(o *catalog.Object) error {
	q := conditionsFrom(c.r.Header, "", c.now)
	err := q.judge(o)
	if err != nil {
		c.describeIdentity(o)
	}
	return err
}

// rangeApplies judges If-Range (RFC 9110 section 13.1.5): when it does not
// hold, the whole object is sent.
func (c *call) rangeApplies(o *catalog.Object) bool {
	v := c.r.Header.Get("If-Range")
	if v == "" {
		return true
	}
	if t, ok := parseDate(v); ok {
		return o.ModTime.Unix() == t.Unix()
	}
	return !strings.HasPrefix(v, "W/") && unquoted(v) == o.ETag
}

// modifiedSince tells whether the object changed after a time, to the second,
// which is all that HTTP dates have.
func modifiedSince(o *catalog.Object, unix int64) bool { return o.ModTime.Unix() > unix }
