package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"strings"
	"time"
)

// notice is what the webhook gets.
type notice struct {
	Host string    `json:"host"`
	New  []Warning `json:"new,omitempty"`
	Over []Warning `json:"over,omitempty"`
}

// tell writes to who is configured to be told.
func (w *Watcher) tell(ctx context.Context, fresh, over []Warning) error {
	if w.Config == nil || len(fresh)+len(over) == 0 {
		return nil
	}
	name, err := os.Hostname()
	if err != nil {
		name = "mucura"
	}
	n := notice{name, fresh, over}
	var errs []error
	if url := w.Config.Notify.Webhook; url != "" {
		errs = append(errs, post(ctx, url, n))
	}
	if e := w.Config.Notify.Email; e.Server != "" && w.Config.Administrator.Email != "" {
		errs = append(errs, w.mail(n))
	}
	return errors.Join(errs...)
}

func post(ctx context.Context, url string, n notice) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return errors.New("webhook: the URL is not good") // it may hold a token
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("webhook: %w", errors.Unwrap(err))
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("webhook: %s", resp.Status)
	}
	return nil
}

// mail sends one message. net/smtp encrypts when the server can, and refuses to
// send a password where it cannot.
func (w *Watcher) mail(n notice) error {
	e, to := w.Config.Notify.Email, w.Config.Administrator.Email
	server, _, err := net.SplitHostPort(e.Server)
	if err != nil {
		return err
	}
	var auth smtp.Auth
	if e.User != "" {
		auth = smtp.PlainAuth("", e.User, e.Password, server)
	}
	if err := smtp.SendMail(e.Server, auth, e.From, []string{to}, message(e.From, to, n, w.Host.Now())); err != nil {
		return fmt.Errorf("e-mail: %w", err)
	}
	return nil
}

// message writes a mail. Line ends in warnings, which may quote others, become
// spaces: they cannot make headers.
func message(from, to string, n notice, at time.Time) []byte {
	var b strings.Builder
	flat := strings.NewReplacer("\r", " ", "\n", " ")
	subject := "all is well again"
	if len(n.New) > 0 {
		subject = "needs you"
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nDate: %s\r\nSubject: Mucura on %s %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
		from, to, at.Format(time.RFC1123Z), flat.Replace(n.Host), subject)
	for _, x := range n.New {
		fmt.Fprintf(&b, "%s: %s\r\n", x.Level, flat.Replace(x.Text))
	}
	for _, x := range n.Over {
		fmt.Fprintf(&b, "over: %s\r\n", flat.Replace(x.Text))
	}
	return []byte(b.String())
}
