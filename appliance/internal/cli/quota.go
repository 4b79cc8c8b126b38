package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/client"
)

func (a *app) quotaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "quota",
		Short: "Show, set and ask for quota",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var q api.Quota
			if err := a.call(cmd.Context(), http.MethodGet, "quota", nil, nil, &q); err != nil {
				return err
			}
			q.Request = a.lastRequest(cmd.Context())
			a.showQuota(&q)
			return nil
		},
	}
	c.AddCommand(&cobra.Command{
		Use:   "set SIZE",
		Short: "Set the quota, up to what the site lets you",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setQuota(cmd.Context(), args[0], "", false)
		},
	})
	reason := ""
	request := &cobra.Command{
		Use:   "request SIZE",
		Short: "Ask the operators for more",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setQuota(cmd.Context(), args[0], reason, true)
		},
	}
	request.Flags().StringVar(&reason, "reason", "", "one sentence for the operators")
	c.AddCommand(request)
	return c
}

// decidedFor is how long "quota" tells what became of a request.
const decidedFor = 30 * 24 * time.Hour

// lastRequest is the last one for quota that waits, or was decided not long ago.
// What cannot be asked is left out: the quota was shown before there was this.
func (a *app) lastRequest(ctx context.Context) (last *api.Request) {
	var list api.Requests
	if a.call(ctx, http.MethodGet, "requests", nil, nil, &list) != nil {
		return nil
	}
	for i := range list.Requests {
		if r := &list.Requests[i]; r.Kind == "quota" && (r.State == "pending" || a.now().Sub(r.Decided) < decidedFor) && (last == nil || r.Created.After(last.Created)) {
			last = r
		}
	}
	return last
}

func (a *app) showQuota(q *api.Quota) {
	t := table{}
	t.line("quota", limitText(q.Bytes))
	t.line("used", fmt.Sprintf("%d (%s)", q.Used, humanSize(q.Used)))
	if q.Reserved > 0 {
		t.line("reserved", humanSize(q.Reserved)+" by uploads under way")
	}
	if q.Bytes >= 0 {
		t.line("free", humanSize(max(q.Bytes-q.Used-q.Reserved, 0)))
	}
	switch {
	case q.Cap < 0:
		t.line("you may set", "any")
	case q.Cap > 0:
		t.line("you may set", "up to "+humanSize(q.Cap))
	}
	if r := q.Request; r != nil {
		t.line("request", strings.TrimSpace(fmt.Sprintf("%s for %s: %s %s", r.ID, humanSize(r.Bytes), r.State, r.Answer)))
	}
	a.out.put(typed("quota", q), "%s", t.String())
}

func limitText(n int64) string {
	if n < 0 {
		return "no limit"
	}
	return fmt.Sprintf("%d (%s)", n, humanSize(n))
}

// setQuota asks for another quota. Only a request may end in the queue.
func (a *app) setQuota(ctx context.Context, size, reason string, request bool) error {
	n, err := parseSize(size)
	if err != nil {
		return usagef("%v", err)
	}
	if !request {
		var q api.Quota
		if err := a.call(ctx, http.MethodGet, "quota", nil, nil, &q); err != nil {
			return err
		}
		if q.Cap >= 0 && n > max(q.Cap, q.Bytes) {
			return &client.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: fmt.Sprintf("you may set at most %s yourself; ask for more with: mucura quota request %s --reason \"…\"", humanSize(q.Cap), size)}
		}
	}
	var q api.Quota
	if err := a.call(ctx, http.MethodPut, "quota", nil, api.SetQuota{Bytes: n, Reason: reason}, &q); err != nil {
		if e := (*client.Error)(nil); errors.As(err, &e) && request && reason == "" && client.HasCode(err, api.CodeInvalid) {
			e.Message = strings.Replace(e.Message, "(reason)", "(--reason \"…\")", 1)
		}
		return err
	}
	a.showQuota(&q)
	return nil
}

// fits asks whether so many bytes fit the quota.
func (s *session) fits(ctx context.Context, bytes int64) error {
	var q api.Quota
	if err := s.client.Call(ctx, http.MethodGet, "quota", nil, nil, &q); err != nil {
		return err
	}
	free := q.Bytes - q.Used - q.Reserved
	if q.Bytes < 0 || bytes <= free {
		return nil
	}
	return &client.Error{Status: http.StatusForbidden, Code: "QuotaExceeded",
		Message: fmt.Sprintf("%s are to be uploaded, and %s of the quota of %s are free; nothing was sent", humanSize(bytes), humanSize(max(free, 0)), humanSize(q.Bytes))}
}

func (a *app) usageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "usage",
		Short: "Show what your buckets hold: objects, older versions, trash, unfinished uploads",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var u api.Usage
			if err := a.call(cmd.Context(), http.MethodGet, "usage", nil, nil, &u); err != nil {
				return err
			}
			if !a.json {
				a.out.put(nil, "%-32s %10s %10s %10s %10s %10s", "BUCKET", "OBJECTS", "BYTES", "VERSIONS", "TRASH", "UPLOADS")
			}
			for i := range u.Buckets {
				b := &u.Buckets[i]
				a.out.put(typed("bucket_usage", b), "%-32s %10d %10s %10s %10s %10s", clean(b.Name), b.Current.Objects, humanSize(b.Current.Bytes),
					humanSize(b.Versions.Bytes), humanSize(b.Trash.Bytes), humanSize(b.Uploads.Bytes))
			}
			a.out.put(map[string]any{"type": "usage", "used": u.Used, "quota": u.Quota, "complete": u.Complete}, "used %s of %s", humanSize(u.Used), limitText(u.Quota))
			if !u.Complete {
				a.out.note("there was more to count than one answer takes time for; figures are missing")
			}
			return nil
		},
	}
}
