package lambdahttp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"

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
	text   []byte // of the head, as it was at WriteHeader; what is changed later is not sent
	kind   string // of the body
	status int
	body   []byte
	noBody bool // to HEAD
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
	w.status, w.declared, w.kind = status, -1, w.header.Get("Content-Type")
	w.text = appendHead(make([]byte, 0, 1024), status, w.header, w.e, w.d)
	n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
	if err != nil {
		return
	}
	w.declared = n
	if w.noBody || !bodyAllowed(status) {
		return
	}
	// The least it can become: text as it is, else base64.
	least := n
	if !textual(w.kind) {
		least = (n + 2) / 3 * 4
	}
	if least > int64(w.d.maxAnswer()) {
		w.refuse()
		return
	}
	w.body = make([]byte, 0, n)
}

func (w *buffer) refuse() {
	w.tooLarge, w.body = true, nil
	w.stop()
}

func (w *buffer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.tooLarge:
		return 0, errTooLarge
	case w.noBody || !bodyAllowed(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.declared >= 0 && int64(len(w.body)+len(p)) > w.declared:
		return 0, http.ErrContentLength
	case len(w.body)+len(p) > w.d.maxAnswer():
		w.refuse()
		return 0, errTooLarge
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// Flush is there for handlers that ask for it; nothing can be sent early.
func (w *buffer) Flush() {}

func (w *buffer) encode() []byte {
	w.WriteHeader(http.StatusOK)
	if !w.tooLarge && !w.noBody && bodyAllowed(w.status) && w.declared >= 0 && int64(len(w.body)) != w.declared {
		// The handler broke off, which over a socket would cut the connection.
		w.reset()
		writeError(w, nil, s3err.InternalError)
	}
	return appendBody(w.text, w.kind, w.body)
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
