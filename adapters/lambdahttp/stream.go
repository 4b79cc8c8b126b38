package lambdahttp

import (
	"context"
	"errors"
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

// stream answers an event of a Function URL that streams: the body goes out
// while the handler writes it.
func (a *Adapter) stream(ctx context.Context, e *event, out sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &streamer{e: e, out: out}
	r, err := a.request(ctx, e, functionURL)
	if err != nil {
		writeError(w, nil, err)
		return w.failure
	}
	w.noBody = r.Method == http.MethodHead
	whole := a.serve(w, r)
	switch {
	case w.tooLarge:
		w.tooLarge = false
		writeError(w, r, answerTooLarge(w.size, streamLimit, functionURL))
	case whole:
		w.WriteHeader(http.StatusOK)
		if w.left > 0 && !w.noBody {
			return errCut
		}
	case w.begun:
		return errCut
	default:
		writeError(w, r, s3err.InternalError)
	}
	return w.failure
}

// streamer writes an answer while it comes.
type streamer struct {
	e      *event
	header http.Header
	out    sink
	noBody bool
	// left is what is missing of the announced length, negative without one.
	left     int64
	size     int64 // announced, of a refused answer
	tooLarge bool  // nothing has been sent, and an error shall be
	begun    bool
	failure  error
}

func (w *streamer) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

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
	prelude := append(appendHead(make([]byte, 0, 1024), status, w.header, w.e, functionURL), '}')
	w.failure = w.out.begin(append(prelude, preludeEnd...))
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
	n, err := w.out.Write(p)
	if w.left >= 0 {
		w.left -= int64(n)
	}
	if err != nil {
		w.failure = err
	}
	return n, err
}

// Flush sends what has been written, as http.Flusher has it.
func (w *streamer) Flush() {
	w.WriteHeader(http.StatusOK)
	if w.failure == nil {
		w.failure = w.out.Flush()
	}
}
