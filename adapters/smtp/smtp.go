// Package smtp sends notices by a mail server (RFC 5321), with STARTTLS where
// the server offers it, or TLS from the start on port 465.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"
)

// Mailer is a mail server.
type Mailer struct {
	Server         string // host:port
	From           string // address, perhaps with a name
	User, Password string // "" for none; never sent in the clear
	TLS            *tls.Config
	Now            func() time.Time
}

// Send sends one message in plain text. It ends with ctx.
func (m *Mailer) Send(ctx context.Context, to []string, subject, text string) error {
	from, err := mail.ParseAddress(m.From)
	if err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	host, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	secure := m.TLS.Clone()
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	secure.ServerName = host
	if port == "465" {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if ok, _ := c.Extension("STARTTLS"); ok && port != "465" {
		if err := c.StartTLS(secure); err != nil {
			return err
		}
	}
	if m.User != "" {
		// PlainAuth refuses to send the password in the clear.
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			return fmt.Errorf("sign in at the mail server: %w", err)
		}
	}
	if err := m.transmit(c, from, to, subject, text); err != nil {
		return err
	}
	return c.Quit()
}

func (m *Mailer) transmit(c *smtp.Client, from *mail.Address, to []string, subject, text string) error {
	if err := c.Mail(from.Address); err != nil {
		return err
	}
	for _, t := range to {
		a, err := mail.ParseAddress(t)
		if err != nil {
			return errors.New("an address is malformed")
		}
		if err := c.Rcpt(a.Address); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.message(from, to, subject, text)); err != nil {
		return err
	}
	return w.Close()
}

// message writes header and text (RFC 5322). Line ends in a subject would
// begin a header line.
func (m *Mailer) message(from *mail.Address, to []string, subject, text string) []byte {
	subject = strings.Join(strings.FieldsFunc(subject, func(r rune) bool { return r < ' ' }), " ")
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n", from, strings.Join(to, ", "), mime.QEncoding.Encode("utf-8", subject), m.Now().Format(time.RFC1123Z))
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n")
	b.WriteString(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"))
	return []byte(b.String())
}
