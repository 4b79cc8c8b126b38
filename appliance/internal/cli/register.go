package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/login"
)

type registerOptions struct {
	issueOptions
	form       api.Form
	invitation string
}

func (a *app) registerCommand() *cobra.Command {
	var o registerOptions
	c := &cobra.Command{
		Use:   "register",
		Short: "Ask for an account, with a proxy, certificate, token, or invitation",
		Long: `Ask for an account for the grid proxy, certificate or bearer token that is found or
named, or with an invitation, for which you choose a password: it is asked for, or
read from standard input. A rule of the site's may approve you at once; else an
operator does, and you may ask again how it stands. A limited proxy cannot register.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.register(cmd.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.form.Name, "name", "", "name of the account: a-z, 0-9, dot, hyphen, underscore (default: after what is shown)")
	f.StringVar(&o.form.DisplayName, "display-name", "", "your name (default: what is shown tells)")
	f.StringVar(&o.form.Email, "email", "", "e-mail address (default: what is shown tells)")
	f.StringVar(&o.form.Reason, "reason", "", "a sentence for the operators")
	o.showFlags(f)
	f.StringVar(&o.invitation, "invitation", "", "code of an invitation")
	return c
}

func (a *app) register(ctx context.Context, o registerOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	var out *api.RegisterAnswer
	if o.invitation != "" {
		out, err = s.registerInvited(ctx, o)
	} else {
		out, err = s.registerShown(ctx, o)
	}
	if err != nil {
		return err
	}
	a.out.put(typed("registration", out), "%s", registrationText(out))
	return nil
}

// check wants one thing to show.
func (o *registerOptions) check() error {
	ways := 0
	for _, given := range []bool{o.proxy != "", o.cert != "", o.tokenFile != "", o.invitation != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return usagef("give one of --proxy, --cert, --token-file and --invitation")
	case o.key != "" && o.cert == "":
		return usagef("--key goes with --cert")
	case o.signed && (o.tokenFile != "" || o.invitation != ""):
		return usagef("--signed goes with a proxy or certificate")
	case o.invitation != "" && o.form.Name == "":
		return usagef("with --invitation choose a --name")
	}
	return nil
}

func (s *session) registerInvited(ctx context.Context, o registerOptions) (*api.RegisterAnswer, error) {
	server, err := s.server(s.settings.Server)
	if err != nil {
		return nil, err
	}
	form := o.form
	if form.Password, err = s.app.newPassword(); err != nil {
		return nil, err
	}
	return server.Register(ctx, api.RegisterRequest{Form: form, Invitation: o.invitation})
}

// registerShown registers with what is found or named. Certificates are for the
// authentication server, tokens for the S3 endpoint.
func (s *session) registerShown(ctx context.Context, o registerOptions) (*api.RegisterAnswer, error) {
	auth, err := s.authServer()
	if err != nil {
		return nil, err
	}
	what, err := s.find(auth, o.issueOptions)
	if err == errNothingToShow {
		return nil, &client.AuthError{Message: "neither grid proxy, certificate nor token was found: run voms-proxy-init first, or give --proxy, --cert, --token-file or --invitation"}
	}
	if err != nil {
		return nil, err
	}
	if what.certificate == nil {
		server, err := s.server(s.settings.Server)
		if err != nil {
			return nil, err
		}
		return server.Register(ctx, api.RegisterRequest{Form: o.form, Token: what.token})
	}
	by := auth.RegisterByTLS
	if o.signed {
		by = auth.RegisterBySignature
	}
	out, err := by(ctx, what.certificate, o.form)
	return out, s.explain(err)
}

// explain tells whoever named no authentication server that one may be wanted.
func (s *session) explain(err error) error {
	var e *client.Error
	if s.settings.Auth == "" && errors.As(err, &e) && e.Code == api.CodeDenied {
		e.Message = strings.TrimSuffix(e.Message, ".") + "; certificates are for the authentication server: name it with --auth"
	}
	return err
}

func registrationText(r *api.RegisterAnswer) string {
	t := table{}
	t.line("account", r.Account)
	t.line("state", r.State)
	if r.Home != "" {
		t.line("home", "s3://"+r.Home)
	}
	t.line("approved by", r.Rule)
	switch {
	case r.State == "requested":
		t.line("waits for", strings.TrimSpace("an operator, who decides on request "+r.Request))
	case r.Known:
		t.line("known", "you had this account already")
	}
	return t.String()
}

// loginPassword gets credentials for an account's name and password.
func (a *app) loginPassword(ctx context.Context, s *session, o loginOptions) (*login.Credentials, error) {
	server, err := s.server(s.settings.Server)
	if err != nil {
		return nil, err
	}
	if o.name == "" {
		if o.name, err = a.ask("Account: ", false); err != nil {
			return nil, err
		}
	}
	password, err := a.askPassword("Password: ")
	if err != nil {
		return nil, err
	}
	if o.name == "" || password == "" {
		return nil, usagef("name and password are wanted")
	}
	return server.ByPassword(ctx, o.name, password, o.Options)
}
