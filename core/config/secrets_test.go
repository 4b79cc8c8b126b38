package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSecretFiles(t *testing.T) {
	c, _, err := Parse("serve", nil, []string{
		"MUCURA_SMTP_PASSWORD_FILE=" + write(t, "hush \n"), "MUCURA_METADATA_FILE=" + write(t, "redis://:pw@host:6379\r\n"),
		"MUCURA_SITE_KEY_FILE=/srv/site.key",
		"MUCURA_ROOT_ACCESS_KEY_ID_FILE=" + write(t, "AKID\n"), "MUCURA_ROOT_SECRET_ACCESS_KEY_FILE=" + write(t, "hush\n"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.RootAccessKeyID != "AKID" || c.RootSecretAccessKey != "hush" {
		t.Errorf("root: %q %q", c.RootAccessKeyID, c.RootSecretAccessKey)
	}
	if c.SMTPPassword != "hush " || c.Metadata != "redis://:pw@host:6379" || c.Registry != c.Metadata || c.SiteKeyFile != "/srv/site.key" || c.SiteKey != "" {
		t.Errorf("%q %q %q %q", c.SMTPPassword, c.Metadata, c.SiteKeyFile, c.SiteKey)
	}
	for name, environ := range map[string][]string{
		"are both given":       {"MUCURA_SMTP_PASSWORD_FILE=" + write(t, "hush"), "MUCURA_SMTP_PASSWORD=hush"},
		"is empty":             {"MUCURA_SMTP_PASSWORD_FILE=" + write(t, "\n")},
		"is larger":            {"MUCURA_SMTP_PASSWORD_FILE=" + write(t, strings.Repeat("hush", maxSecret))},
		"no such file":         {"MUCURA_SMTP_PASSWORD_FILE=/nowhere/at/all"},
		"unknown environment":  {"MUCURA_REGION_FILE=" + write(t, "hush")},
		"it is not a URL such": {"MUCURA_CONTENT_FILE=" + write(t, "hush")},
	} {
		_, _, err := Parse("serve", nil, environ, nil)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResolveSecrets(t *testing.T) {
	parse := func() *Config {
		c, _, err := Parse("serve", nil, []string{
			"MUCURA_METADATA=aws-sm:mucura/db#url", "MUCURA_SMTP_PASSWORD=aws-ssm:/mucura/smtp", "MUCURA_SITE_NAME=aws-sm:not-a-secret",
			"MUCURA_ROOT_ACCESS_KEY_ID=aws-sm:mucura/root#id", "MUCURA_ROOT_SECRET_ACCESS_KEY=aws-sm:mucura/root#secret",
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := parse()
	asked := map[string]int{}
	secrets := map[string]string{"aws-sm:mucura/db#url": "redis://:hush@host", "aws-ssm:/mucura/smtp": "hush", "aws-sm:mucura/root#id": "AKID", "aws-sm:mucura/root#secret": "hush"}
	get := func(_ context.Context, reference string) (string, error) {
		asked[reference]++
		if s, ok := secrets[reference]; ok {
			return s, nil
		}
		return "", errors.New("no such secret")
	}
	if err := c.ResolveSecrets(t.Context(), get); err != nil {
		t.Fatal(err)
	}
	if c.Metadata != "redis://:hush@host" || c.Registry != c.Metadata || c.SMTPPassword != "hush" || c.SiteName != "aws-sm:not-a-secret" {
		t.Errorf("%q %q %q %q", c.Metadata, c.Registry, c.SMTPPassword, c.SiteName)
	}
	if c.RootAccessKeyID != "AKID" || c.RootSecretAccessKey != "hush" {
		t.Errorf("root: %q %q", c.RootAccessKeyID, c.RootSecretAccessKey)
	}
	if asked["aws-sm:mucura/db#url"] != 1 || len(asked) != 4 {
		t.Errorf("asked %v", asked)
	}
	if strings.Contains(c.Describe(), "hush") {
		t.Error(c.Describe())
	}
	for value, want := range map[string]string{"": "is empty", "hush": "metadata: it is not a URL"} {
		secrets["aws-sm:mucura/db#url"] = value
		if err := parse().ResolveSecrets(t.Context(), get); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", value, err)
		}
	}
	delete(secrets, "aws-ssm:/mucura/smtp")
	if err := parse().ResolveSecrets(t.Context(), get); err == nil || !strings.Contains(err.Error(), "smtp-password: no such secret") {
		t.Error(err)
	}
}

// TestIssuerSecrets: the secret of the one issuer, or one for each, never of an
// unknown one, and never told.
func TestIssuerSecrets(t *testing.T) {
	const one, two = "https://a.example client-id=m", "https://b.example client-id=n secret-file=/b"
	for _, c := range []struct{ issuers, secret, want string }{
		{one, "hush", "hush"},
		{one, "https://a.example hush", "hush"},
		{one + ";https://c.example client-id=o", "https://c.example other; https://a.example hush;", "hush"},
		{one + ";" + two, "https://a.example hush\n", "hush"},
		{one, "aws-sm:mucura/oidc", ""},
		{one, "", ""},
		{one + ";" + two, "hush", "error"},
		{one, "https://x.example hush", "error"},
		{one, "https://a.example hush hush", "error"},
		{one, "hush;hush", "error"},
		{one + ";" + two, "https://b.example hush", "error"},
		{"https://a.example audience=m", "hush", "error"},
		{"", "hush", "error"},
	} {
		environ := []string{"MUCURA_OIDC_SECRET=" + c.secret}
		if c.issuers != "" {
			environ = append(environ, "MUCURA_OIDC_ISSUER="+c.issuers)
		}
		conf, _, err := Parse("serve", nil, environ, nil)
		if (err != nil) != (c.want == "error") || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%q with %q: %v", c.issuers, c.secret, err)
		}
		if err != nil {
			continue
		}
		list, err := conf.Issuers()
		if err != nil || list[0].Secret != c.want {
			t.Errorf("%q with %q: %+v %v", c.issuers, c.secret, list, err)
		}
		if strings.Contains(conf.Describe(), "hush") {
			t.Error(conf.Describe())
		}
	}
}
