package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// call is one request under way.
type call struct {
	f   *Front
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context
	id  string // x-amz-request-id

	op          *operation
	bucket, key string
	query       query // decoded once

	auth      *sigv4.Request
	principal *catalog.Principal // never nil
	now       time.Time
	// b is the bucket, read for bucket- and object-level operations unless op.noBucket.
	b *catalog.Bucket
	// watch is the body's; nil when there is none.
	watch *bodyWatch
	// share is whose share of all requests this one is in, if shared.
	share  string
	shared bool
	// keyMD5 is the digest that came with a customer's key, to be sent back.
	keyMD5 string

	nobody  catalog.Principal
	values  [20]string // see one
	used    int
	context map[string][]string // condition keys, made when first needed

	// For the event.
	started           bool // the answer's status has been sent
	idle              bool // the body paused for too long
	status            int
	code              string
	bytesIn, bytesOut int64
	objectSize        int64
	turnaround        time.Duration
	tally             quota.Tally
	reason            string
	err               error
}

// decide asks package access about one action on the call's bucket. extra are
// condition keys beyond those that the request's head gives. key is "" for
// bucket-level actions; obj is the version concerned, or nil.
func (c *call) decide(action, key string, obj *catalog.Object, extra ...map[string][]string) access.Decision {
	return c.decideOn(c.b, action, key, obj, extra...)
}

// decideOn is decide for another bucket: a copy's source.
func (c *call) decideOn(b *catalog.Bucket, action, key string, obj *catalog.Object, extra ...map[string][]string) access.Decision {
	return c.ask(access.Request{Action: action, Bucket: b, Key: key, Object: obj}, extra)
}

// ask puts a question to package access; who asks, and how, is filled in.
func (c *call) ask(q access.Request, extra []map[string][]string) access.Decision {
	q.Principal = c.principal
	b := q.Bucket
	if (b != nil && b.Policy != "") || c.principal.Narrowed() {
		q.Context = c.conditionKeys(extra)
	}
	d := c.f.Site.Decide(q)
	c.reason = d.Reason
	return d
}

// authorize is decide as an error: AccessDenied unless the action is allowed.
// Why goes to the log. The client is told, as by S3, only that a policy denies
// it outright, which she would otherwise look for in grants.
func (c *call) authorize(action, key string, obj *catalog.Object, extra map[string][]string) error {
	d := c.decide(action, key, obj, extra)
	switch {
	case d.Allow:
		return nil
	case d.ExplicitDeny == "" || c.principal.Anonymous() || c.b == nil:
		return s3err.AccessDenied
	}
	resource := "arn:aws:s3:::" + c.b.Name
	if key != "" {
		resource += "/" + key
	}
	return s3err.AccessDenied.Say("User: %s is not authorized to perform: %s on resource: \"%s\" with an explicit deny in %s",
		c.principal.Account.Name, action, resource, d.ExplicitDeny)
}

// header is the answer's header.
func (c *call) header() http.Header { return c.w.Header() }

// set sets a header of the answer, its name in canonical form, when value is
// not "".
func (c *call) set(name, value string) {
	if value != "" {
		c.w.Header()[name] = c.one(value)
	}
}

// one is a header's only value. The first ones lie in the call itself, which
// spares an allocation for each header.
func (c *call) one(value string) []string {
	n := c.used
	if n == len(c.values) {
		return []string{value}
	}
	c.values[n] = value
	c.used++
	return c.values[n : n+1 : n+1]
}

// start sends the status and the header.
func (c *call) start(status int) {
	c.started, c.status, c.turnaround = true, status, c.f.Now().Sub(c.now)
	c.w.WriteHeader(status)
}
