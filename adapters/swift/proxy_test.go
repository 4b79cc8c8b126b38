package swift

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/swift/swifttest"
)

// proxy stands between the adapter and Swift and does harm.
type proxy struct {
	*httptest.Server
	to string // host and port of Swift

	mu   sync.Mutex
	harm func(*http.Request) *harm // nil: none
	seen []string                  // "METHOD path?query", of requests for the account
}

// harm is what happens to one request. The first that is set counts.
type harm struct {
	status     int           // answer with this, without asking Swift
	header     http.Header   // of that answer
	reset      bool          // reset the connection at once
	truncate   int64         // send Swift only so many bytes of the body, then break both connections
	flip       bool          // change a byte of the body on its way to Swift
	loseAnswer bool          // let Swift do it, and break the connection
	cut        int64         // give only so many bytes of the answer's body, then break the connection
	flipAnswer bool          // change the first byte of the answer's body
	slow       time.Duration // pause before each 8 KiB of the answer's body
	hang       bool          // give no answer until the client goes
}

// newProxy starts a proxy for a store at proxy.url().
func newProxy(t testing.TB, n *swifttest.Node) *proxy {
	p := &proxy{to: n.Addr}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) addr() string { return strings.TrimPrefix(p.URL, "http://") }

// do sets what harm is done from now on, and forgets what was seen.
func (p *proxy) do(f func(*http.Request) *harm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.harm, p.seen = f, nil
}

// times does harm to the first n requests of a method for a name that contains part.
func (p *proxy) times(n int, method, part string, h harm) {
	p.do(func(r *http.Request) *harm {
		if n > 0 && r.Method == method && strings.Contains(r.URL.RequestURI(), part) {
			n--
			return &h
		}
		return nil
	})
}

// requests gives those seen since the last call of do.
func (p *proxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

// count counts the requests seen that begin so.
func (p *proxy) count(begin string) (n int) {
	for _, r := range p.requests() {
		if strings.HasPrefix(r, begin) {
			n++
		}
	}
	return n
}

func (p *proxy) judge(r *http.Request) *harm {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.Method+" "+r.URL.RequestURI())
	if p.harm != nil {
		if h := p.harm(r); h != nil {
			return h
		}
	}
	return &harm{}
}

// breakOff resets the client's connection.
func breakOff(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	h := p.judge(r)
	switch {
	case h.status != 0:
		for k, v := range h.header {
			w.Header()[k] = v
		}
		w.WriteHeader(h.status)
		return
	case h.reset:
		breakOff(w)
		return
	case h.hang:
		io.Copy(io.Discard, r.Body) // only then is it noticed that the client goes
		<-r.Context().Done()
		return
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", p.to, ""
	out.Header.Del("Expect")
	if r.ContentLength != 0 {
		out.Body = &harmedBody{ReadCloser: r.Body, h: h}
	} else {
		out.Body = nil
	}
	res, err := http.DefaultTransport.RoundTrip(out) // Host stays, so Swift names the proxy in its URLs
	if err != nil || h.loseAnswer {
		if err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		breakOff(w)
		return
	}
	defer res.Body.Close()
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(res.StatusCode)
	p.answer(w, res.Body, h)
}

// answer copies the answer's body.
func (p *proxy) answer(w http.ResponseWriter, body io.Reader, h *harm) {
	b := make([]byte, 8<<10)
	sent := int64(0)
	for {
		if h.slow > 0 {
			time.Sleep(h.slow)
		}
		n, err := body.Read(b)
		if h.cut > 0 {
			n = int(min(int64(n), h.cut-sent))
		}
		if h.flipAnswer && sent == 0 && n > 0 {
			b[0] ^= 1
		}
		w.Write(b[:n])
		if sent += int64(n); h.cut > 0 && sent == h.cut {
			w.(http.Flusher).Flush()
			breakOff(w)
			return
		}
		if err != nil {
			return
		}
		if h.slow > 0 {
			w.(http.Flusher).Flush()
		}
	}
}

// harmedBody is a request's body on its way to Swift.
type harmedBody struct {
	io.ReadCloser
	h    *harm
	read int64
}

func (b *harmedBody) Read(p []byte) (int, error) {
	if b.h.truncate > 0 {
		if b.read == b.h.truncate {
			return 0, io.ErrUnexpectedEOF
		}
		p = p[:min(int64(len(p)), b.h.truncate-b.read)]
	}
	n, err := b.ReadCloser.Read(p)
	if b.h.flip && b.read == 0 && n > 0 {
		p[0] ^= 1
	}
	b.read += int64(n)
	return n, err
}
