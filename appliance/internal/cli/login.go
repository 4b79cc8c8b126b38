package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/login"
	"github.com/mucura/mucura/core/client/profile"
)

// keyCommands are the verbs of credentials and one's own account.
func (a *app) keyCommands() []*cobra.Command {
	return []*cobra.Command{
		a.registerCommand(), a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.credentialProcessCommand(), a.envCommand(), a.configCommand(),
		a.sessionsCommand(), a.keysCommand(), a.quotaCommand(), a.usageCommand(), a.accessLogCommand(),
	}
}

type loginOptions struct {
	issueOptions
	oidc, useKey, password bool
	issuer, clientID       string
	oidcScopes             []string
	name                   string // with password
	writeAWS               string
	printEnv               bool
	duration               time.Duration
}

func (o *loginOptions) flags(c *cobra.Command) {
	f := c.Flags()
	o.showFlags(f)
	f.DurationVar(&o.duration, "duration", 0, "how long the credentials shall hold, 15m to 12h; never longer than what was shown")
	f.StringArrayVar(&o.scopes, "scope", nil, "narrow them to s3://BUCKET[/PREFIX]:r, :w or :rw; may be repeated")
}

// showFlags name what is to be shown.
func (o *issueOptions) showFlags(f *pflag.FlagSet) {
	f.StringVar(&o.proxy, "proxy", "", "show this grid proxy (default: $X509_USER_PROXY, /tmp/x509up_u<uid>)")
	f.StringVar(&o.cert, "cert", "", "show this certificate, PEM (default: $X509_USER_CERT)")
	f.StringVar(&o.key, "key", "", "private key of the certificate, PEM (default: $X509_USER_KEY, the certificate's file)")
	f.BoolVar(&o.signed, "signed", false, "sign the request instead of showing the certificate to TLS: for servers behind a terminator")
	f.StringVar(&o.tokenFile, "token-file", "", "show the token in this file (default: $BEARER_TOKEN, $BEARER_TOKEN_FILE, bt_u<uid>)")
}

