package riak

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
)

// bucket is one bucket of the type, and how its objects are read and written.
type bucket struct {
	client *client
	path   string // of the bucket: /types/T/buckets/B
	read   string // query of reads
	write  string // query of writes
}

func (c *client) bucket(suffix string) *bucket {
	b := &bucket{
		client: c,
		path:   "/types/" + c.opts.Type + "/buckets/" + c.opts.Name + "." + suffix,
		read:   "r=quorum",
		write:  "w=quorum&dw=quorum&sync_on_write=" + c.opts.Sync + "&node_confirms=" + strconv.Itoa(c.opts.Confirms),
	}
	if !c.opts.Sloppy {
		b.read += "&pr=quorum"
		b.write += "&pw=quorum"
	}
	return b
}

// encodeKey makes a key that needs no escaping in a path, of any bytes.
func encodeKey(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func decodeKey(s string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return string(b), err
}

// object is what Riak holds at a key.
type object struct {
	// clock is the vclock: "" when there is nothing; without siblings, that of
	// the tombstone a DELETE left some seconds ago.
	clock    string
	siblings []sibling // one, or several none of which has seen another
}

// sibling is one value of an object.
type sibling struct {
	header http.Header
	body   []byte // all of it, or the beginning that was asked for
}

func (o *object) exists() bool { return len(o.siblings) > 0 }

// readRange asks for the first bytes of a body, or for none.
type readRange struct {
	head  bool
	first int // so many bytes; 0 for all
}

// errRiak is that Riak answered something that is no use.
var errRiak = errors.New("riak failed")

// get reads an object. Of siblings it always reads everything.
func (b *bucket) get(ctx context.Context, key string, rr readRange) (*object, error) {
	r := &request{method: http.MethodGet, path: b.path + "/keys/" + key, query: b.read, header: http.Header{}}
	r.header.Set("Accept", "multipart/mixed, */*;q=0.5")
	if rr.head {
		r.method = http.MethodHead
	} else if rr.first > 0 {
		r.header.Set("Range", fmt.Sprintf("bytes=0-%d", rr.first-1))
	}
	a, err := b.client.do(ctx, r)
	if err != nil {
		return nil, err
	}
	if rr.head && a.status == http.StatusMultipleChoices {
		return b.get(ctx, key, readRange{})
	}
	return a.object()
}

// object understands the answer to a GET or HEAD.
func (a *answer) object() (*object, error) {
	o := &object{clock: a.header.Get("X-Riak-Vclock")}
	switch a.status {
	case http.StatusNotFound:
		if bytes.HasPrefix(a.body, []byte("Unknown bucket type")) {
			return nil, fmt.Errorf("%w: %s", errRiak, a.body[:min(len(a.body), 100)])
		}
		return o, nil
	case http.StatusOK, http.StatusPartialContent:
		o.siblings = []sibling{{header: a.header, body: a.body}}
		return o, nil
	case http.StatusMultipleChoices:
		var err error
		o.siblings, err = a.parts()
		return o, err
	}
	return nil, fmt.Errorf("%w: %w", errRiak, a.refusal())
}

// parts are the siblings of a multipart answer; those that are tombstones are
// left out, for a value always wins over Riak's own tombstone.
func (a *answer) parts() ([]sibling, error) {
	kind, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		return nil, fmt.Errorf("%w: siblings as %q", errRiak, kind)
	}
	var all []sibling
	r := multipart.NewReader(bytes.NewReader(a.body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: siblings: %w", errRiak, err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			return nil, fmt.Errorf("%w: siblings: %w", errRiak, err)
		}
		header := http.Header{}
		for name, values := range p.Header {
			header[http.CanonicalHeaderKey(name)] = values
		}
		if header.Get("X-Riak-Deleted") == "true" {
			continue
		}
		all = append(all, sibling{header: header, body: body})
	}
	return all, nil
}

// prior is what a write takes the place of.
type prior struct {
	clock  string // "" for nothing at all
	exists bool   // false for a tombstone, too
}

func (o *object) prior() prior { return prior{o.clock, o.exists()} }

// put writes a value in place of what a get showed, and only if that is still
// what is there. With back the object that results is
// returned; without, nil.
func (b *bucket) put(ctx context.Context, key string, was prior, v *value, back bool) (*object, error) {
	r := &request{method: http.MethodPut, path: b.path + "/keys/" + key, query: b.write, header: v.headers(), body: v.body, write: true}
	if back {
		r.query += "&returnbody=true"
		r.header.Set("Accept", "multipart/mixed, */*;q=0.5")
	}
	switch {
	case was.exists:
		r.header.Set("X-Riak-If-Not-Modified", was.clock)
		r.header.Set("X-Riak-Vclock", was.clock)
	case was.clock != "": // a tombstone does not match its own clock, but must be told that it was seen
		r.header.Set("If-None-Match", "*")
		r.header.Set("X-Riak-Vclock", was.clock)
	default:
		r.header.Set("If-None-Match", "*")
	}
	a, err := b.client.do(ctx, r)
	if err != nil {
		return nil, err
	}
	switch a.status {
	case http.StatusNoContent:
		return nil, nil
	case http.StatusOK, http.StatusMultipleChoices:
		return a.object()
	case http.StatusConflict, http.StatusPreconditionFailed:
		return nil, errChanged
	}
	return nil, a.putRefusal()
}

// errChanged: the object is not what it was; nothing was written.
var errChanged = errors.New("object changed")

// putRefusal sorts the other answers to a PUT: those in which Riak judged the
// request, so that nothing was written, and those in which it tried.
func (a *answer) putRefusal() error {
	if a.status < 500 {
		return fmt.Errorf("%w: %w", errRiak, a.refusal())
	}
	// node_confirms unsatisfied, timeouts: the value may be there all the same.
	return fmt.Errorf("%w: %w", errMaybeDone, a.refusal())
}

// value is a new value of an object.
type value struct {
	meta  string            // X-Riak-Meta-Mucura
	index map[string]string // term by field
	body  []byte
}

func (v *value) headers() http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/octet-stream")
	h.Set(metaHeader, v.meta)
	for field, term := range v.index {
		h.Set("X-Riak-Index-"+field, term)
	}
	return h
}

// metaHeader describes a value; Riak keeps it with the value and shows it on HEAD.
const metaHeader = "X-Riak-Meta-Mucura"

// delete is Riak's DELETE of what o shows. A write that o did not see stays.
// With an o that shows nothing, all there is goes.
// Only for what never comes back, or was gone for long.
func (b *bucket) delete(ctx context.Context, key string, o *object) error {
	r := &request{method: http.MethodDelete, path: b.path + "/keys/" + key, query: b.write, header: http.Header{}}
	if o.clock != "" {
		r.header.Set("X-Riak-Vclock", o.clock)
	}
	a, err := b.client.do(ctx, r)
	if err != nil {
		return err
	}
	if a.status == http.StatusNoContent || a.status == http.StatusNotFound {
		return nil
	}
	return fmt.Errorf("%w: %w", errRiak, a.refusal())
}
