package lambdahttp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/mucura/mucura/core/s3err"
)

// buffered answers an event whose door takes whole answers only.
func (a *Adapter) buffered(ctx context.Context, e *event, d door, out sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := a.request(ctx, e, d)
	w := &buffer{e: e, d: d, stop: cancel}
	if err != nil {
		writeError(w, nil, err)
	} else {
		w.noBody = r.Method == http.MethodHead
		if !a.serve(w, r) && !w.tooLarge { // not a byte has left yet: the client can be told
			w.reset()
			writeError(w, r, s3err.InternalError)
		}
	}
	text := w.encode()
	if w.tooLarge || len(text) > d.maxAnswer() {
		size := w.declared
		w.reset()
		writeError(w, r, answerTooLarge(size, maxBody(d), d))
		text = w.encode()
	}
	return out.whole(text)
}

// maxBody is the largest binary body that fits into a door's answer, about.
func maxBody(d door) int64 {
	return int64(base64.RawStdEncoding.DecodedLen(d.maxAnswer() - envelope))
}

// buffer keeps an answer, as long as its door can take it.
type buffer struct {
	e      *event
	d      door
	header http.Header
	status int
	noBody bool // to HEAD
	// text is the answer as JSON, as far as it is known: with the headers as they
	// were at WriteHeader, and with the body unless that may go as text.
	text    []byte
	textual bool
	body    []byte // what is not in text yet
	size    int    // of the body
	// declared is the length the handler announced, -1 without.
	declared int64
	tooLarge bool
	stop     func() // the handler need not go on
}

var errTooLarge = errors.New("the answer is larger than the function can send")

func (w *buffer) reset() {
	*w = buffer{e: w.e, d: w.d, noBody: w.noBody, stop: w.stop}
}

func (w *buffer) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *buffer) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // informational ones cannot be passed on
		return
	}
	w.status, w.declared, w.textual = status, -1, textual(w.header.Get("Content-Type"))
	n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
	if err == nil {
		w.declared = n
	}
	least := int64(0) // that the body takes
	if err == nil && !w.noBody && bodyAllowed(status) {
		if least = n; !w.textual {
			least = (n + 2) / 3 * 4
		}
	}
	if least > int64(w.d.maxAnswer()) {
		w.refuse()
		return
	}
	w.text = appendHead(make([]byte, 0, 1024+max(least, 0)), status, w.header, w.e, w.d)
}

func (w *buffer) refuse() {
	w.tooLarge, w.text, w.body = true, nil, nil
	w.stop()
}

func (w *buffer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.tooLarge:
		return 0, errTooLarge
	case w.noBody || !bodyAllowed(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.declared >= 0 && int64(w.size+len(p)) > w.declared:
		return 0, http.ErrContentLength
	case w.size+len(p) > w.d.maxAnswer():
		w.refuse()
		return 0, errTooLarge
	}
	if len(p) == 0 {
		return 0, nil
	}
	w.size += len(p)
	if w.textual {
		w.body = append(w.body, p...)
		return len(p), nil
	}
	w.encodeBinary(p)
	return len(p), nil
}

// encodeBinary adds to the body in base64, three bytes at a time; what is left
// over waits in body.
func (w *buffer) encodeBinary(p []byte) {
	if w.size == len(p) { // the first
		w.text = append(w.text, binaryBody...)
	}
	if len(w.body) > 0 {
		n := min(3-len(w.body), len(p))
		w.body, p = append(w.body, p[:n]...), p[n:]
		if len(w.body) < 3 {
			return
		}
		w.text, w.body = base64.StdEncoding.AppendEncode(w.text, w.body), w.body[:0]
	}
	whole := len(p) / 3 * 3
	w.text = base64.StdEncoding.AppendEncode(w.text, p[:whole])
	w.body = append(w.body, p[whole:]...)
}

// Flush is there for handlers that ask for it; nothing can be sent early.
func (w *buffer) Flush() {}

// binaryBody begins a body in base64.
const binaryBody = `,"isBase64Encoded":true,"body":"`

// encode ends the answer.
func (w *buffer) encode() []byte {
	w.WriteHeader(http.StatusOK)
	if !w.tooLarge && !w.noBody && bodyAllowed(w.status) && w.declared >= 0 && int64(w.size) != w.declared {
		// The handler broke off, which over a socket would cut the connection.
		w.reset()
		writeError(w, nil, s3err.InternalError)
	}
	switch {
	case w.size == 0 || w.tooLarge:
	case !w.textual:
		w.text = append(base64.StdEncoding.AppendEncode(w.text, w.body), '"')
	case utf8.Valid(w.body):
		w.text = appendQuoted(append(w.text, `,"body":`...), w.body)
	default:
		w.text = append(base64.StdEncoding.AppendEncode(append(w.text, binaryBody...), w.body), '"')
	}
	return append(w.text, '}')
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
