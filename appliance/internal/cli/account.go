package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/login"
)

// call makes a call of the API.
func (a *app) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	return s.client.Call(ctx, method, path, query, in, out)
}

// typed is a record of the API with the type that says which.
func typed(kind string, v any) any { return record{kind, v} }

// seg is one segment of a path. No name has a slash; with one it finds nothing.
func seg(s string) string { return strings.ReplaceAll(s, "/", "%2F") }

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "whoami",
		Short: "Tell as whom the server knows you",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var w api.Whoami
			if err := a.call(cmd.Context(), http.MethodGet, "whoami", nil, nil, &w); err != nil {
				return err
			}
			a.out.put(typed("whoami", &w), "%s", whoText(&w))
			return nil
		},
	}
}

func whoText(w *api.Whoami) string {
	t := table{}
	t.line("account", w.Account.Name)
	t.line("name", w.Account.DisplayName)
	t.line("e-mail", w.Account.Email)
	t.line("role", w.Account.Role)
	t.line("state", w.Account.State)
	if w.Account.Home != "" {
		t.line("home", "s3://"+w.Account.Home)
	}
	t.line("groups", strings.Join(w.Account.Groups, " "))
	for _, s := range w.Account.Subjects {
		t.line(s.Kind, strings.TrimSpace(s.Name+" "+s.Issuer))
	}
	t.line("access key", w.AccessKeyID)
	if s := w.Session; s != nil {
		t.line("session", fmt.Sprintf("%s, until %s", s.By, s.Expires.UTC().Format(time.RFC3339)))
		t.line("identity", s.Identity)
		if s.Limited {
			t.line("limited", "yes: a limited proxy moves files, and changes nothing else")
		}
		t.line("groups", strings.Join(s.Groups, " "))
	}
	return t.String()
}

func endSession(ctx context.Context, c *client.Client, id string) error {
	return c.Call(ctx, http.MethodDelete, "sessions/"+seg(id), nil, nil, nil)
}

func (a *app) sessionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "sessions",
		Short: "List and end sessions: what grid jobs and logins got",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all api.Sessions
			if err := a.call(cmd.Context(), http.MethodGet, "sessions", nil, nil, &all); err != nil {
				return err
			}
			for i := range all.Sessions {
				s := &all.Sessions[i]
				current := " "
				if s.Current {
					current = "*"
				}
				a.out.put(typed("session", s), "%s %s  %s  %-5s %-15s %s", current, s.ID, s.Expires.UTC().Format(time.RFC3339), s.By, s.Address, clean(s.Identity))
			}
			return nil
		},
	}
	all := false
	revoke := &cobra.Command{
		Use:   "revoke [ID…]",
		Short: "End sessions at once",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usagef("give the IDs of sessions, or --all")
			}
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if all {
				if err := s.client.Call(cmd.Context(), http.MethodDelete, "sessions", nil, nil, nil); err != nil {
					return err
				}
				a.out.did(map[string]string{"type": "revoke", "session": "all"}, "all sessions are ended")
			}
			for _, id := range args {
				if err := endSession(cmd.Context(), s.client, id); err != nil {
					return err
				}
				a.out.did(map[string]string{"type": "revoke", "session": id}, "session %s is ended", clean(id))
			}
			return nil
		},
	}
	revoke.Flags().BoolVar(&all, "all", false, "all of them, this one too")
	c.AddCommand(revoke)
	return c
}

func (a *app) keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "List, make, rotate and remove access keys"}
	c.AddCommand(a.keysList(), a.keysNew(), a.keysRotate(), &cobra.Command{
		Use:   "rm ID…",
		Short: "Remove access keys at once",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, id := range args {
				if err := a.call(cmd.Context(), http.MethodDelete, "keys/"+seg(id), nil, nil, nil); err != nil {
					return err
				}
				a.out.did(map[string]string{"type": "remove", "key": id}, "key %s is removed", clean(id))
			}
			return nil
		},
	})
	return c
}

func (a *app) keysList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List access keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all api.Keys
			if err := a.call(cmd.Context(), http.MethodGet, "keys", nil, nil, &all); err != nil {
				return err
			}
			for i := range all.Keys {
				k := &all.Keys[i]
				expires, used := "never expires", "never used"
				if !k.Expires.IsZero() {
					expires = "until " + k.Expires.UTC().Format(time.RFC3339)
				}
				if k.LastUsed != nil {
					used = "used " + k.LastUsed.Time.UTC().Format(time.RFC3339) + " from " + k.LastUsed.Address
				}
				a.out.put(typed("key", k), "%-24s %-20s %s, %s %s", k.ID, clean(k.Label), expires, clean(used), scopeText(k.Scope))
			}
			return nil
		},
	}
}

