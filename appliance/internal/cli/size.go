package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mucura/mucura/core/client/profile"
	"github.com/mucura/mucura/core/config"
)

// byteSize is a number of bytes, written with units: 64MiB, 5GB, 1T.
type byteSize int64

// String implements pflag.Value.
func (s *byteSize) String() string { return exactSize(int64(*s)) }

// Type implements pflag.Value.
func (s *byteSize) Type() string { return "SIZE" }

// Set implements pflag.Value.
func (s *byteSize) Set(text string) error {
	n, err := parseSize(text)
	*s = byteSize(n)
	return err
}

// lifetime is a length of time, as a flag of the command.
type lifetime struct{ config.Duration }

// Type implements pflag.Value.
func (l *lifetime) Type() string { return "duration" }

var units = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"PiB", 1 << 50},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"P", 1 << 50}, {"B", 1},
}

func parseSize(text string) (int64, error) {
	number, unit := strings.TrimSpace(text), 1.0
	for _, u := range units {
		if len(number) > len(u.name) && strings.EqualFold(number[len(number)-len(u.name):], u.name) {
			number, unit = strings.TrimSpace(number[:len(number)-len(u.name)]), u.size
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && unit == 1 && n >= 0 {
		return n, nil
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || n*unit >= math.MaxInt64 || math.IsNaN(n) {
		return 0, fmt.Errorf("%q is no size such as 64MiB, 5GB or 1000", text)
	}
	return int64(n * unit), nil
}

// exactSize writes a size so that nothing is lost.
func exactSize(n int64) string {
	for i := 4; i >= 0; i-- {
		if u := int64(units[i].size); n != 0 && n%u == 0 {
			return strconv.FormatInt(n/u, 10) + units[i].name
		}
	}
	return strconv.FormatInt(n, 10)
}

// humanSize writes a size in three or four digits.
func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v := float64(n)
	name := "B"
	for i := 0; i < 5 && v >= 1023.5; i++ { // 1023.9 MiB would be written as 1024
		v, name = v/1024, units[i].name
	}
	if v < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " " + name
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " " + name
}

// fromEnv sets flags that were not given from the environment.
func fromEnv(flags *pflag.FlagSet, e profile.Env) error {
	for name, variable := range map[string]string{"parallel": "MUCURA_PARALLEL", "part-size": "MUCURA_PART_SIZE", "attempts": "MUCURA_ATTEMPTS"} {
		value := e.Get(variable)
		if value == "" || flags.Changed(name) {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return usagef("%s=%s: %v", variable, value, err)
		}
	}
	return nil
}

// parseAge reads a time as a person gives it: a date, a time, or how long ago.
func parseAge(text string, now time.Time) (time.Time, error) {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.ParseFloat(n, 64); err == nil {
			return now.Add(-time.Duration(days * 24 * float64(time.Hour))), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%q is no time such as 36h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z", text)
}
