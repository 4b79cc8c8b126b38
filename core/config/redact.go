package config

import (
	"net/url"
	"strings"
)

// hidden stands for a secret in what is printed.
const hidden = "xxxxx"

// secretWords are found in the names of query parameters that hold secrets.
var secretWords = []string{"pass", "secret", "key", "token", "cred", "auth", "sig", "pwd"}

// Redact gives a store's URL for people to read: without the password in its
// userinfo, and without the values of parameters that by their names hold secrets.
// Userinfo without a colon is hidden whole. It works on text, so that a URL
// too malformed to be parsed tells no more than a good one.
func Redact(storeURL string) string {
	shown, _ := redact(storeURL)
	return shown
}

// redact also gives the secrets it hid.
func redact(storeURL string) (shown string, secrets []string) {
	scheme, rest, ok := strings.Cut(storeURL, "://")
	if !ok {
		return storeURL, nil
	}
	var b strings.Builder
	b.WriteString(scheme + "://")
	// A path after an empty authority may hold an @; elsewhere the last one ends
	// the userinfo, whatever unescaped signs a password holds.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && !strings.HasPrefix(rest, "/") {
		user, password, colon := strings.Cut(rest[:at], ":")
		if !colon {
			user, password = "", user
		} else {
			b.WriteString(user + ":")
		}
		b.WriteString(hidden + "@")
		secrets = append(secrets, password)
		rest = rest[at+1:]
	}
	path, query, ok := strings.Cut(rest, "?")
	b.WriteString(path)
	if !ok {
		return b.String(), secrets
	}
	sep := "?"
	for pair := range strings.SplitSeq(query, "&") {
		name, value, has := strings.Cut(pair, "=")
		b.WriteString(sep + name)
		sep = "&"
		switch {
		case has && holdsSecret(name):
			b.WriteString("=" + hidden)
			secrets = append(secrets, value)
		case has:
			b.WriteString("=" + value)
		}
	}
	return b.String(), secrets
}

func holdsSecret(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// RedactError gives err with a text that shows no secret of a store's URL, as
// written there or unescaped. errors.Is and As see through it.
func RedactError(err error, storeURL string) error {
	if err == nil {
		return nil
	}
	shown, secrets := redact(storeURL)
	text := strings.ReplaceAll(err.Error(), storeURL, shown)
	for _, s := range secrets {
		forms := []string{s}
		if plain, uerr := url.PathUnescape(s); uerr == nil {
			forms = append(forms, plain)
		}
		if plain, uerr := url.QueryUnescape(s); uerr == nil {
			forms = append(forms, plain)
		}
		for _, f := range forms {
			if f != "" {
				text = strings.ReplaceAll(text, f, hidden)
			}
		}
	}
	return &redacted{text, err}
}

// redacted is an error whose text hides something.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }
