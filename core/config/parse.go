package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// envPrefix begins the names of environment variables.
const envPrefix = "MUCURA_"

// notSettings are variables of the same prefix that others read: the client
// command, the tests, and adapters, for secrets that should not stand in a URL.
var notSettings = []string{"CONFIG", "FROM_", "TO_", "TEST_", "BENCH_", "STACK", "ENDPOINT", "RIAK_PASSWORD", "REDIS_",
	"SERVER", "AUTH", "PROFILE", "CLIENT_CONFIG", "CA_FILE", "HOME_BUCKET", "PARALLEL", "PART_SIZE", "ATTEMPTS", "KEY_PASSWORD", "KEY_PASSWORD_FILE"}

// Parse reads args (flags, then arguments), the environment (as os.Environ
// gives it) and the file named by --config or MUCURA_CONFIG. It returns what
// follows the flags. extra, when not nil, adds a command's own flags. All
// problems are reported together in one error; a [*Help] when help was asked.
func Parse(command string, args, environ []string, extra func(*flag.FlagSet)) (*Config, []string, error) {
	c := defaults()
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	file := fs.String("config", "", "configuration file: lines \"name = value\"")
	rows := c.settings()
	for _, s := range rows {
		fs.Var(s.value, s.name, s.help)
	}
	if extra != nil {
		extra(fs)
	}
	rest, err := parseFlags(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, nil, helpOf(fs, rows)
	}
	if err != nil {
		return nil, nil, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })

	env, problems := fromEnvironment(rows, environ)
	if *file == "" {
		*file = env["config"]
	}
	lines, fileProblems := fromFile(rows, *file)
	problems = append(problems, fileProblems...)
	for _, s := range rows {
		if given[s.name] {
			continue
		}
		if v, ok := env[s.name]; ok {
			problems = append(problems, set(s, v, envName(s.name))...)
		} else if v, ok := lines[s.name]; ok {
			problems = append(problems, set(s, v, *file)...)
		} else {
			continue
		}
		given[s.name] = true
	}
	c.adminGiven, c.webGiven = given["admin-listen"], given["web-listen"]
	problems = append(problems, c.finish()...)
	if len(problems) > 0 {
		sort.Strings(problems)
		return nil, nil, errors.New("configuration:\n  " + strings.Join(problems, "\n  "))
	}
	return c, rest, nil
}

// parseFlags parses flags that stand before, between and after the arguments,
// which it returns. "--" ends the flags.
func parseFlags(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if parsed := args[:len(args)-len(left)]; len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

func set(s setting, v, where string) []string {
	if err := s.value.Set(v); err != nil {
		if s.secret {
			err = errors.New("bad value")
		}
		return []string{fmt.Sprintf("%s (from %s): %v", s.name, where, err)}
	}
	return nil
}

func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// fromEnvironment picks our variables; an unknown one is a problem, because it
// is most often a misspelt setting.
func fromEnvironment(rows []setting, environ []string) (map[string]string, []string) {
	known := map[string]string{envPrefix + "CONFIG": "config"}
	for _, s := range rows {
		known[envName(s.name)] = s.name
	}
	files := map[string]string{}
	for _, s := range rows {
		if name := envName(s.name) + "_FILE"; s.holdsSecret() && known[name] == "" {
			files[name] = s.name
		}
	}
	found, problems := map[string]string{}, []string(nil)
	given := map[string]string{} // setting -> the variable it is from
	for _, line := range environ {
		name, v, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		s, ok := known[name]
		if !ok {
			if s, ok = files[name]; ok {
				var err error
				if v, err = readSecretFile(v); err != nil {
					problems = append(problems, fmt.Sprintf("%s: %v", name, err))
				}
			}
		}
		if ok {
			if other := given[s]; other != "" && other != name {
				problems = append(problems, fmt.Sprintf("%s and %s are both given", other, name))
			}
			found[s], given[s] = v, name
		} else if !isOthers(strings.TrimPrefix(name, envPrefix)) {
			problems = append(problems, fmt.Sprintf("unknown environment variable %s", name))
		}
	}
	return found, problems
}

func isOthers(name string) bool {
	for _, p := range notSettings {
		if name == p || strings.HasSuffix(p, "_") && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// fromFile reads "name = value" lines; # begins a comment line.
func fromFile(rows []setting, path string) (map[string]string, []string) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, []string{err.Error()}
	}
	known := map[string]bool{}
	for _, s := range rows {
		known[s.name] = true
	}
	found, problems := map[string]string{}, []string(nil)
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		switch {
		case !ok:
			problems = append(problems, fmt.Sprintf("%s:%d: not \"name = value\"", path, n))
		case !known[name]:
			problems = append(problems, fmt.Sprintf("%s:%d: unknown setting %q", path, n, name))
		default:
			found[name] = strings.TrimSpace(v)
		}
	}
	return found, problems
}

// Describe lists the settings in force, one "name = value" a line, without secrets.
func (c *Config) Describe() string {
	var b strings.Builder
	for _, s := range c.settings() {
		v := s.value.String()
		if s.secret && v != "" {
			v = "(set)"
		}
		fmt.Fprintf(&b, "%s = %s\n", s.name, v)
	}
	return b.String()
}
