package spec

import (
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/mucura/mucura/core/config"
)

var (
	bucketRE  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	settingRE = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

func (k *checker) backup(b *Backup) {
	if b.Keep < 0 || b.Keep > 365 {
		k.bad("backup.keep: want 1 to 365")
	}
	if b.Verify < 0 || b.Verify > 365 {
		k.bad("backup.verify_days: want 1 to 365")
	}
	k.s3(&b.S3)
	r := &b.Restic
	if r.Repository == "" && (r.Password != "" || len(r.Env) > 0) {
		k.bad("backup.restic: repository is missing")
	}
	if r.Repository != "" && r.Password == "" {
		k.bad("backup.restic: password is missing")
	}
	if strings.HasPrefix(r.Repository, "-") {
		k.bad("backup.restic.repository: must not begin with a hyphen")
	}
	k.line("backup.restic.repository", r.Repository, 1024)
	k.line("backup.restic.password", r.Password, 1024)
	for _, name := range sortedKeys(r.Env) {
		if !envRE.MatchString(name) || strings.HasPrefix(name, "LD_") || name == "PATH" {
			k.bad("backup.restic.env: %q is not taken", name)
		}
		k.line("backup.restic.env."+name, r.Env[name], 4096)
	}
}

func (k *checker) s3(s *S3) {
	if *s == (S3{}) {
		return
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		k.bad("backup.s3.endpoint: is not a URL such as https://s3.example.org")
	}
	if !bucketRE.MatchString(s.Bucket) {
		k.bad("backup.s3.bucket: %q is not a bucket name", s.Bucket)
	}
	if s.AccessKeyID == "" || s.SecretAccessKey == "" {
		k.bad("backup.s3: access_key_id and secret_access_key are missing")
	}
	if strings.HasPrefix(s.Prefix, "/") || strings.HasSuffix(s.Prefix, "/") {
		k.bad("backup.s3.prefix: neither begins nor ends with a slash")
	}
	for name, v := range map[string]string{"endpoint": s.Endpoint, "prefix": s.Prefix, "region": s.Region, "access_key_id": s.AccessKeyID, "secret_access_key": s.SecretAccessKey} {
		k.line("backup.s3."+name, v, 512)
	}
	k.pem("backup.s3.ca", s.CA)
}

func (k *checker) notify(n *Notify) {
	k.https("notify.webhook", n.Webhook)
	e := &n.Email
	if *e == (Email{}) {
		return
	}
	if _, _, err := net.SplitHostPort(e.Server); err != nil {
		k.bad("notify.email.server: want host:port")
	}
	if e.From == "" {
		k.bad("notify.email.from: is missing")
	}
	k.email("notify.email.from", e.From)
	k.line("notify.email.server", e.Server, 300)
	k.line("notify.email.user", e.User, 300)
	k.line("notify.email.password", e.Password, 1024)
}

// ours are the settings of mucurad that the appliance makes itself.
var ours = []string{"listen", "admin-listen", "data", "metadata", "content", "registry", "site-key-file", "root-access-key-id",
	"root-secret-access-key", "show-root-key", "tls", "tls-cert", "tls-key", "tls-name", "http-listen", "acme-directory",
	"acme-email", "acme-eab-key-id", "acme-eab-key-file", "acme-roots-file", "config", "debug", "debug-lifecycle-day"}

// settings checks the further settings of mucurad as mucurad itself would.
func (k *checker) settings(c *Config) {
	clean := true
	for _, name := range sortedKeys(c.Settings) {
		before := len(k.problems)
		if !settingRE.MatchString(name) {
			k.bad("settings: %q is not a setting of mucurad", name)
		}
		for _, o := range ours {
			if name == o {
				k.bad("settings.%s: is the appliance's own", name)
			}
		}
		k.line("settings."+name, c.Settings[name], 8192)
		clean = clean && len(k.problems) == before
	}
	if !clean || len(c.Settings) == 0 {
		return
	}
	var env []string
	for name, v := range c.Settings {
		env = append(env, envName(name)+"="+v)
	}
	env = append(env, "MUCURA_DATA=/data")
	_, _, err := config.Parse("settings", nil, env, nil)
	if err != nil {
		for line := range strings.Lines(strings.TrimPrefix(err.Error(), "configuration:\n")) {
			k.bad("settings: %s", strings.TrimSpace(line))
		}
	}
}

func envName(setting string) string {
	return "MUCURA_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}
