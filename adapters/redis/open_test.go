package redis

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
)

// TestRefused opens servers that would not keep what they acknowledge.
func TestRefused(t *testing.T) {
	r := server(t, redistest.Options{})
	ctx := t.Context()
	for _, c := range []struct {
		name     string
		set      string // CONFIG SET
		settings []string
		want     string // in the error; "" opens
	}{
		{"as it should be", "appendfsync always", nil, ""},
		{"no append-only file", "appendonly no", nil, `appendonly is "no"`},
		{"no append-only file, weaker grade", "appendonly no", []string{"appendfsync=everysec"}, `appendonly is "no"`},
		{"fsync every second", "appendfsync everysec", nil, "appendfsync=everysec in the URL"},
		{"fsync every second, as asked for", "appendfsync everysec", []string{"appendfsync=everysec"}, ""},
		{"fsync never", "appendfsync no", []string{"appendfsync=everysec"}, `appendfsync is "no"`},
		{"more than asked for", "appendfsync always", []string{"appendfsync=everysec"}, ""},
		{"no fsync during a rewrite", "no-appendfsync-on-rewrite yes", nil, "no-appendfsync-on-rewrite"},
		{"evicting", "maxmemory-policy allkeys-lru", nil, `maxmemory-policy is "allkeys-lru"`},
		{"evicting, unchecked", "maxmemory-policy volatile-ttl", []string{"unchecked=true"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, value, _ := strings.Cut(c.set, " ")
			was, err := r.Do(ctx, "CONFIG", "GET", name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Do(ctx, "CONFIG", "SET", name, value); err != nil {
				t.Fatal(err)
			}
			s, err := Open(ctx, with(r.URL(), c.settings...), Options{})
			if err == nil {
				weak := c.settings != nil
				if (s.Capabilities().CAS == meta.WhenHealthy) != weak || (len(s.Warnings()) > 0) != weak {
					t.Errorf("grade %s, warnings %q", s.Capabilities().CAS, s.Warnings())
				}
				_ = s.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, err := r.Do(ctx, "CONFIG", "SET", name, was.([]any)[1]); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestRefusedLater lets the server that is in use be replaced by one that keeps
// less: no write goes to it.
func TestRefusedLater(t *testing.T) {
	r := server(t, redistest.Options{})
	s := open(t, r.URL())
	ctx := t.Context()
	if _, err := s.Put(ctx, "p", "k", meta.Record{}, meta.Always); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	if err := errors.Join(r.Configure("appendfsync everysec"), r.Restart(ctx)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Put(ctx, "p", "k2", meta.Record{}, meta.Always); !errors.Is(err, meta.ErrUnavailable) || !strings.Contains(err.Error(), "appendfsync") {
			t.Errorf("put to a weaker server: %v", err)
		}
	}
	r.Kill()
	if err := errors.Join(r.Configure("appendfsync always"), r.Restart(ctx)); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := s.Put(ctx, "p", "k2", meta.Record{}, meta.IfAbsent); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestForbiddenToLook gives the account no CONFIG.
func TestForbiddenToLook(t *testing.T) {
	r := server(t, redistest.Options{})
	ctx := t.Context()
	if _, err := r.Do(ctx, "ACL", "SETUSER", "mucura", "on", ">pw", "~t*", "+@read", "+@write", "+@scripting", "+@connection"); err != nil {
		t.Fatal(err)
	}
	url := fresh(with(strings.Replace(r.URL(), "redis://", "redis://mucura@", 1), "password-file="+secretFile(t, "pw")))
	if _, err := Open(ctx, url, Options{}); err == nil || !strings.Contains(err.Error(), "unchecked=true") {
		t.Errorf("without CONFIG: %v", err)
	}
	s := open(t, with(url, "unchecked=true"))
	if _, err := s.Put(ctx, "p", "k", meta.Record{}, meta.IfAbsent); err != nil {
		t.Error(err)
	}
	// And with what the adapter needs, as docs/stores-redis.md names it.
	if _, err := r.Do(ctx, "ACL", "SETUSER", "mucura", "reset", "on", ">pw", "~t*", "+hget", "+hmget", "+hset", "+hdel", "+zadd", "+zrem", "+zrange",
		"+eval", "+evalsha", "+info", "+role", "+config|get", "+dbsize", "+wait", "+select", "+hello", "+auth"); err != nil {
		t.Fatal(err)
	}
	s = open(t, url)
	if _, err := s.Put(ctx, "p", "k2", meta.Record{Body: []byte("x")}, meta.IfAbsent); err != nil {
		t.Error(err)
	}
	if err := errors.Join(s.Delete(ctx, "p", "k2", meta.Always), s.Ping(ctx)); err != nil {
		t.Error(err)
	}
	if page, err := s.Scan(ctx, "p", meta.Range{WithValue: true}); err != nil || len(page.Entries) != 1 {
		t.Errorf("%v, %v", page, err)
	}
}

// TestReplica opens a replica: it takes no writes.
func TestReplica(t *testing.T) {
	g := sentinels(t, 1)
	url := with(strings.Replace(g.Servers[1].URL(), "//:secret@", "//", 1), "password-file="+secretFile(t, "secret"))
	if _, err := Open(t.Context(), url, Options{}); !errors.Is(err, meta.ErrUnavailable) || !strings.Contains(err.Error(), "replica") {
		t.Errorf("%v", err)
	}
	// A server that becomes one while it is in use.
	primary := open(t, with(g.URL(), "password-file="+secretFile(t, "secret")))
	host, port, _ := strings.Cut(g.Servers[1].Addr, ":")
	if _, err := g.Servers[0].Do(t.Context(), "REPLICAOF", host, port); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Put(t.Context(), "p", "k", meta.Record{}, meta.IfAbsent); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("put to a replica: %v", err)
	}
}

// TestSecrets looks for passwords in errors.
func TestSecrets(t *testing.T) {
	r := server(t, redistest.Options{Password: "right"})
	const secret = "s3cr3t"
	file := secretFile(t, secret)
	urls := []string{
		"redis:" + secret, "nosuch://u:" + secret + "@h", "redis://u:" + secret + "%zz@h", "redis://u%zz:" + secret + "@h", "redis://u:" + secret + "@",
		"redis://u:" + secret + "@h/x", "redis://u:" + secret + "@h/0?nosuch=" + secret, "redis://u:" + secret + "@h#" + secret, "redis://u:" + secret + "@h/?%zz",
		"redis+unix://u:" + secret + "@h", "redis+sentinel://:" + secret + "@a,b/", "redis+cluster://:" + secret + "@a,b/3",
		"redis://:" + secret + "@" + r.Addr, "redis://u:" + secret + "@" + r.Addr, "redis://" + r.Addr + "?password-file=" + file,
		"redis://:" + secret + "@127.0.0.1:1", "redis+sentinel://:" + secret + "@127.0.0.1:1/m", "redis+cluster://:" + secret + "@127.0.0.1:1",
		"rediss://:" + secret + "@" + r.Addr,
	}
	for _, url := range urls {
		s, err := Open(t.Context(), with(url, "timeout=1s"), Options{SentinelPassword: secret})
		if err == nil {
			_ = s.Close()
			t.Errorf("opened %s", url)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	if s, err := Open(t.Context(), "redis://"+r.Addr, Options{Password: "right"}); err != nil {
		t.Errorf("with the password in the options: %v", err)
	} else {
		_ = s.Close()
	}
}

func TestParse(t *testing.T) {
	file := secretFile(t, "of the file")
	for _, c := range []struct {
		url  string
		want string // kind hosts master db user password, or the beginning of an error
	}{
		{"redis://h", "0 [h:6379]  0  env"},
		{"redis://u:p%40%3A@h:1/2", "0 [h:1]  2 u p@:"},
		{"redis://u:p@ss@h:1/2", "0 [h:1]  2 u p@ss"},
		{"redis://u@[::1]:7/?password-file=" + file, "0 [[::1]:7]  0 u of the file"},
		{"redis://[::1]", "0 [[::1]:6379]  0  env"},
		{"redis+unix:///run/redis.sock?db=3", "0 [/run/redis.sock]  3  env"},
		{"redis+sentinel://a,b:5/name", "1 [a:26379 b:5] name 0  env"},
		{"rediss+cluster://a,b/", "2 [a:6379 b:6379]  0  env"},
		{"redis://a,b", "several hosts"},
		{"redis+cluster://a/1", "a cluster has only database 0"},
		{"redis+sentinel://a", "the name of the master"},
		{"redis://", "the URL names no host"},
		{"redis+cluster://a,,b", "the URL names no host"},
		{"redis://h/x", "the path"},
		{"redis://h?prefix={x}", "prefix"},
		{"redis://h?wait=-1", "wait"},
		{"redis://h?wait=1&wait-timeout=10s", "wait-timeout"},
		{"redis://h?appendfsync=no", "appendfsync"},
		{"redis://h?ca-file=/x", "ca-file"},
		{"redis://h?timeout=1", "timeout"},
		{"redis://h?nosuch=1", "nosuch: no such setting"},
		{"redisx://h", "no such scheme"},
	} {
		a, err := parse(c.url, Options{Password: "env"})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(int(a.kind), " ", a.hosts, " ", a.master, " ", a.db, " ", a.user, " ", a.password)
		}
		if err != nil && !strings.HasPrefix(got, c.want) || err == nil && got != c.want {
			t.Errorf("%s: %q, want %q", c.url, got, c.want)
		}
	}
	if _, err := parse("redis://h?password-file="+filepath.Join(t.TempDir(), "none"), Options{}); err == nil {
		t.Error("a password file that is not there was taken")
	}
}

// TestOpenGivesUp: nobody waits for ever for a server that is not there.
func TestOpenGivesUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := Open(ctx, "redis://127.0.0.1:1", Options{}); !errors.Is(err, meta.ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("%v (%v)", err, ctx.Err())
	}
}

// TestGrades: only one server that fsyncs every write is linearizable.
func TestGrades(t *testing.T) {
	for url, want := range map[string]meta.Level{
		"redis://h": meta.Linearizable, "redis://h?appendfsync=everysec": meta.WhenHealthy, "redis://h?unchecked=1": meta.WhenHealthy,
		"redis+unix:///s": meta.Linearizable, "redis+sentinel://h/m": meta.WhenHealthy, "redis+sentinel://h/m?wait=2": meta.WhenHealthy,
		"redis+cluster://h": meta.WhenHealthy,
	} {
		if c, err := CapabilitiesOf(url); err != nil || c.CAS != want || !c.FreshScan || !c.Batch {
			t.Errorf("%s: %+v, %v; want %s", url, c, err, want)
		}
	}
}
