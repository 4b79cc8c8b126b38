package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// durable is what the server must be set to. no-appendfsync-on-rewrite would
// leave out the fsync, even with "always", while the file is rewritten.
func durable() [4][2]string {
	return [4][2]string{
		{"appendonly", "yes"}, {"appendfsync", "always"}, {"no-appendfsync-on-rewrite", "no"}, {"maxmemory-policy", "noeviction"},
	}
}

// inspect looks at a server when a connection to it has been opened, before any
// command of ours goes over it. So a server that was promoted, restarted or put
// in the place of another is looked at before it is written to.
func (a *address) inspect(ctx context.Context, cn *goredis.Conn) error {
	if a.unchecked {
		return nil
	}
	pipe := cn.Pipeline()
	info := pipe.Info(ctx, "server")
	role := goredis.NewSliceCmd(ctx, "role")
	_ = pipe.Process(ctx, role)
	args := []any{"config", "get"}
	for _, setting := range durable() {
		args = append(args, setting[0])
	}
	settings := goredis.NewMapStringStringCmd(ctx, args...)
	_ = pipe.Process(ctx, settings)
	_, _ = pipe.Exec(ctx) // every command keeps its error
	if a.kind == sentinel && infoField(info.Val(), "redis_mode") == "sentinel" {
		return nil // the library asks it where the primary is, and opens that connection in the same way
	}
	for _, cmd := range []goredis.Cmder{info, role, settings} {
		if err := cmd.Err(); err != nil {
			return &notSent{a.cannotLook(err)}
		}
	}
	if err := a.judge(infoField(info.Val(), "redis_version"), role.Val(), settings.Val()); err != nil {
		return &notSent{err}
	}
	return nil
}

func (a *address) cannotLook(err error) error {
	if text := answered(err); strings.HasPrefix(text, "NOPERM") {
		return fmt.Errorf("the account may not look at the server's settings (it needs INFO, ROLE and CONFIG GET; unchecked=true does without): %s", text)
	}
	return fmt.Errorf("looking at the server's settings: %w", err)
}

// judge tells what is wrong with a server.
func (a *address) judge(version string, role []any, settings map[string]string) error {
	major, minor, err := majorMinor(version)
	switch {
	case err != nil:
		return err
	case major < 7:
		return fmt.Errorf("server version %s: 7.0 or later is needed", version)
	case major == 7 && minor < 2:
		a.noWaitAOF.Store(true)
	}
	// In a cluster, a replica is asked for the map only; it redirects the rest.
	if a.kind != cluster && (len(role) == 0 || role[0] != "master") {
		return errors.New("the server is a replica")
	}
	var wrong []string
	for _, setting := range durable() {
		name, want, got := setting[0], setting[1], settings[setting[0]]
		if got == want || name == "appendfsync" && a.everysec && got == "everysec" {
			continue
		}
		hint := ""
		if name == "appendfsync" && got == "everysec" {
			hint = " (or, if losing a second at a power cut is acceptable, appendfsync=everysec in the URL)"
		}
		wrong = append(wrong, fmt.Sprintf("%s is %q, must be %q%s", name, got, want, hint))
	}
	if wrong != nil {
		return errors.New("the server does not keep what it acknowledges: " + strings.Join(wrong, "; "))
	}
	return nil
}

func majorMinor(version string) (major, minor int, err error) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return 0, 0, fmt.Errorf("server version %q is no version", version)
	}
	major, err = strconv.Atoi(parts[0])
	if err == nil {
		minor, err = strconv.Atoi(parts[1])
	}
	return major, minor, err
}

// infoField is a field of what INFO answers.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
