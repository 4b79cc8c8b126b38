package lambdahttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/mucura/mucura/core/s3err"
)

// preludeEnd separates status and headers from the body of a streamed answer.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
var preludeEnd = make([]byte, 8)

// errCut ends a streamed answer that the handler did not finish: the runtime's
// library says so in a trailer, and the platform cuts the client's connection.
var errCut = errors.New("the answer is not whole")

// stream answers an event of a Function URL that streams: the body follows
// while the handler writes it.
func (a *Adapter) stream(ctx context.Context, e *event) (*reply, error) {
	// The handler must end before the process may be frozen.
	handling, cancel := context.WithCancel(ctx)
	pr, pw := io.Pipe()
	w := &streamer{e: e, pipe: pw, ready: make(chan []byte, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pw.CloseWithError(a.runStream(handling, w)) // it never fails
	}()
	prelude := <-w.ready
	return &reply{io.MultiReader(bytes.NewReader(prelude), pr), streamType, func() {
		cancel()
		_ = pr.Close() // it never fails
		<-done
		a.after(ctx)
	}}, nil
}

// runStream calls the handler and gives the error that cuts the answer, nil
// when it is whole.
func (a *Adapter) runStream(ctx context.Context, w *streamer) error {
	r, err := a.request(ctx, w.e, functionURL)
	if err != nil {
		writeError(w, nil, err)
		return nil
	}
	w.noBody = r.Method == http.MethodHead
	whole := a.serve(w, r)
	switch {
	case w.tooLarge:
		return w.answerTooLarge(r)
	case whole:
		w.WriteHeader(http.StatusOK)
		if w.left > 0 && !w.noBody {
			return errCut
		}
		return nil
	case w.started():
		return errCut
	}
	writeError(w, r, s3err.InternalError)
	return nil
}

// streamer writes an answer through a pipe.
type streamer struct {
	e      *event
	header http.Header
	ready  chan []byte // the prelude, once
	pipe   *io.PipeWriter
	noBody bool
	// left is what is missing of the announced length, negative without one.
	left     int64
	size     int64 // announced, of a refused answer
	tooLarge bool  // nothing has been sent, and an error shall be
	begun    bool
}

func (w *streamer) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *streamer) started() bool { return w.begun }

func (w *streamer) WriteHeader(status int) {
	if w.begun || w.tooLarge || status < 200 {
		return
	}
	w.left = -1
	if n, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64); err == nil {
		w.left = n
		if !w.noBody && bodyAllowed(status) && n > streamLimit {
			w.tooLarge, w.size = true, n
			return
		}
	}
	if !bodyAllowed(status) {
		w.noBody = true
	}
	w.begun = true
	prelude, err := json.Marshal(head(status, w.header, w.e, functionURL))
	if err != nil { // strings and a number: it cannot be
		prelude = []byte(`{"statusCode":500}`)
	}
	w.ready <- append(prelude, preludeEnd...)
}

func (w *streamer) answerTooLarge(r *http.Request) error {
	w.tooLarge = false
	writeError(w, r, answerTooLarge(w.size, streamLimit, functionURL))
	return nil
}

func (w *streamer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.tooLarge:
		return 0, errTooLarge
	case w.noBody:
		return 0, http.ErrBodyNotAllowed
	case w.left >= 0 && int64(len(p)) > w.left:
		return 0, http.ErrContentLength
	}
	n, err := w.pipe.Write(p)
	if w.left >= 0 {
		w.left -= int64(n)
	}
	return n, err
}

// Flush sends the headers, if they have not been sent; the body never waits.
func (w *streamer) Flush() { w.WriteHeader(http.StatusOK) }
