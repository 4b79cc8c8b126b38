package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/login"
	"github.com/mucura/mucura/core/client/profile"
)

func (a *app) credentialProcessCommand() *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "credential-process",
		Short: "Print credentials for the AWS tools' credential_process",
		Long: `Print time-limited credentials as the setting credential_process of aws, boto3,
rclone and other tools of the AWS SDKs wants them: for the grid proxy or token
that is found or named, else those of "mucura login". They are cached until four
fifths of their life are over or their session is ended, so tools may call this
as often as they like.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, got, err := a.temporary(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.printCredentials(s, got)
		},
	}
	o.flags(c)
	return c
}

// printCredentials prints them as the AWS SDKs want them, whatever the flags say.
func (a *app) printCredentials(_ *session, got *login.Credentials) error {
	b, err := json.Marshal(struct {
		Version                                    int
		AccessKeyId, SecretAccessKey, SessionToken string //nolint:all
		Expiration                                 string
	}{1, got.AccessKeyID, got.SecretAccessKey, got.SessionToken, got.Expiration.UTC().Format("2006-01-02T15:04:05Z")})
	if err == nil {
		a.out.text(string(b) + "\n")
	}
	return err
}

// temporary gives time-limited credentials: of what was named; else of what is
// found, the kept session, or the profile's access key, in this order.
func (a *app) temporary(ctx context.Context, o loginOptions) (*session, *login.Credentials, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Whoever asks gets no second chance: a tool asks again when the server has
	// ended the session, and must get another one then.
	o.Lifetime, o.alive = o.duration, true
	got, err := s.issue(ctx, o.issueOptions)
	if err == nil || o.named() || err != errNothingToShow {
		return s, got, err
	}
	if err := o.narrow(); err != nil {
		return s, nil, err
	}
	if kept, kerr := s.loadLogin(); kerr == nil {
		if !a.now().Before(kept.Expiration) {
			return s, nil, &client.AuthError{Message: fmt.Sprintf("your session expired at %s; run \"mucura login\"", kept.Expiration.UTC().Format(time.RFC3339))}
		}
		if o.Policy == "" {
			return s, &kept.Credentials, nil
		}
	}
	keys, err := s.client.Keys.Credentials(ctx)
	if err != nil {
		return s, nil, err
	}
	server, err := s.authServer()
	if err != nil {
		return s, nil, err
	}
	cache := &login.Cache{Dir: a.env.CacheDir(), Now: a.now, Alive: server.Alive}
	got, err = cache.Get(ctx, login.Key(server.URL.String(), "key:"+keys.AccessKeyID, o.Policy, o.Lifetime.String()),
		func(ctx context.Context) (*login.Credentials, error) { return server.ByKeys(ctx, keys, o.Options) })
	return s, got, err
}

func (a *app) envCommand() *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "env",
		Short: "Print credentials as variables for a shell: eval \"$(mucura env)\"",
		Long: `Print time-limited credentials and the endpoint as AWS_… variables, for tools that
have no credential_process. They are not renewed: ask for a --duration that the
job does not outlive.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, got, err := a.temporary(cmd.Context(), o)
			if err != nil {
				return err
			}
			a.out.text(s.exports(got))
			return nil
		},
	}
	o.flags(c)
	return c
}

// exports are shell commands that set the variables of the AWS tools.
func (s *session) exports(c *login.Credentials) string {
	var b strings.Builder
	for _, v := range [][2]string{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey}, {"AWS_SESSION_TOKEN", c.SessionToken},
		{"AWS_ENDPOINT_URL", s.settings.Server}, {"AWS_DEFAULT_REGION", s.settings.Region}, {"AWS_REGION", s.settings.Region},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], shellQuote(v[1]))
	}
	if s.settings.CAFile != "" {
		fmt.Fprintf(&b, "export AWS_CA_BUNDLE=%s\n", shellQuote(s.settings.CAFile))
	}
	if !c.Expiration.IsZero() {
		fmt.Fprintf(&b, "# until %s\n", c.Expiration.UTC().Format(time.RFC3339))
	}
	return b.String()
}

func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=+,@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// writeAWS puts credentials into ~/.aws/credentials, and the endpoint into
// ~/.aws/config, for tools that read nothing else.
func (s *session) writeAWS(name string, c *login.Credentials) error {
	if err := profile.CheckName(name); err != nil {
		return usagef("%v", err)
	}
	write := func(path, heading string, values [][2]string) error {
		f, err := profile.Read(path)
		if err != nil {
			return err
		}
		for _, v := range values {
			if err := f.Set(name, heading, v[0], v[1]); err != nil {
				return err
			}
		}
		return profile.WriteFile(path, f.Bytes())
	}
	env := s.app.env
	err := write(env.AWSCredentialsFile(), name, [][2]string{
		{"aws_access_key_id", c.AccessKeyID}, {"aws_secret_access_key", c.SecretAccessKey}, {"aws_session_token", c.SessionToken},
		{"x_mucura_expires", c.Expiration.UTC().Format(time.RFC3339)},
	})
	if err != nil {
		return err
	}
	heading := "profile " + name
	if name == "default" {
		heading = name
	}
	return write(env.AWSConfigFile(), heading, [][2]string{{"region", s.settings.Region}, {"endpoint_url", s.settings.Server}})
}