func (a *app) loginCommand() *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "login",
		Short: "Get credentials for a proxy, certificate, token, password or institute login, and keep them",
		Long: `Get time-limited credentials and keep them for this profile: for the grid proxy,
certificate or bearer token that is found or named, with --oidc for a login at
your institute (you open a page and type a code), with --password for an account's
name and password, which are asked for, or read from standard input, a line each;
or with --access-key for a key pair that is asked for and kept. Server and
authentication server are remembered.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.login(cmd.Context(), o) },
	}
	o.flags(c)
	f := c.Flags()
	f.BoolVar(&o.oidc, "oidc", false, "log in at your institute, by a code (OpenID Connect device flow)")
	f.StringVar(&o.issuer, "issuer", "", "URL of the institute's login (MUCURA_OIDC_ISSUER)")
	f.StringVar(&o.clientID, "client-id", "", "name of this program there (MUCURA_OIDC_CLIENT)")
	f.StringArrayVar(&o.oidcScopes, "oidc-scope", nil, "ask there for this besides openid, email and profile, such as groups; may be repeated (MUCURA_OIDC_SCOPE)")
	f.BoolVar(&o.password, "password", false, "show the account's password, which is asked for")
	f.StringVar(&o.name, "name", "", "name of the account, with --password; asked for when absent")
	f.BoolVar(&o.useKey, "access-key", false, "keep an access key: ID and secret are asked for, or read from standard input, a line each")
	f.StringVar(&o.writeAWS, "write-aws", "", "write the credentials to this profile of ~/.aws/credentials, for tools that read nothing else")
	f.BoolVar(&o.printEnv, "print-env", false, "print them as AWS_… variables for a shell")
	return c
}

func (a *app) login(ctx context.Context, o loginOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := profile.CheckName(s.settings.Profile); err != nil {
		return usagef("%v", err)
	}
	if err := o.check(); err != nil {
		return err
	}
	o.Lifetime, o.fresh = o.duration, true
	if o.useKey {
		return a.loginKey(ctx, s)
	}
	var got *login.Credentials
	how := "certificate or token"
	switch {
	case o.oidc:
		how = "institute login"
		got, err = a.loginOIDC(ctx, s, o)
	case o.password:
		how = "password"
		got, err = a.loginPassword(ctx, s, o)
	default:
		got, err = s.issue(ctx, o.issueOptions)
	}
	if err == errNothingToShow {
		return &client.AuthError{Message: "neither grid proxy, certificate nor token was found: run voms-proxy-init first, or give --proxy, --cert, --token-file, --oidc, --password or --access-key"}
	}
	if err != nil {
		return err
	}
	if err := s.remember(); err != nil {
		return err
	}
	if err := s.saveLogin(got, how); err != nil {
		return err
	}
	if o.writeAWS != "" {
		if err := s.writeAWS(o.writeAWS, got); err != nil {
			return err
		}
	}
	if o.printEnv {
		a.out.text(s.exports(got))
		return nil
	}
	a.out.did(map[string]any{"type": "login", "access_key_id": got.AccessKeyID, "expires": got.Expiration.UTC(), "profile": s.settings.Profile},
		"logged in until %s (profile %s)", got.Expiration.Local().Format(time.RFC1123), s.settings.Profile)
	return nil
}

// check wants one way to log in.
func (o *loginOptions) check() error {
	ways := 0
	for _, given := range []bool{o.named(), o.oidc, o.password, o.useKey} {
		if given {
			ways++
		}
	}
	switch {
	case o.password && ways > 1:
		return usagef("--password stands alone")
	case o.password && len(o.scopes) > 0:
		return usagef("--scope is not possible with --password: log in, and use credential-process --scope")
	case o.name != "" && !o.password:
		return usagef("--name goes with --password")
	}
	return nil
}

// remember keeps the servers in the profile.
func (s *session) remember() error {
	return profile.Save(s.app.env, s.settings.Profile, map[string]string{
		"server": s.settings.Server, "auth": s.settings.Auth, "region": s.settings.Region, "ca_file": s.settings.CAFile,
		"oidc_issuer": s.settings.OIDCIssuer, "oidc_client": s.settings.OIDCClient, "oidc_scope": s.settings.OIDCScope,
	})
}

func (a *app) loginOIDC(ctx context.Context, s *session, o loginOptions) (*login.Credentials, error) {
	if o.issuer != "" {
		s.settings.OIDCIssuer = o.issuer
	}
	if o.clientID != "" {
		s.settings.OIDCClient = o.clientID
	}
	if s.settings.OIDCIssuer == "" || s.settings.OIDCClient == "" {
		return nil, usagef("--oidc needs --issuer and --client-id; ask your site for them")
	}
	if err := o.narrow(); err != nil {
		return nil, err
	}
	server, err := s.authServer()
	if err != nil {
		return nil, err
	}
	if len(o.oidcScopes) > 0 {
		s.settings.OIDCScope = strings.Join(o.oidcScopes, " ")
	}
	d := &login.Device{Issuer: s.settings.OIDCIssuer, ClientID: s.settings.OIDCClient, Scope: s.settings.OIDCScope, Server: server,
		Show: func(page, code, full string) {
			fmt.Fprintf(a.stderr, "Open %s\nand type the code  %s\n", clean(page), clean(code))
			if full != "" {
				fmt.Fprintf(a.stderr, "or open %s\n", clean(full))
			}
		}}
	tokens, err := d.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	return server.ByToken(ctx, tokens, o.Options)
}

// loginKey keeps an access key in the profile, once it was seen to work.
func (a *app) loginKey(ctx context.Context, s *session) error {
	id, err := a.ask("Access key ID: ", false)
	if err != nil {
		return err
	}
	secret, err := a.ask("Secret access key: ", true)
	if err != nil {
		return err
	}
	if id == "" || secret == "" {
		return usagef("an access key has an ID and a secret")
	}
	s.settings.AccessKeyID, s.settings.SecretAccessKey, s.settings.SessionToken, s.settings.KeysOfAWS = id, secret, "", false
	if _, err := s.client.Buckets(ctx); err != nil {
		return err
	}
	if err := s.remember(); err != nil {
		return err
	}
	if err := profile.Save(a.env, s.settings.Profile, map[string]string{"access_key_id": id, "secret_access_key": secret}); err != nil {
		return err
	}
	a.out.did(map[string]any{"type": "login", "access_key_id": id, "profile": s.settings.Profile}, "key %s is kept in %s (profile %s)", clean(id), a.env.ConfigFile(), s.settings.Profile)
	return nil
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "End the session of this profile, and forget cached credentials and keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return a.logout(cmd.Context(), s)
		},
	}
}

func (a *app) logout(ctx context.Context, s *session) error {
	// The server forgets it, too, if it can; here it is forgotten whatever it says.
	kept, err := s.loadLogin()
	var refused error
	if err == nil && a.now().Before(kept.Expiration) {
		c := *s.client
		c.Keys = client.Static(kept.Keys())
		refused = endSession(ctx, &c, kept.AccessKeyID)
	}
	if err := os.Remove(s.loginFile()); err != nil && !os.IsNotExist(err) {
		return err
	}
	cache := &login.Cache{Dir: a.env.CacheDir(), Now: a.now}
	if _, err := cache.Clear(); err != nil {
		return err
	}
	own, err := profile.Read(a.env.ConfigFile())
	if err != nil {
		return err
	}
	if own.Get(s.settings.Profile, "access_key_id") != "" {
		if err := profile.Save(a.env, s.settings.Profile, map[string]string{"access_key_id": "", "secret_access_key": "", "session_token": ""}); err != nil {
			return err
		}
	}
	if refused != nil && client.KindOf(refused) != client.Auth {
		a.out.note("the session is forgotten here; the server could not end it: %s", clean(refused.Error()))
	}
	a.out.did(map[string]any{"type": "logout", "profile": s.settings.Profile}, "logged out (profile %s)", s.settings.Profile)
	return nil
}
