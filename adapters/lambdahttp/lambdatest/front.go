package lambdatest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Invoker has a function handle an event; *Function is one.
type Invoker interface {
	Invoke(ctx context.Context, event []byte) (*Result, error)
}

// InvokerFunc is a function of Go as an Invoker.
type InvokerFunc func(ctx context.Context, event []byte) (*Result, error)

// Invoke implements Invoker.
func (f InvokerFunc) Invoke(ctx context.Context, event []byte) (*Result, error) { return f(ctx, event) }

// Front is a service in front of a function: requests in, answers out.
type Front struct {
	Door     Door
	Function Invoker
}

// ServeHTTP answers a request by way of the function.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// net/http says nothing then, and botocore would wait for a minute with its
		// next request on the connection.
		w.WriteHeader(http.StatusContinue)
	}
	event, err := f.Door.Event(r)
	if errors.Is(err, errTooLarge) {
		w.Header().Set("Connection", "close")
		http.Error(w, "Request Too Large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	res, err := f.Function.Invoke(r.Context(), event)
	if err != nil {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	if f.Door == StreamURL && res.ContentType == "application/vnd.awslambda.http-integration-response" {
		f.stream(w, res.Body)
		return
	}
	f.buffered(w, r, res.Body)
}

// answer is what a function gives to all doors.
type answer struct {
	StatusCode        int
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              string
	IsBase64Encoded   bool
}

// head writes an answer's status and headers.
func (a *answer) head(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.MultiValueHeaders {
		h[spelt(name)] = values
	}
	for name, value := range a.Headers {
		h[spelt(name)] = append(h[spelt(name)], value)
	}
	for _, c := range a.Cookies {
		h.Add("Set-Cookie", c)
	}
	w.WriteHeader(a.StatusCode)
}

// spelt is a header's name as net/http knows it. People's own keep the spelling
// of the function, as clients take the end of their names for a key.
func spelt(name string) string {
	if strings.HasPrefix(name, "x-amz-meta-") {
		return name
	}
	return http.CanonicalHeaderKey(name)
}

// buffered passes a whole answer on, within the limits of the service.
func (f *Front) buffered(w http.ResponseWriter, r *http.Request, body io.Reader) {
	limit := eventLimit
	if f.Door.balancer() {
		limit = balancerLimit
	}
	text, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	var a answer
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	content := []byte(a.Body)
	if err == nil && a.IsBase64Encoded {
		content, err = base64.StdEncoding.DecodeString(a.Body)
	}
	multi := a.MultiValueHeaders != nil
	if err != nil || len(text) > limit || a.StatusCode < 200 || a.StatusCode > 599 || f.Door.balancer() && multi != (f.Door == LoadBalancer) {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)
		return
	}
	a.head(w)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // the client may have gone
	}
}

// stream passes a streamed answer on while it comes. One that breaks off, or is
// too long, cuts the connection.
func (f *Front) stream(w http.ResponseWriter, body io.Reader) {
	prelude, rest, err := readPrelude(body)
	var a answer
	if err == nil {
		err = json.Unmarshal(prelude, &a)
	}
	if err != nil || a.StatusCode < 200 {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)
		return
	}
	a.head(w)
	n, err := io.CopyN(flushing{w}, rest, streamLimit+1)
	if n > streamLimit || err != nil && err != io.EOF {
		panic(http.ErrAbortHandler)
	}
}

// readPrelude reads up to the eight zero bytes before the body.
func readPrelude(r io.Reader) (prelude []byte, rest io.Reader, err error) {
	end := make([]byte, 8)
	b := make([]byte, 0, 4096)
	for len(b) < 1<<20 {
		chunk := make([]byte, 4096)
		n, err := r.Read(chunk)
		b = append(b, chunk[:n]...)
		if i := bytes.Index(b, end); i >= 0 {
			rest = bytes.NewReader(b[i+len(end):])
			if err == nil {
				rest = io.MultiReader(rest, r)
			} else if err != io.EOF {
				return nil, nil, err
			}
			return b[:i], rest, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errors.New("no prelude")
}

// flushing sends on what comes.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = http.NewResponseController(f.w).Flush()
	}
	return n, err
}
