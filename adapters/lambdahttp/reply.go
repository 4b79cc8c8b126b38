package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/mucura/mucura/core/s3err"
)

const (
	jsonType   = "application/json"
	streamType = "application/vnd.awslambda.http-integration-response"
)

// reply is what goes to the Runtime API. The runtime's library posts it as it
// is, because it is a reader that refuses to be made JSON, and closes it after.
type reply struct {
	io.Reader
	kind  string
	close func()
}

func (r *reply) ContentType() string { return r.kind }

func (r *reply) Close() error {
	r.close()
	return nil
}

var errNotJSON = errors.New("bytes as they are")

// MarshalJSON makes the runtime's library take the reader.
func (r *reply) MarshalJSON() ([]byte, error) { return nil, errNotJSON }

func (a *Adapter) reply(ctx context.Context, kind string, text []byte) *reply {
	return &reply{bytes.NewReader(text), kind, func() { a.after(ctx) }}
}

func (a *Adapter) after(ctx context.Context) {
	if a.After != nil {
		a.After(ctx)
	}
}

// envelopeHead is an answer without its body, of every door.
type envelopeHead struct {
	StatusCode        int               `json:"statusCode"`
	StatusDescription string            `json:"statusDescription,omitempty"`
	Headers           map[string]string `json:"headers,omitzero"`
	MultiValueHeaders http.Header       `json:"multiValueHeaders,omitzero"`
	Cookies           []string          `json:"cookies,omitempty"`
}

// head makes the envelope of an answer in the form that the event asks for.
func head(status int, h http.Header, e *event, d door) *envelopeHead {
	out := &envelopeHead{StatusCode: status}
	if d == loadBalancer {
		out.StatusDescription = strings.TrimSpace(itoa(status) + " " + http.StatusText(status))
		if e.multi() {
			out.MultiValueHeaders = h
			if h == nil { // it must be there
				out.MultiValueHeaders = http.Header{}
			}
			return out
		}
	}
	out.Headers = make(map[string]string, len(h))
	for name, values := range h {
		switch {
		case name != "Set-Cookie":
			out.Headers[name] = strings.Join(values, ",")
		case d != loadBalancer:
			out.Cookies = values
		default: // a name for each: cookies cannot be joined
			for i, v := range values {
				out.Headers[spelling(name, i)] = v
			}
		}
	}
	return out
}

// spelling is a way to write a header's name, another for each n below 256.
func spelling(name string, n int) string {
	b := []byte(strings.ToLower(name))
	for i := 0; i < len(b) && n > 0; i++ {
		if b[i] >= 'a' && b[i] <= 'z' {
			if n&1 == 1 {
				b[i] -= 'a' - 'A'
			}
			n >>= 1
		}
	}
	return string(b)
}

// encodeReply makes the JSON of a whole answer.
func encodeReply(h *envelopeHead, kind string, body []byte) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil || len(body) == 0 {
		return text, err
	}
	text = text[:len(text)-1] // the brace
	if textual(kind) && utf8.Valid(body) {
		quoted, err := quote(body)
		if err != nil {
			return nil, err
		}
		return append(append(append(text, `,"body":`...), quoted...), '}'), nil
	}
	out := make([]byte, 0, len(text)+base64.StdEncoding.EncodedLen(len(body))+40)
	out = append(append(out, text...), `,"isBase64Encoded":true,"body":"`...)
	out = base64.StdEncoding.AppendEncode(out, body)
	return append(out, `"}`...), nil
}

// quote makes a JSON string without escapes for HTML, which would make an XML
// document three times as long.
func quote(body []byte) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(string(body))
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// textual tells whether a media type is worth being sent as text: it takes less
// room than in base64.
func textual(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	return strings.HasPrefix(kind, "text/") || kind == "application/xml" || kind == jsonType
}

// writeError answers with S3's error document.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := s3err.From(err)
	h := w.Header()
	clear(h)
	h.Set("Server", "Mucura")
	if r != nil && r.Method == http.MethodHead {
		w.WriteHeader(e.Status)
		return
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error>")
	for _, f := range append([][2]string{{"Code", e.Code.Code}, {"Message", e.Message()}}, e.Fields...) {
		b.WriteString("<" + f[0] + ">")
		_ = xml.EscapeText(&b, []byte(f[1])) // a buffer takes everything
		b.WriteString("</" + f[0] + ">")
	}
	b.WriteString("</Error>")
	h.Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	_, _ = w.Write(b.Bytes())
}