func scopeText(scope catalog.Scope) string {
	var all []string
	for _, g := range scope {
		all = append(all, fmt.Sprintf("s3://%s/%s:%s", g.Bucket, g.Prefix, g.Access))
	}
	return clean(strings.Join(all, " "))
}

func (a *app) keysNew() *cobra.Command {
	var label string
	var lifetime time.Duration
	var scopes []string
	c := &cobra.Command{
		Use:   "new",
		Short: "Make an access key; its secret is shown this once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := api.NewKey{Label: label, ExpiresIn: int64(lifetime / time.Second)}
			for _, text := range scopes {
				g, err := login.ParseScope(text)
				if err != nil {
					return usagef("%v", err)
				}
				in.Scope = append(in.Scope, catalog.ScopeGrant{Bucket: g.Bucket, Prefix: g.Prefix, Access: accessOf(g)})
			}
			var k api.Secret
			if err := a.call(cmd.Context(), http.MethodPost, "keys", nil, &in, &k); err != nil {
				return err
			}
			a.showSecret(&k)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&label, "label", "", "what the key is for")
	f.DurationVar(&lifetime, "expires-in", 0, "lifetime, such as 720h; none is for ever")
	f.StringArrayVar(&scopes, "scope", nil, "only s3://BUCKET[/PREFIX]:r, :w or :rw; may be repeated")
	return c
}

// showSecret prints a key that was asked for.
func (a *app) showSecret(k *api.Secret) {
	a.out.put(typed("key", k), "access key ID      %s\nsecret access key  %s", k.ID, k.SecretAccessKey)
}

func (a *app) keysRotate() *cobra.Command {
	var grace time.Duration
	c := &cobra.Command{
		Use:   "rotate ID",
		Short: "Make a key that follows another; the old one stays valid for a while",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var in api.Rotate
			if cmd.Flags().Changed("grace") {
				seconds := int64(grace / time.Second)
				in.Grace = &seconds
			}
			var k api.Secret
			if err := a.call(cmd.Context(), http.MethodPost, "keys/"+seg(args[0])+"/rotate", nil, &in, &k); err != nil {
				return err
			}
			a.showSecret(&k)
			return nil
		},
	}
	c.Flags().DurationVar(&grace, "grace", 24*time.Hour, "how long the old key stays valid")
	return c
}

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

func (a *app) accessLogCommand() *cobra.Command {
	var since, until string
	var most int
	c := &cobra.Command{
		Use:   "access-log s3://BUCKET[/PREFIX]",
		Short: "Show who accessed your objects, newest first",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.remoteLocation(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			q := url.Values{"bucket": {l.bucket}, "prefix": {l.key}, "max": {strconv.Itoa(most)}}
			for name, text := range map[string]string{"since": since, "until": until} {
				if text == "" {
					continue
				}
				t, err := parseAge(text, a.now())
				if err != nil {
					return err
				}
				q.Set(name, t.UTC().Format(time.RFC3339))
			}
			return a.accessLog(cmd.Context(), q)
		},
	}
	f := c.Flags()
	f.StringVar(&since, "since", "", "only after this time: 36h or 7d ago, 2026-01-31, …")
	f.StringVar(&until, "until", "", "only before this time")
	f.IntVar(&most, "max", 1000, "how many at most")
	return c
}

func (a *app) accessLog(ctx context.Context, q url.Values) error {
	var log api.AccessLog
	if err := a.call(ctx, http.MethodGet, "access-log", q, nil, &log); err != nil {
		return err
	}
	for i := range log.Events {
		e := &log.Events[i]
		who := e.Who
		if who == "" {
			who = "anonymous"
		}
		a.out.put(typed("access", e), "%s  %-12s %-15s %3d  %-24s s3://%s/%s", e.Time.UTC().Format(time.RFC3339), clean(who), clean(e.Address), e.Status, e.Operation, e.Bucket, clean(e.Key))
	}
	if !log.Complete {
		a.out.note("there is more; narrow it with --since and --until, or ask for more with --max")
	}
	return nil
}
