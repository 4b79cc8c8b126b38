package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"sqlite:///srv/a@b/meta.db":                       "sqlite:///srv/a@b/meta.db",
		"file:///srv?x=1":                                 "file:///srv?x=1",
		"redis://:s3cret@host:6379/0":                     "redis://:xxxxx@host:6379/0",
		"redis://s3cret@host":                             "redis://xxxxx@host",
		"swift://ada:s3cret@host/v3?containers=16":        "swift://ada:xxxxx@host/v3?containers=16",
		"swift://ada:s3/cr?et@x@host/v3":                  "swift://ada:xxxxx@host/v3",
		"swift://host/v3?application_secret=s3cret&p=1":   "swift://host/v3?application_secret=xxxxx&p=1",
		"riak://host?PassWord=s3cret&tempurl-key=s3cret2": "riak://host?PassWord=xxxxx&tempurl-key=xxxxx",
		"riak://host?%70assword=s3cret":                   "riak://host?%70assword=xxxxx",
		"riak://a:s3cret@h?user=x%zz&token=%zzs3cret":     "riak://a:xxxxx@h?user=x%zz&token=xxxxx",
		"nonsense": "nonsense",
	} {
		if got := Redact(in); got != want || strings.Contains(got, "s3cret") {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestRedactError(t *testing.T) {
	cause := errors.New("cause")
	url := "swift://ada:s3%2Fcret@host?token=t0ken"
	err := RedactError(fmt.Errorf("open %s: Authorization s3/cret, X-Token t0ken: %w", url, cause), url)
	if want := "open swift://ada:xxxxx@host?token=xxxxx: Authorization xxxxx, X-Token xxxxx: cause"; err.Error() != want || !errors.Is(err, cause) {
		t.Errorf("%q, want %q", err, want)
	}
	if RedactError(nil, url) != nil {
		t.Error("an error was made of nothing")
	}
}

// TestURLSecretsAreNotShown looks for a store's password in all that the
// configuration prints.
func TestURLSecretsAreNotShown(t *testing.T) {
	args := []string{"--metadata", "redis://u:s3cret@h", "--content", "swift://u:s3cret@h?key=s3cret", "--registry", "redis://u:s3cret@h"}
	c, _, err := Parse("serve", args, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := c.Describe(); strings.Contains(text, "s3cret") || !strings.Contains(text, "redis://u:xxxxx@h") {
		t.Errorf("described as\n%s", text)
	}
	_, _, err = Parse("serve", []string{"--metadata", "u:s3cret@h"}, nil, nil)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a malformed URL is told as %v", err)
	}
}
