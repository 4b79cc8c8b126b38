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

// settings completes the environment: what a platform tells under a name of its
// own, and defaults for a process without a disk.
func settings(shape Shape, environ []string) []string {
	get, out := lookup(environ), slices.Clone(environ)
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
