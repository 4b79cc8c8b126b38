package plugin

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxConfigFile is the longest configuration file, in bytes.
const maxConfigFile = 1 << 20

// spec is what a store URL says.
type spec struct {
	path       string   // of the binary; absolute
	sum        []byte   // its SHA-256; nil when not pinned
	configFile string   // "" for none
	env        []string // names of variables that the plug-in gets
	settings   map[string]string
	// calls and streams are how long a call, and a step of a stream, may take; 0
	// leaves it to Options.
	calls, streams time.Duration
}

// name is what logs and errors call the plug-in.
func (s *spec) name() string { return filepath.Base(s.path) }

// parseURL reads plugin:///path?sha256=…&config-file=…&env=A,B&name=value. Its
// errors never show a value: a query may hold secrets.
func parseURL(raw string) (*spec, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "plugin" || u.Host != "" || u.User != nil || u.Fragment != "" || !filepath.IsAbs(u.Path) {
		return nil, errors.New("malformed store URL, want plugin:///path/of/binary?setting=value")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("malformed query of the store URL")
	}
	s := &spec{path: filepath.Clean(u.Path), settings: map[string]string{}}
	for name, values := range query {
		if len(values) != 1 {
			return nil, fmt.Errorf("setting %q is given %d times", name, len(values))
		}
		if err := s.set(name, values[0]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *spec) set(name, value string) (err error) {
	switch name {
	case "sha256":
		s.sum, err = hex.DecodeString(value)
		if err != nil || len(s.sum) != 32 {
			return errors.New("sha256 must be 64 hexadecimal digits")
		}
	case "config-file":
		if !filepath.IsAbs(value) {
			return errors.New("config-file must be an absolute path")
		}
		s.configFile = value
	case "env":
		s.env = strings.Split(value, ",")
	case "call-timeout":
		s.calls, err = positive(name, value)
	case "stream-timeout":
		s.streams, err = positive(name, value)
	default:
		s.settings[name] = value
	}
	return err
}

func positive(name, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s must be a duration such as 30s", name)
	}
	return d, nil
}

// environment is the named variables that are set.
func (s *spec) environment() []string {
	env := []string{}
	for _, name := range s.env {
		if v, ok := os.LookupEnv(name); ok && name != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// allSettings are those of the URL and of the configuration file, which is read
// anew for each start.
func (s *spec) allSettings() (map[string]string, error) {
	all := map[string]string{}
	for name, v := range s.settings {
		all[name] = v
	}
	if s.configFile == "" {
		return all, nil
	}
	if err := checkSecretFile(s.configFile); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.configFile)
	if err != nil {
		return nil, err
	}
	if len(text) > maxConfigFile {
		return nil, fmt.Errorf("%s: longer than %d bytes", s.configFile, maxConfigFile)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("%s:%d: not \"name = value\"", s.configFile, n)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%s:%d: setting %q is given twice", s.configFile, n, name)
		}
		if slices.Contains([]string{"sha256", "config-file", "env", "call-timeout", "stream-timeout"}, name) {
			return nil, fmt.Errorf("%s:%d: %s belongs into the store URL", s.configFile, n, name)
		}
		all[name] = strings.TrimSpace(v)
	}
	return all, nil
}
