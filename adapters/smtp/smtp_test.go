package smtp

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// server is a mail server that takes one message, and what it was told.
func server(t *testing.T) (addr string, told chan []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	told = make(chan []string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var lines []string
		defer func() { told <- lines }()
		say := func(s string) { _, _ = c.Write([]byte(s + "\r\n")) }
		say("220 mail")
		data := false
		for in := bufio.NewScanner(c); in.Scan(); {
			line := in.Text()
			lines = append(lines, line)
			switch {
			case data && line == ".":
				data = false
				say("250 taken")
			case data:
			case strings.HasPrefix(line, "EHLO"):
				say("250 8BITMIME")
			case line == "DATA":
				data = true
				say("354 go on")
			case line == "QUIT":
				say("221 bye")
				return
			default:
				say("250 ok")
			}
		}
	}()
	return l.Addr().String(), told
}

func mailer(addr string) *Mailer {
	return &Mailer{Server: addr, From: "Mucura <files@lab.example>", Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }}
}

func TestSend(t *testing.T) {
	addr, told := server(t)
	// A line end in the subject must not begin a header, a dot not end the text.
	err := mailer(addr).Send(context.Background(), []string{"ana@lab.example", "ben@lab.example"}, "Zoë\r\nBcc: eve@x", "one\n.\ntwo\n")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(<-told, "\n")
	for _, want := range []string{
		"MAIL FROM:<files@lab.example>", "RCPT TO:<ana@lab.example>\nRCPT TO:<ben@lab.example>", "Subject: =?utf-8?q?Zo=C3=AB_Bcc:_eve@x?=\n",
		"Date: Wed, 04 Mar 2026 05:06:07 +0000", "Auto-Submitted: auto-generated", "\n\none\n..\ntwo\n.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
}

// An error names no password, and a malformed address is refused.
func TestRefused(t *testing.T) {
	addr, told := server(t)
	_, port, _ := net.SplitHostPort(addr)
	m := mailer("mail.invalid:" + port)
	m.User, m.Password = "mucura", "much-secret"
	if err := m.Send(context.Background(), []string{"a@x"}, "s", "t"); err == nil || strings.Contains(err.Error(), "much-secret") {
		t.Errorf("an unknown server: %v", err)
	}
	if err := mailer(addr).Send(context.Background(), []string{"a@x\r\nRCPT TO:<eve@x>"}, "s", "t"); err == nil {
		t.Error("two addresses in one")
	}
	if text := strings.Join(<-told, "\n"); strings.Contains(text, "eve") {
		t.Errorf("told %q", text)
	}
}

// A server that says nothing does not hold the sender up for ever.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := mailer(l.Addr().String()).Send(ctx, []string{"a@x"}, "s", "t"); err == nil {
		t.Error("sent to nobody")
	}
}
