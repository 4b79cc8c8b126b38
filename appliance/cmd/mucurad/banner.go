package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/config"
)

// rootKey is the administrator's key pair; the secret only when it may be shown.
type rootKey struct {
	id, secret string
	made       bool
}

// ensureRoot makes the administrator's account and key pair when absent.
func ensureRoot(ctx context.Context, c *config.Config, s *accounts.Service) (rootKey, error) {
	made, id, secret, err := s.EnsureRoot(ctx, c.RootAccessKeyID, c.RootSecretAccessKey)
	if err != nil {
		return rootKey{}, err
	}
	k := rootKey{id: id, made: made && c.RootAccessKeyID == ""}
	if k.made || c.ShowRootKey {
		k.secret = secret
	}
	return k, nil
}

const shownOnce = "              (shown this once; keep it, or make another with: mucurad key add root)\n"

// madePair is for a start that made the administrator's key pair and then failed.
func madePair(root rootKey) string {
	return fmt.Sprintf("The administrator's key pair has been made:\n\n  Access key  %s\n  Secret key  %s\n%s\n", root.id, root.secret, shownOnce)
}

// banner tells a person how to use what has just started. url is the
// endpoint, pages whether people find pages there, too.
func banner(c *config.Config, url string, pages bool, root rootKey) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Mucura is ready.\n\n  Endpoint    %s\n", url)
	if pages {
		fmt.Fprintf(&b, "  Pages       %s\n", c.WebURL)
		if root.made || c.ShowRootKey {
			settings := "" // others the command needs as this server has them
			if strings.HasPrefix(c.Metadata, "sqlite://"+c.Data+"/") {
				settings = " --data " + c.Data
			}
			fmt.Fprintf(&b, "              (to sign in there, set a password: %s account password root%s)\n", os.Args[0], settings)
		}
	}
	fmt.Fprintf(&b, "  Region      %s\n  Data        %s\n  Access key  %s\n", c.Region, c.Data, root.id)
	secret := root.secret
	switch {
	case root.made && !c.ShowRootKey:
		fmt.Fprintf(&b, "  Secret key  %s\n%s", secret, shownOnce)
	case secret != "":
		fmt.Fprintf(&b, "  Secret key  %s\n", secret)
	default:
		secret = "SECRET"
		b.WriteString("  Secret key  (as given, or as shown at the first start; another pair: mucurad key add root)\n")
	}
	if c.ShowRootKey || root.made {
		b.WriteString(clientSettings(c, url, root.id, secret))
	}
	b.WriteString("\n")
	return b.String()
}

// clientSettings is ready to paste into a shell or a configuration file.
func clientSettings(c *config.Config, url, id, secret string) string {
	scheme, host, _ := strings.Cut(url, "://")
	var b strings.Builder
	fmt.Fprintf(&b, `
aws, boto3 and other SDKs:
  export AWS_ACCESS_KEY_ID=%[1]s AWS_SECRET_ACCESS_KEY=%[2]s
  export AWS_ENDPOINT_URL=%[3]s AWS_DEFAULT_REGION=%[4]s
  aws s3 mb s3://my-files          # an aws without AWS_ENDPOINT_URL: add --endpoint-url %[3]s

rclone (~/.config/rclone/rclone.conf):
  [mucura]
  type = s3
  provider = Other
  access_key_id = %[1]s
  secret_access_key = %[2]s
  endpoint = %[3]s
  region = %[4]s

s3cmd (~/.s3cfg):
  [default]
  access_key = %[1]s
  secret_key = %[2]s
  host_base = %[5]s
  host_bucket = %[5]s
  use_https = %[6]s
`, id, secret, url, c.Region, host, map[bool]string{true: "True", false: "False"}[scheme == "https"])
	return b.String()
}
