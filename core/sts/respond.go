package sts

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// fault is an error a client sees.
type fault struct {
	status        int
	code, message string
	reason        string // gridproxy's code, "" for others
	cause         error  // for the log, never for the client
}

func (f *fault) Error() string {
	if f.cause == nil {
		return f.code + ": " + f.message
	}
	return f.code + ": " + f.cause.Error()
}

func (f *fault) Unwrap() error { return f.cause }

func refuse(status int, code, message string) error {
	return &fault{status: status, code: code, message: message}
}

func unavailable(cause error) error {
	return &fault{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "The server cannot answer now. Try again.", cause: cause}
}

// refusedSignature is the answer to a request whose signature by a certificate
// does not hold.
func (c *call) refusedSignature(err error) error {
	return &fault{status: http.StatusForbidden, code: "AccessDenied", message: "The request's signature is refused: " + err.Error(), cause: err}
}

// fail answers with an error in the form of what was asked.
func (c *call) fail(err error) {
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{status: http.StatusInternalServerError, code: "InternalFailure", message: "The request failed inside the server.", cause: err}
	}
	c.ev.Code, c.ev.Err = f.code, err
	if f.status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "1")
	}
	switch {
	case c.xml:
		c.failXML(f)
	case c.r.URL.Path == "/sessions":
		c.w.Header().Set("X-Amzn-Errortype", exception(f))
		c.json(f.status, map[string]string{"message": f.message}) //nolint:errcheck // the client has gone; nobody is left to tell
	default:
		doc := map[string]string{"code": f.code, "message": f.message}
		if f.reason != "" {
			doc["reason"] = f.reason
		}
		c.json(f.status, doc) //nolint:errcheck // as above
	}
}

// exception names an error as IAM Roles Anywhere does.
func exception(f *fault) string {
	switch {
	case f.status == http.StatusForbidden:
		return "AccessDeniedException"
	case f.status == http.StatusBadRequest:
		return "ValidationException"
	}
	return f.code
}

func (c *call) failXML(f *fault) {
	kind := "Sender"
	if f.status >= 500 {
		kind = "Receiver"
	}
	type detail struct{ Type, Code, Message string }
	b, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{Error: detail{kind, f.code, f.message}, RequestID: c.ev.ID})
	if err != nil {
		b = nil
	}
	c.send(f.status, "text/xml", b) //nolint:errcheck // the client has gone; nobody is left to tell
}

func (c *call) json(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(status, "application/json", append(b, '\n'))
}

// send answers. An error of it is nobody's to hear: the client has gone.
func (c *call) send(status int, kind string, body []byte) error {
	c.ev.Status = status
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
	return nil
}

// form is the parameters of a request, those of the body before those of the query.
type form struct{ body, query url.Values }

func (f *form) get(name string) string {
	if v, ok := f.body[name]; ok {
		return v[0]
	}
	return f.query.Get(name)
}

func (f *form) set(name, value string) {
	if f.body == nil {
		f.body = url.Values{}
	}
	f.body.Set(name, value)
}

// readBody reads body and parameters.
func (c *call) readBody() (err error) {
	if c.form.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return &fault{status: http.StatusBadRequest, code: "MalformedQueryString", message: "The query does not parse.", cause: err}
	}
	if c.r.Body == nil || c.r.Body == http.NoBody {
		return nil
	}
	// Writers that are not connections have no deadline to set.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(bodyTime))
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		return &fault{status: http.StatusRequestEntityTooLarge, code: "RequestTooLarge", message: "The body is too large, or broke off.", cause: err}
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	c.body = b
	c.r.Body, c.r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	if kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		if c.form.body, err = url.ParseQuery(string(b)); err != nil {
			return &fault{status: http.StatusBadRequest, code: "MalformedInput", message: "The body does not parse.", cause: err}
		}
	}
	return nil
}

// connection names TLS version and cipher suite.
func connection(s *tls.ConnectionState) (version, suite string) {
	if s == nil || s.Version == 0 { // a proxy ended it
		return "", ""
	}
	return tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite)
}
