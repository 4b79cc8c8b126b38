package watch

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/spec"
)

// told lets a machine have something to complain of for a while, and then not.
func told(t *testing.T, c *spec.Config, w *Watcher, on func(prefix, out string, err error)) {
	t.Helper()
	w.Config = c
	// Without a server there is no certificate to look at, and no backup either:
	// both stay, and are told of once.
	w.Endpoint = "127.0.0.1:1"
	on("chronyc", "Not synchronised\n", nil)
	for range 2 {
		if _, err := w.Look(ctx); err != nil {
			t.Fatal(err)
		}
	}
	on("chronyc", "Normal\n", nil)
	if _, err := w.Look(ctx); err != nil {
		t.Fatal(err)
	}
}

// A webhook gets what is new, once, and what is over.
func TestWebhook(t *testing.T) {
	var got []notice
	var fail bool
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var n notice
		if err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(b, &n) != nil {
			t.Errorf("%s %s: %s, %v", r.Method, r.URL, b, err)
		}
		got = append(got, n)
		if fail {
			rw.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	c := new(spec.Config)
	c.Notify.Webhook = server.URL + "/hook?token=secret-of-the-hook"
	w, fake := healthy(t)
	told(t, c, w, fake.On)
	if len(got) != 2 || !has(got[0].New, "clock") || len(got[0].Over) != 0 || !has(got[1].Over, "clock") || len(got[1].New) != 0 {
		t.Fatalf("%+v", got)
	}
	// That nobody could be told is an error, which does not show the token; what was
	// found is kept all the same.
	fake.On("chronyc", "Not synchronised\n", nil)
	fail = true
	for _, want := range []string{"403", "refused"} {
		_, err := w.Look(ctx)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-of-the-hook") {
			t.Errorf("%s: %v", want, err)
		}
		if list, err := Read(w.Host); err != nil || has(list, "clock") != (want == "403") {
			t.Errorf("%+v, %v", list, err)
		}
		server.Close()
		fake.On("chronyc", "Normal\n", nil)
	}
}

func has(list []Warning, id string) bool {
	for _, x := range list {
		if x.ID == id {
			return true
		}
	}
	return false
}

// mailbox is a mail server for one sender: it wants STARTTLS and a password, and
// keeps what it is sent.
type mailbox struct {
	net.Listener
	tls    *tls.Config // nil: there is no STARTTLS
	mails  chan string
	signed chan string // what was given to sign in
}

func newMailbox(t *testing.T, secure *tls.Config) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{Listener: l, tls: secure, mails: make(chan string, 10), signed: make(chan string, 10)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mailbox) serve(conn net.Conn) {
	defer conn.Close()
	secure := false
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mail.example ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO":
			say("250-mail.example")
			if m.tls != nil && !secure {
				say("250-STARTTLS")
			} else if secure {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			c := tls.Server(conn, m.tls)
			conn, r, secure = c, bufio.NewReader(c), true
		case "AUTH":
			b, _ := base64.StdEncoding.DecodeString(strings.Fields(line)[2])
			m.signed <- string(b)
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			m.mails <- text.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func mailTo(m *mailbox) *spec.Config {
	c := new(spec.Config)
	c.Administrator.Email = "ada@lab.example"
	c.Notify.Email = spec.Email{Server: m.Addr().String(), From: "mucura@lab.example"}
	return c
}

// The administrator gets a mail when something is wrong and one when it is over,
// encrypted, with the password of the mail server.
func TestEmail(t *testing.T) {
	s := httptest.NewTLSServer(nil) // for its certificate, which is of 127.0.0.1
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	m := newMailbox(t, &tls.Config{Certificates: s.TLS.Certificates})
	c := mailTo(m)
	c.Notify.Email.User, c.Notify.Email.Password = "mucura", "of the mail server"
	w, fake := healthy(t)
	w.tls = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	told(t, c, w, fake.On)
	for _, want := range []string{"warning: the clock is not synchronised", "over: the clock is not synchronised"} {
		mail := <-m.mails
		head, text, _ := strings.Cut(mail, "\r\n\r\n")
		if !strings.Contains(text, want) || !strings.Contains(head, "To: ada@lab.example\r\n") || !strings.Contains(head, "Subject: Mucura on ") {
			t.Errorf("%s", mail)
		}
		if got := <-m.signed; got != "\x00mucura\x00of the mail server" {
			t.Errorf("signed in with %q", got)
		}
	}
	if len(m.mails) > 0 {
		t.Errorf("one more: %s", <-m.mails)
	}

	// A server whose certificate nobody vouches for gets nothing.
	w.tls = nil
	fake.On("chronyc", "Not synchronised\n", nil)
	if _, err := w.Look(ctx); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "of the mail server") {
		t.Errorf("%v", err)
	}
	if len(m.signed)+len(m.mails) > 0 {
		t.Error("it was sent")
	}
}

// A server of the own machine room without encryption and password will do.
func TestPlainEmail(t *testing.T) {
	m := newMailbox(t, nil)
	w, fake := healthy(t)
	told(t, mailTo(m), w, fake.On)
	if mail := <-m.mails; !strings.Contains(mail, "the clock is not") {
		t.Errorf("%s", mail)
	}
}

// What others wrote makes no lines of its own.
func TestLetter(t *testing.T) {
	subject, text := letter(notice{"h", []Warning{{Level: "critical", Text: "x\r\n.\r\nQUIT"}}, []Warning{{Text: "y\nz"}}})
	if want := fmt.Sprintln("critical: x  .  QUIT\nover: y z"); text != want || subject != "Mucura on h needs you" {
		t.Errorf("%q, %q", subject, text)
	}
	if subject, _ := letter(notice{"h", nil, []Warning{{Text: "y"}}}); subject != "Mucura on h all is well again" {
		t.Errorf("%q", subject)
	}
}

// A mail server that never answers does not hold the other checks up for ever:
// the context ends it.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w, _ := healthy(t)
	w.Config = mailTo(&mailbox{Listener: l})
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := w.mail(short, notice{}); err == nil {
		t.Error("sent to nobody")
	}
}
