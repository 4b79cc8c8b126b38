package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// namespace of every document but errors.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

var xmlType = []string{"application/xml"}

// xml answers with a document. v's XMLName carries the namespace.
func (c *call) xml(status int, v any) error {
	b, err := xml.Marshal(v)
	if err != nil {
		return s3err.InternalError.With(err)
	}
	return c.document(status, append([]byte(xmlHeader), b...))
}

// document answers with a whole XML document.
func (c *call) document(status int, doc []byte) error {
	h := c.w.Header()
	h["Content-Type"] = xmlType
	return c.bytes(status, doc)
}

// bytes answers with a body whose Content-Type is set.
func (c *call) bytes(status int, body []byte) error {
	c.w.Header()["Content-Length"] = c.one(strconv.Itoa(len(body)))
	c.start(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	n, err := c.w.Write(body)
	c.bytesOut += int64(n)
	return err
}

// empty answers without a body.
func (c *call) empty(status int) error {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.w.Header()["Content-Length"] = zeroLength
	}
	c.start(status)
	return nil
}

var zeroLength = []string{"0"}

// fail answers with an error, or cuts the connection when an answer has begun.
// The server takes any failure to read for the client's going, so what the
// client did wrong is answered even then.
func (c *call) fail(err error) {
	e := translate(err)
	if c.idle {
		e = s3err.RequestTimeout.With(err)
	}
	c.code, c.err = e.Code.Code, err
	gone := c.r.Context().Err() != nil
	if gone && (c.started || e.Status >= http.StatusInternalServerError) {
		c.started, c.status = true, statusGone
	}
	if c.started {
		panic(http.ErrAbortHandler)
	}
	c.respondError(e)
}

// translate gives the row for errors that are known outside package repo too.
func translate(err error) *s3err.Error {
	e := s3err.From(err)
	if e.Code != s3err.InternalError {
		return e
	}
	switch {
	case errors.Is(err, meta.ErrReadOnly):
		return s3err.ServiceUnavailable.With(err)
	case errors.Is(err, meta.ErrUnavailable), errors.Is(err, content.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded):
		return s3err.SlowDown.With(err)
	case errors.Is(err, meta.ErrFull), errors.Is(err, content.ErrFull):
		return s3err.StorageFull.With(err)
	}
	return e
}

// respondError renders the error document
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
func (c *call) respondError(e *s3err.Error) {
	h := c.w.Header()
	delete(h, "Content-Length")
	delete(h, "Content-Range")
	if e.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = retryAfter
	}
	if e.Status == http.StatusNotModified || c.r.Method == http.MethodHead {
		delete(h, "Content-Type")
		c.start(e.Status)
		return
	}
	for _, name := range entityHeaders {
		delete(h, name)
	}
	c.document(e.Status, c.errorDocument(e)) //nolint:errcheck // the client has gone; nobody is left to tell
}

// retryAfter is how many seconds a client may wait that was told to slow down;
// most wait by rules of their own.
var retryAfter = []string{"1"}

// entityHeaders describe an object; an error document must not carry them.
var entityHeaders = []string{"Etag", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires", "Accept-Ranges"}

// errorDocument makes the error document.
func (c *call) errorDocument(e *s3err.Error) []byte {
	b := make([]byte, 0, 512)
	b = append(b, xmlHeader+"<Error>"...)
	b = appendElement(b, "Code", e.Code.Code)
	b = appendElement(b, "Message", e.Message())
	fields := e.Fields
	switch {
	case fields != nil:
	case e.Code == s3err.NoSuchBucket:
		fields = [][2]string{{"BucketName", c.bucket}}
	case e.Code == s3err.NoSuchKey:
		fields = [][2]string{{"Key", c.key}}
	}
	for _, f := range fields {
		b = appendElement(b, f[0], f[1])
	}
	b = appendElement(b, "Resource", c.resource())
	b = appendElement(b, "RequestId", c.id)
	b = appendElement(b, "HostId", c.id)
	return append(b, "</Error>"...)
}

// resource is what the request is about.
func (c *call) resource() string {
	if c.key == "" {
		return "/" + c.bucket
	}
	return "/" + c.bucket + "/" + c.key
}

// appendElement appends <name>text</name>.
func appendElement(b []byte, name, text string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	b = append(b, '>')
	b = appendText(b, text)
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

// appendText appends text with XML's special characters escaped. Control
// characters, which XML 1.0 has no way to write, become character references
// as S3 makes them; bytes that are not UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		ch := s[i]
		if ch >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += n
			continue
		}
		esc := ""
		switch {
		case ch == '&':
			esc = "&amp;"
		case ch == '<':
			esc = "&lt;"
		case ch == '>':
			esc = "&gt;"
		case ch == '"':
			esc = "&quot;"
		case ch < 0x20 || ch == 0x7f:
			b = append(b, s[from:i]...)
			b = append(b, "&#x"...)
			b = strconv.AppendUint(b, uint64(ch), 16)
			b = append(b, ';')
			i++
			from = i
			continue
		default:
			i++
			continue
		}
		b = append(append(b, s[from:i]...), esc...)
		i++
		from = i
	}
	return append(b, s[from:]...)
}
