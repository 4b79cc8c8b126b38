package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/client"
)

// call makes a call of the API.
func (a *app) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	return missing(path, s.client.Call(ctx, method, path, query, in, out))
}

// missing has an error that there is no such thing name the thing, which is in the
// path of the call: keys/ID, admin/accounts/NAME, ….
func missing(path string, err error) error {
	var e *client.Error
	if !errors.As(err, &e) || e.Code != api.CodeNotFound {
		return err
	}
	if _, rest, ok := strings.Cut(strings.TrimPrefix(path, "admin/"), "/"); ok && rest != "" {
		name, _, _ := strings.Cut(rest, "/")
		e.Message = strings.ReplaceAll(name, "%2F", "/") + ": " + e.Message
	}
	return e
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
