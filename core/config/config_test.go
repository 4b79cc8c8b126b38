package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mucura.conf")
	if err := os.WriteFile(file, []byte("# ours\nregion = file\nlisten = 127.0.0.1:1\ninline-max = 8KiB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"MUCURA_REGION=env", "MUCURA_LISTEN=127.0.0.1:2", "MUCURA_CONFIG=" + file, "PATH=/bin"}
	c, rest, err := Parse("serve", []string{"--listen", "127.0.0.1:3", "tail"}, env, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.Region != "env" || c.InlineMax != 8<<10 {
		t.Errorf("got listen %q region %q inline-max %d", c.Listen, c.Region, c.InlineMax)
	}
	if len(rest) != 1 || rest[0] != "tail" {
		t.Errorf("rest = %q", rest)
	}
}

func TestFlagsBetweenArguments(t *testing.T) {
	c, rest, err := Parse("account add", []string{"ada", "--region", "r", "x", "--debug", "--", "--y"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "r" || !c.Debug || strings.Join(rest, " ") != "ada x --y" {
		t.Errorf("region %q debug %v rest %q", c.Region, c.Debug, rest)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	env := []string{"MUCURA_REGOIN=x", "MUCURA_LEEWAY=soon", "MUCURA_ROOT_ACCESS_KEY_ID=A", "MUCURA_DEBUG_LIFECYCLE_DAY=2s", "MUCURA_TLS_CERT=c"}
	_, _, err := Parse("serve", nil, env, nil)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"MUCURA_REGOIN", "leeway", "go together", "needs --debug", "tls-cert"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q missing in:\n%v", want, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	c, _, err := Parse("serve", nil, []string{"MUCURA_ROOT_ACCESS_KEY_ID=AKID", "MUCURA_ROOT_SECRET_ACCESS_KEY=hush-hush",
		"MUCURA_TRUST_DIR=https://trust.example.org/all.tar?X-Amz-Signature=hush"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Describe(); strings.Contains(s, "hush") || !strings.Contains(s, "root-secret-access-key = (set)") || !strings.Contains(s, "https://trust.example.org/all.tar") {
		t.Error(s)
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "1.5d": 36 * time.Hour, "0": 0, "0d": 0} {
		var d Duration
		if err := d.Set(in); err != nil || time.Duration(d) != want {
			t.Errorf("%q: %v, %v", in, d, err)
		}
	}
	for _, in := range []string{"", "d", "-1d", "-1s", "30", "30days", "1d12h", "200000d", "NaNd"} {
		d := Duration(1)
		if err := d.Set(in); err == nil || d != 1 {
			t.Errorf("%q gave %v", in, d)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "4096": 4096, "64KiB": 64 << 10, "1 MiB": 1 << 20, "2GB": 2e9, "-1": -1, "5g": 5 << 30} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "x", "1 parsec", "99999999999TiB", "1.5k"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("%q: accepted as %d", in, got)
		}
	}
}

func TestBadValues(t *testing.T) {
	for want, args := range map[string][]string{
		"data: must not be empty":     {"--data", ""},
		"is not a URL":                {"--content", "/srv/mucura"},
		"max-requests":                {"--max-requests", "0"},
		"max-header-bytes":            {"--max-header-bytes", "1KiB"},
		"inline-max":                  {"--inline-max", "2MiB"},
		"min-free":                    {"--min-free", "-1"},
		"leeway: must be":             {"--leeway", "1s"},
		"default-object-ownership":    {"--default-object-ownership", "Mine"},
		"log-level":                   {"--log-level", "loud"},
		"debug-lifecycle-day: must":   {"--debug", "--debug-lifecycle-day", "0s"},
		"no-such-flag":                {"--no-such-flag"},
		"no such file or directory":   {"--config", "/none/at/all"},
		"is not a whole number":       {"--max-requests", "ten"},
		"is not a duration":           {"--idle-timeout", "-5s"},
		"is neither true nor false":   {"--debug=perhaps"},
		"is not a number of bytes":    {"--min-free", "lots"},
		"root-access-key-id and root": {"--root-access-key-id", "ALONE"},
	} {
		if _, _, err := Parse("serve", args, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

// TestBadSecretIsNotRepeated: the message about a bad value does not hold it.
func TestBadSecretIsNotRepeated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mucura.conf")
	if err := os.WriteFile(file, []byte("root-secret-access-key hush-hush-file\nroot-secret-access-keys = hush-hush-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Parse("serve", []string{"--config", file}, []string{"MUCURA_ROOT_SECRET_ACCESS_KEY=hush-hush-env"}, nil)
	if err == nil || strings.Contains(err.Error(), "hush-hush") {
		t.Error(err)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	c, _, err := Parse("serve", []string{"--data", "/srv/mucura"}, []string{"HOME=/", "MUCURA_TEST_ANYTHING=1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Metadata != "sqlite:///srv/mucura/meta.db" || c.Content != "file:///srv/mucura/content" || c.Registry != c.Metadata || c.SiteKeyFile != "/srv/mucura/site.key" || c.AdminGiven() {
		t.Errorf("%+v", c)
	}
}

// The variables of the mucura command may be set in an operator's shell.
func TestVariablesOfTheCommand(t *testing.T) {
	env := []string{"MUCURA_SERVER=https://s3.lab.example", "MUCURA_AUTH=x", "MUCURA_KEY_PASSWORD_FILE=/x", "MUCURA_PART_SIZE=5MiB", "MUCURA_CA_FILE=y"}
	if _, _, err := Parse("serve", nil, env, nil); err != nil {
		t.Error(err)
	}
}
