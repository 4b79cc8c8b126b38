package registration

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// Mailer sends e-mail; an adapter over SMTP does.
type Mailer interface {
	Send(ctx context.Context, to []string, subject, text string) error
}

// mailTime bounds how long a message may take. It is sent beside the request,
// which is not held up by a slow mail server.
const mailTime = time.Minute

// Notices writes to people about requests. What cannot be sent is logged and
// lost: the pages show the same.
type Notices struct {
	Service   *Service
	Mailer    Mailer
	Operators []string // addresses
	URL       string   // of the pages; "" when there are none
	Site      string   // name of the site
	// Go runs a message; nil: a goroutine of its own. Functions, which freeze
	// after the answer, send before it.
	Go func(func())
}

// Notify is for accounts.Service.
func (n *Notices) Notify(ctx context.Context, r *catalog.Request) {
	to, subject, text := n.message(ctx, r)
	if len(to) == 0 {
		return
	}
	send := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mailTime)
		defer cancel()
		if err := n.Mailer.Send(ctx, to, subject, text); err != nil {
			n.Service.Log.Warn("notice not sent", "request", r.ID, "error", err.Error())
		}
	}
	if n.Go != nil {
		n.Go(send)
		return
	}
	go send()
}

func (n *Notices) message(ctx context.Context, r *catalog.Request) (to []string, subject, text string) {
	what := "registration of " + r.Name
	if r.Kind == catalog.AskQuota {
		what = fmt.Sprintf("quota of %s for %s", bytesText(r.Bytes), r.Name)
	}
	if r.State == catalog.Pending {
		var b strings.Builder
		fmt.Fprintf(&b, "Requested: %s.\n\n", what)
		for _, e := range r.Evidence {
			fmt.Fprintf(&b, "  %s: %s\n", e.Key, e.Value)
		}
		if r.Reason != "" {
			fmt.Fprintf(&b, "\n%s\n", r.Reason)
		}
		b.WriteString(n.link("queue", "Decide"))
		return n.Operators, "[" + n.Site + "] " + what, b.String()
	}
	a, err := n.Service.Accounts.Account(ctx, r.Account)
	if err != nil || a.Email == "" {
		return nil, "", ""
	}
	text = fmt.Sprintf("Your request (%s) was %s.\n", what, r.State)
	if r.Answer != "" {
		text += "\n" + r.Answer + "\n"
	}
	return []string{a.Email}, "[" + n.Site + "] " + what + ": " + string(r.State), text + n.link("account", "Your account")
}

func (n *Notices) link(page, name string) string {
	if n.URL == "" {
		return ""
	}
	return fmt.Sprintf("\n%s: %s/%s\n", name, strings.TrimSuffix(n.URL, "/"), page)
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	if n < 0 {
		return "no limit"
	}
	const units = "KMGTPE"
	v, unit := float64(n), -1
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	if unit < 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.4g %ciB", v, units[unit])
}
