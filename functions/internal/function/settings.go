package function

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lookup finds a variable in an environment as os.Environ gives it.
func lookup(environ []string) func(string) string {
	return func(name string) string {
		for _, line := range slices.Backward(environ) {
			if v, ok := strings.CutPrefix(line, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

// withheld are the settings that the function has no use for and that give
// access, or lead to what does. It starts where they are missing, name what does
// not answer, or refer to a secret that it may not read.
func (f *Function) withheld() (names []string) {
	if !f.Contents {
		names = append(names, "MUCURA_CONTENT")
	}
	if !f.Root {
		names = append(names, "MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY")
	}
	if !f.People {
		names = append(names, "MUCURA_SMTP_PASSWORD", "MUCURA_OIDC_SECRET")
	}
	return names
}

// settings completes the environment: what a platform tells under a name of its
// own, and defaults for a process without a disk. What is withheld is not in it.
func (f *Function) settings(shape Shape, environ []string) []string {
	withheld := f.withheld()
	out := slices.DeleteFunc(slices.Clone(environ), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return slices.Contains(withheld, strings.TrimSuffix(name, "_FILE"))
	})
	get := lookup(environ)
	add := func(name, value string) {
		if get(name) == "" && value != "" {
			out = append(out, name+"="+value)
		}
	}
	add("MUCURA_BASE_PATH", strings.TrimSuffix(get("OSCAR_SERVICE_BASE_PATH"), "/"))
	add("MUCURA_DATA", filepath.Join(os.TempDir(), "mucura"))
	add("MUCURA_AUDIT_LOG", "off")
	add("MUCURA_SWEEP_INTERVAL", "0") // jobs do it
	if shape != Daemon && get("MUCURA_WEB_URL") == "" {
		add("MUCURA_WEB_LISTEN", "off") // nobody would find the pages
	}
	return out
}
