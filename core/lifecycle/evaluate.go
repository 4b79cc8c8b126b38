package lifecycle

import (
	"net/url"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// Expires tells what is due for a version at now, and by which rule; of several
// the one that was due first. day is the length of a day: Day, for which times
// are rounded up to midnight UTC as S3 does, or less for tests, without rounding.
func (c *Config) Expires(v Candidate, now time.Time, day time.Duration) (Action, *Rule) {
	var first time.Time
	var by *Rule
	action := Keep
	for i := range c.Rules {
		r := &c.Rules[i]
		at, a := r.due(&v, day)
		if a == Keep || now.Before(at) || by != nil && !at.Before(first) {
			continue
		}
		first, by, action = at, r, a
	}
	return action, by
}

// due tells what the rule wants for a version, and when; Keep when nothing.
func (r *Rule) due(v *Candidate, day time.Duration) (time.Time, Action) {
	if !r.Enabled || !r.Filter.matches(v.Key, v.Size, v.Tags) {
		return time.Time{}, Keep
	}
	switch {
	case !v.Latest:
		if n := r.Noncurrent; n != nil && v.NewerNoncurrent >= n.Keep {
			return after(v.NoncurrentSince, n.Days, day), RemoveVersion
		}
	case r.Expiration == nil:
	case !v.DeleteMarker:
		if at, ok := r.Expiration.current(v.ModTime, day); ok {
			return at, ExpireCurrent
		}
	case v.Alone:
		if at, ok := r.Expiration.marker(v.ModTime, day); ok {
			return at, RemoveVersion
		}
	}
	return time.Time{}, Keep
}

// current is when a current version of an age expires.
func (x *Expiration) current(modified time.Time, day time.Duration) (time.Time, bool) {
	switch {
	case x.Days > 0:
		return after(modified, x.Days, day), true
	case !x.Date.IsZero():
		return x.Date, true
	}
	return time.Time{}, false
}

// marker is when a delete marker goes that no version is left behind of: as
// soon as it is alone, or when it is of the age at which objects expire.
func (x *Expiration) marker(modified time.Time, day time.Duration) (time.Time, bool) {
	if x.DeleteMarkers != nil {
		return modified, *x.DeleteMarkers
	}
	return x.current(modified, day)
}

// after adds days to a time, and rounds up to the next midnight UTC
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#intro-lifecycle-rules-number-of-days).
// Days of another length than Day are for tests and are not rounded.
func after(t time.Time, days int, day time.Duration) time.Time {
	if day != Day {
		return t.Add(time.Duration(min(int64(days), maxDays)) * day)
	}
	t = t.UTC().AddDate(0, 0, int(min(int64(days), maxDays)))
	if down := t.Truncate(Day); down.Before(t) { // Truncate counts from a midnight
		return down.Add(Day)
	}
	return t
}

// maxDays keeps times that nobody will see from overflowing.
const maxDays = 36500

// AbortUpload tells whether an unfinished upload is to be aborted at now, and
// by which rule. day is as for Expires.
func (c *Config) AbortUpload(key string, initiated, now time.Time, day time.Duration) (*Rule, bool) {
	at, r := c.abort(key, initiated, day)
	if r == nil || now.Before(at) {
		return nil, false
	}
	return r, true
}

// AbortDate is when an upload will be aborted, and by which rule: the headers
// x-amz-abort-date and x-amz-abort-rule-id.
func (c *Config) AbortDate(key string, initiated time.Time) (at time.Time, ruleID string, ok bool) {
	at, r := c.abort(key, initiated, Day)
	if r == nil {
		return time.Time{}, "", false
	}
	return at, r.ID, true
}

func (c *Config) abort(key string, initiated time.Time, day time.Duration) (first time.Time, by *Rule) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.Enabled || r.AbortAfterDays == 0 || !strings.HasPrefix(key, r.Filter.Prefix) {
			continue
		}
		if at := after(initiated, r.AbortAfterDays, day); by == nil || at.Before(first) {
			first, by = at, r
		}
	}
	return first, by
}

// ExpirationHeader is when a current version will expire, and by which rule;
// for x-amz-expiration (see FormatExpiration). It always speaks of days of 24
// hours and midnight.
func (c *Config) ExpirationHeader(key string, size int64, tags []catalog.Tag, modified time.Time) (at time.Time, ruleID string, ok bool) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.Enabled || r.Expiration == nil || !r.Filter.matches(key, size, tags) {
			continue
		}
		if t, due := r.Expiration.current(modified, Day); due && (!ok || t.Before(at)) {
			at, ruleID, ok = t, r.ID, true
		}
	}
	return at, ruleID, ok
}

// FormatExpiration is the value of x-amz-expiration, in which the rule's ID is
// URL-encoded
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
func FormatExpiration(at time.Time, ruleID string) string {
	id := strings.ReplaceAll(url.QueryEscape(ruleID), "+", "%20")
	return `expiry-date="` + at.UTC().Format(httpDate) + `", rule-id="` + id + `"`
}

// httpDate is how S3 writes dates in headers (http.TimeFormat).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// matches tells whether the filter lets an object through.
func (f *Filter) matches(key string, size int64, tags []catalog.Tag) bool {
	if !strings.HasPrefix(key, f.Prefix) ||
		f.MoreThan != nil && size <= *f.MoreThan || f.LessThan != nil && size >= *f.LessThan {
		return false
	}
	for _, want := range f.Tags {
		if !hasTag(tags, want) {
			return false
		}
	}
	return true
}

func hasTag(tags []catalog.Tag, want catalog.Tag) bool {
	for i := range tags {
		if tags[i] == want {
			return true
		}
	}
	return false
}

// Work tells what enabled rules ask for, so that a sweep looks only where
// something can be due.
type Work struct {
	Current    bool // objects expire
	Noncurrent bool // noncurrent versions expire
	Markers    bool // lone delete markers go
	Uploads    bool // uploads are aborted
	NeedTags   bool // some filter asks for tags
}

// Work sums up the enabled rules.
func (c *Config) Work() (w Work) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.Enabled {
			continue
		}
		if x := r.Expiration; x != nil {
			w.Current = w.Current || x.DeleteMarkers == nil
			w.Markers = w.Markers || x.DeleteMarkers == nil || *x.DeleteMarkers
		}
		w.Noncurrent = w.Noncurrent || r.Noncurrent != nil
		w.Uploads = w.Uploads || r.AbortAfterDays > 0
		w.NeedTags = w.NeedTags || len(r.Filter.Tags) > 0
	}
	return w
}
