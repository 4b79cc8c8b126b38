package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
)

func (a *app) adminCommand() *cobra.Command {
	c := &cobra.Command{Use: "admin", Short: "Accounts, requests and invitations, for operators"}
	accounts := &cobra.Command{Use: "accounts", Short: "List and change accounts"}
	accounts.AddCommand(a.adminList(), a.adminAdd(), a.adminShow(), a.adminQuota(),
		a.adminState("suspend", "suspended", "Stop an account's keys, sessions and uploads at once"),
		a.adminState("resume", "active", "Let a suspended account work again"),
		&cobra.Command{
			Use:   "rm NAME",
			Short: "Delete an account with all its objects",
			Args:  cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				var out api.Closing
				if err := a.call(cmd.Context(), http.MethodDelete, "admin/accounts/"+seg(args[0]), nil, nil, &out); err != nil {
					return err
				}
				a.out.did(typed("closing", &out), "account %s is %s", clean(out.Account), out.State)
				return nil
			},
		})
	requests := &cobra.Command{
		Use:   "requests",
		Short: "List what people ask for",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.requests(cmd.Context(), "admin/requests") },
	}
	c.AddCommand(accounts, requests, a.adminDecide("approve", "Grant a request"), a.adminDecide("reject", "Refuse a request"),
		a.adminInvite(), a.adminInvitations(), a.adminWithdraw())
	return c
}

func (a *app) adminList() *cobra.Command {
	state := ""
	c := &cobra.Command{
		Use:   "ls",
		Short: "List accounts",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"max": {"1000"}}
			if state != "" {
				q.Set("state", state)
			}
			for {
				var page api.Accounts
				if err := a.call(cmd.Context(), http.MethodGet, "admin/accounts", q, nil, &page); err != nil {
					return err
				}
				for i := range page.Accounts {
					a.accountLine(&page.Accounts[i])
				}
				if page.Next == "" {
					return nil
				}
				q.Set("after", page.Next)
			}
		},
	}
	c.Flags().StringVar(&state, "state", "", "only requested, active, suspended or closing ones")
	return c
}

func (a *app) accountLine(acct *api.Account) {
	used := "-"
	if acct.Used != nil {
		used = humanSize(*acct.Used)
	}
	limit := "no limit"
	if acct.Quota >= 0 {
		limit = humanSize(acct.Quota)
	}
	a.out.put(typed("account", acct), "%-20s %-8s %-10s %10s %10s  %s", clean(acct.Name), acct.Role, acct.State, used, limit, clean(acct.Email))
}

func (a *app) adminShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show an account",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var acct api.Account
			if err := a.call(cmd.Context(), http.MethodGet, "admin/accounts/"+seg(args[0]), nil, nil, &acct); err != nil {
				return err
			}
			t := table{}
			t.line("account", acct.Name)
			t.line("name", acct.DisplayName)
			t.line("e-mail", acct.Email)
			t.line("role", acct.Role)
			t.line("state", strings.TrimSpace(acct.State+" "+acct.Why))
			t.line("quota", limitText(acct.Quota))
			t.line("cap", limitText(acct.QuotaCap))
			t.line("home", acct.Home)
			t.line("groups", strings.Join(acct.Groups, " "))
			for _, s := range acct.Subjects {
				t.line(s.Kind, strings.TrimSpace(s.Name+" "+s.Issuer))
			}
			t.line("created", acct.Created.UTC().Format(time.RFC3339))
			a.out.put(typed("account", &acct), "%s", t.String())
			return nil
		},
	}
}

func (a *app) adminAdd() *cobra.Command {
	var in api.NewAccount
	var quota, most byteSize
	var certificate, issuer string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Add an account",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Name = args[0]
			if cmd.Flags().Changed("quota") {
				n := int64(quota)
				in.Quota = &n
			}
			if cmd.Flags().Changed("cap") {
				n := int64(most)
				in.QuotaCap = &n
			}
			if certificate != "" {
				in.Subjects = []api.Subject{{Kind: "certificate", Name: certificate, Issuer: issuer}}
			}
			var out api.MadeAccount
			if err := a.call(cmd.Context(), http.MethodPost, "admin/accounts", nil, &in, &out); err != nil {
				return err
			}
			a.accountLine(&out.Account)
			if out.Key != nil {
				a.showSecret(out.Key)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&in.DisplayName, "display-name", "", "name to show")
	f.StringVar(&in.Email, "email", "", "e-mail address")
	f.StringVar(&in.Role, "role", "", "member or operator")
	f.Var(&quota, "quota", "most bytes the account may store")
	f.Var(&most, "cap", "up to what she may raise it herself")
	f.StringArrayVar(&in.Groups, "group", nil, "group; may be repeated")
	f.StringVar(&certificate, "certificate", "", "subject of her certificate, RFC 2253")
	f.StringVar(&issuer, "issuer", "", "subject of the authority that issued it, RFC 2253")
	f.BoolVar(&in.Key, "key", false, "make an access key, and show it")
	return c
}

// change sends a change of an account and shows what came of it.
func (a *app) change(ctx context.Context, name string, in *api.ChangeAccount) error {
	var out api.Account
	if err := a.call(ctx, http.MethodPatch, "admin/accounts/"+seg(name), nil, in, &out); err != nil {
		return err
	}
	a.accountLine(&out)
	return nil
}

func (a *app) adminQuota() *cobra.Command {
	var most byteSize
	c := &cobra.Command{
		Use:   "quota NAME SIZE|none",
		Short: "Set an account's quota",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := int64(-1)
			if args[1] != "none" {
				var err error
				if n, err = parseSize(args[1]); err != nil {
					return usagef("%v", err)
				}
			}
			in := api.ChangeAccount{Quota: &n}
			if cmd.Flags().Changed("cap") {
				m := int64(most)
				in.QuotaCap = &m
			}
			return a.change(cmd.Context(), args[0], &in)
		},
	}
	c.Flags().Var(&most, "cap", "up to what she may raise it herself")
	return c
}

func (a *app) adminState(verb, state, short string) *cobra.Command {
	why := ""
	c := &cobra.Command{
		Use:   verb + " NAME",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := api.ChangeAccount{State: &state}
			if why != "" {
				in.Why = &why
			}
			return a.change(cmd.Context(), args[0], &in)
		},
	}
	c.Flags().StringVar(&why, "why", "", "a sentence that is kept with it")
	return c
}
