package riaktest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
)

// Transport reaches the nodes without a network: also those of a cluster that
// is InProcess, as tests in a synctest bubble need. A cut leaves no answer.
func (c *Cluster) Transport() http.RoundTripper { return transport{c} }

type transport struct{ cluster *Cluster }

var errReset = errors.New("connection reset")

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	for _, n := range t.cluster.nodes {
		if n.Addr() != r.URL.Host || !n.Up() {
			continue
		}
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		in := r.Clone(r.Context())
		in.RequestURI = r.URL.RequestURI()
		if in.Body == nil {
			in.Body = http.NoBody
		}
		w := &wire{ResponseRecorder: httptest.NewRecorder()}
		n.serve(w, in)
		if err := r.Context().Err(); err != nil {
			return nil, err // whatever it answered, nobody waited
		}
		if w.cut {
			return nil, errReset
		}
		resp := w.Result()
		if r.Method == http.MethodHead {
			resp.Body = io.NopCloser(bytes.NewReader(nil))
		}
		return resp, nil
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

// wire is a recorder that notes when its connection was to be cut.
type wire struct {
	*httptest.ResponseRecorder
	cut bool
}
