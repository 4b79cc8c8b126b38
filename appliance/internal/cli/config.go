package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client/login"
)

func (a *app) configCommand() *cobra.Command {
	var withKeys bool
	c := &cobra.Command{
		Use:   "config aws|rclone|s3cmd|cyberduck|davix",
		Short: "Print a configuration for another program",
		Long: `Print what another program needs to reach this repository, to be pasted or
redirected into its configuration file. There is no secret in it unless you say
--with-keys: then there are time-limited credentials.`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"aws", "rclone", "s3cmd", "cyberduck", "davix"},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			var got *login.Credentials
			if withKeys {
				if s, got, err = a.temporary(cmd.Context(), loginOptions{}); err != nil {
					return err
				}
			}
			text, err := s.clientConfig(args[0], got)
			if err == nil {
				a.out.text(text)
			}
			return err
		},
	}
	c.Flags().BoolVar(&withKeys, "with-keys", false, "with time-limited credentials in it; redirect it to a file that only you can read")
	return c
}

// clientConfig is a configuration for another program. Settings that hold keys
// name credential-process where the program can, else are left to be filled in.
func (s *session) clientConfig(program string, c *login.Credentials) (string, error) {
	id, secret, token := "YOUR-KEY-ID", "YOUR-SECRET", ""
	if c != nil {
		id, secret, token = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
	}
	endpoint, region, host := s.settings.Server, s.settings.Region, s.client.Endpoint.Host
	secure := map[bool]string{true: "True", false: "False"}[s.client.Secure()]
	name := s.settings.Profile
	if name == "default" {
		name = "mucura"
	}
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	ca := func(setting string) {
		if s.settings.CAFile != "" {
			add("%s%s", setting, s.settings.CAFile)
		}
	}
	switch program {
	case "aws":
		add("# ~/.aws/config: for aws, boto3, rclone (env_auth) and other tools of the AWS SDKs")
		add("[profile %s]\nregion = %s\nendpoint_url = %s\ns3 =\n    addressing_style = path", name, region, endpoint)
		ca("ca_bundle = ")
		if c == nil {
			add("credential_process = %s credential-process%s", shellQuote(executable()), s.processFlags())
			break
		}
		add("aws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s", id, secret, token)
	case "rclone":
		add("# ~/.config/rclone/rclone.conf")
		add("[%s]\ntype = s3\nprovider = Other\nendpoint = %s\nregion = %s", name, endpoint, region)
		if c == nil {
			add("# needs the profile of \"mucura config aws\" in ~/.aws/config\nenv_auth = true\nprofile = %s", name)
			break
		}
		add("access_key_id = %s\nsecret_access_key = %s\nsession_token = %s", id, secret, token)
	case "s3cmd":
		add("# ~/.s3cfg")
		add("[default]\naccess_key = %s\nsecret_key = %s", id, secret)
		if token != "" {
			add("access_token = %s", token)
		}
		add("host_base = %s\nhost_bucket = %s\nbucket_location = %s\nuse_https = %s", host, host, region, secure)
		ca("ca_certs_file = ")
	case "cyberduck":
		b.WriteString(cyberduckProfile(host, region, s.client.Secure()))
	case "davix":
		scheme := map[bool]string{true: "s3s", false: "s3"}[s.client.Secure()]
		add("# davix-ls OPTIONS %s://%s/BUCKET/", scheme, host)
		line := fmt.Sprintf("--s3accesskey %s --s3secretkey %s --s3region %s --s3alternate", id, secret, region)
		if token != "" {
			line += " --s3token " + token
		}
		if s.settings.CADir != "" {
			line += " --capath " + s.settings.CADir
		}
		add("%s", line)
	default:
		return "", usagef("there are aws, rclone, s3cmd, cyberduck and davix, not %q", program)
	}
	return b.String(), nil
}

// executable is how others call this command: by its path if it is not in PATH.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "mucura"
	}
	return path
}

func (s *session) processFlags() string {
	if s.settings.Profile != "default" {
		return " --profile " + s.settings.Profile
	}
	flags := " --server " + shellQuote(s.settings.Server)
	if s.settings.Auth != "" {
		flags += " --auth " + shellQuote(s.settings.Auth)
	}
	if s.settings.CAFile != "" {
		flags += " --ca-file " + shellQuote(s.settings.CAFile)
	}
	return flags
}
