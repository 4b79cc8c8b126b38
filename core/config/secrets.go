package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A setting that holds a secret (secret, or the URL of a store, which may hold a
// password), or the name that goes with one, need not be in the environment itself. MUCURA_NAME_FILE names a file
// that holds it; and its value may be a reference to a service that keeps secrets,
// which ResolveSecrets follows.

// maxSecret bounds a secret, bytes.
const maxSecret = 64 << 10

// referencePrefixes begin values that are references.
var referencePrefixes = []string{"aws-sm:", "aws-ssm:"}

// IsReference tells whether a setting's value refers to a secret kept elsewhere.
func IsReference(value string) bool {
	for _, p := range referencePrefixes {
		if strings.HasPrefix(value, p) {
			return true
		}
	}
	return false
}

// holdsSecret tells whether the value may come from a file or be a reference.
func (s *setting) holdsSecret() bool {
	switch s.value.(type) {
	case storeURL, namedText:
		return true
	}
	return s.secret
}

// secretText is the value as it was given.
func (s *setting) secretText() string {
	switch v := s.value.(type) {
	case storeURL:
		return v.textValue.String()
	default:
		return v.String()
	}
}

// readSecretFile reads the secret of a setting; line ends after it are not its own.
func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s is larger than a secret may be (%d bytes)", path, maxSecret)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return value, nil
}

// ResolveSecrets replaces every reference by what get returns for it, once for
// each, and judges the settings anew. get must put no secret into its errors.
func (c *Config) ResolveSecrets(ctx context.Context, get func(ctx context.Context, reference string) (string, error)) error {
	known := map[string]string{}
	var errs []error
	for _, s := range c.settings() {
		reference := ""
		if s.holdsSecret() {
			reference = s.secretText()
		}
		if !IsReference(reference) {
			continue
		}
		value, ok := known[reference]
		if !ok {
			var err error
			if value, err = get(ctx, reference); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
				continue
			}
			if len(value) > maxSecret || value == "" {
				errs = append(errs, fmt.Errorf("%s: %s is empty or too large", s.name, reference))
				continue
			}
			known[reference] = value
		}
		if err := s.value.Set(value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s has a bad value", s.name, reference))
		}
	}
	if len(known) > 0 && len(errs) == 0 {
		for _, p := range c.badStores() {
			errs = append(errs, errors.New(p))
		}
	}
	return errors.Join(errs...)
}

// badStores judges the URLs of stores; what is a reference yet is judged later.
func (c *Config) badStores() (problems []string) {
	for _, s := range []struct{ name, url string }{{"metadata", c.Metadata}, {"content", c.Content}, {"registry", c.Registry}} {
		if IsReference(s.url) {
			continue
		}
		if scheme, rest, ok := strings.Cut(s.url, "://"); !ok || scheme == "" || rest == "" {
			problems = append(problems, s.name+": it is not a URL such as sqlite:///path or file:///path") // which may hold a secret
		}
	}
	return problems
}
