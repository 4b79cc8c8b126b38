package serve

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// balanced serves the remote address of each request behind the PROXY protocol,
// from balancers in the given network.
func balanced(t *testing.T, from string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })}
	go func() {
		_ = h.Serve(listenProxied(l, []netip.Prefix{netip.MustParsePrefix(from)}, slog.New(slog.DiscardHandler)))
	}()
	t.Cleanup(func() { _ = h.Close() })
	return l.Addr().String()
}

// ask sends a header and a request on a connection, and gives the answer's body.
func ask(t *testing.T, address, header string) (body string, err error) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, header+"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestProxyListener(t *testing.T) {
	address := balanced(t, "127.0.0.0/8")
	if got, err := ask(t, address, header(0x21, 0x11, four)); err != nil || got != "203.0.113.7:40001" {
		t.Errorf("the client's address: %q, %v", got, err)
	}
	if got, err := ask(t, address, header(0x21, 0x21, six)); err != nil || got != "[2001:db8::7]:40002" {
		t.Errorf("the client's address: %q, %v", got, err)
	}
	if got, err := ask(t, address, header(0x20, 0, "")); err != nil || netip.MustParseAddrPort(got).Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("the balancer's own address: %q, %v", got, err)
	}
	for _, bad := range []string{"", "PROXY TCP4 203.0.113.7 192.0.2.1 40001 443\r\n", header(0x21, 0x12, four)} {
		if got, err := ask(t, address, bad); err == nil {
			t.Errorf("header %q: answered %q", bad, got)
		}
	}
}

func TestProxyFromElsewhere(t *testing.T) {
	if got, err := ask(t, balanced(t, "192.0.2.0/24"), header(0x21, 0x11, four)); err == nil {
		t.Errorf("a stranger is answered %q", got)
	}
}

// TestProxySilent has connections that send no header; others are served, and
// these end.
func TestProxySilent(t *testing.T) {
	address := balanced(t, "127.0.0.0/8")
	var silent []net.Conn
	begun := time.Now()
	for i := range 50 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			_, _ = io.WriteString(c, proxySignature)
		}
		silent = append(silent, c)
	}
	if got, err := ask(t, address, header(0x21, 0x11, four)); err != nil || got != "203.0.113.7:40001" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := silent[0].Read(make([]byte, 1)); err != io.EOF && !isReset(err) {
		t.Errorf("the silent: %v", err)
	}
	if waited := time.Since(begun); waited < proxyTimeout {
		t.Errorf("given up after %v", waited)
	}
}

func isReset(err error) bool { _, ok := err.(*net.OpError); return ok }

// TestProxyClose ends the listener while nobody accepts.
func TestProxyClose(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := listenProxied(l, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, slog.New(slog.DiscardHandler))
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, header(0x21, 0x11, four)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Accept(); err == nil {
		// The connection may have come before the end; the next one cannot.
		if _, err = p.Accept(); err == nil {
			t.Error("accepted after the end")
		}
	}
}
