package sdk

import (
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
)

// Config is what the operator set and where to log.
type Config struct {
	// Settings are the store URL's query and the lines of its configuration
	// file, by name. Secrets are among them: log names, never values.
	Settings map[string]string
	// Log reaches the server's log, attributes and all.
	Log *slog.Logger
}

// Get is the value of a setting, or def when it was not given.
func (c Config) Get(name, def string) string {
	if v, ok := c.Settings[name]; ok {
		return v
	}
	return def
}

// Int is the value of a setting that is a number.
func (c Config) Int(name string, def int) (int, error) {
	v, ok := c.Settings[name]
	if !ok {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, fmt.Errorf("setting %s is not a number: %w", name, wire.ErrInvalid)
	}
	return n, nil
}

// Duration is the value of a setting such as "30s".
func (c Config) Duration(name string, def time.Duration) (time.Duration, error) {
	v, ok := c.Settings[name]
	if !ok {
		return def, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("setting %s is not a duration such as 30s: %w", name, wire.ErrInvalid)
	}
	return d, nil
}

// Check says which required settings are missing and which given ones are
// neither required nor optional: most often a misspelt name.
func (c Config) Check(required, optional []string) error {
	var problems []string
	for _, name := range required {
		if c.Settings[name] == "" {
			problems = append(problems, "setting "+name+" is missing")
		}
	}
	for name := range c.Settings {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			problems = append(problems, "unknown setting "+name)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	sort.Strings(problems)
	return fmt.Errorf("%s: %w", strings.Join(problems, ", "), wire.ErrInvalid)
}
