package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/smtp"
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
		errs = append(errs, w.mail(ctx, n))
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

// mail sends one message to the administrator.
func (w *Watcher) mail(ctx context.Context, n notice) error {
	e := w.Config.Notify.Email
	m := &smtp.Mailer{Server: e.Server, From: e.From, User: e.User, Password: e.Password, TLS: w.tls, Now: w.Host.Now}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	subject, text := letter(n)
	if err := m.Send(ctx, []string{w.Config.Administrator.Email}, subject, text); err != nil {
		return fmt.Errorf("e-mail: %w", err)
	}
	return nil
}

// letter words a notice, a line each: line ends in warnings, which may quote
// others, become spaces.
func letter(n notice) (subject, text string) {
	var b strings.Builder
	flat := strings.NewReplacer("\r", " ", "\n", " ")
	subject = "all is well again"
	if len(n.New) > 0 {
		subject = "needs you"
	}
	for _, x := range n.New {
		fmt.Fprintf(&b, "%s: %s\n", x.Level, flat.Replace(x.Text))
	}
	for _, x := range n.Over {
		fmt.Fprintf(&b, "over: %s\n", flat.Replace(x.Text))
	}
	return "Mucura on " + n.Host + " " + subject, b.String()
}
