package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// kind is how the server is found.
type kind int

const (
	single kind = iota
	sentinel
	cluster
)

// address is a parsed URL.
type address struct {
	kind     kind
	unix     bool
	hosts    []string // host:port, or the path of a socket
	master   string   // of the sentinels
	db       int
	user     string
	password string
	// sentinelUser and sentinelPassword are for the sentinels themselves.
	sentinelUser, sentinelPassword string
	tls                            *tls.Config

	prefix    string // begins every key
	everysec  bool
	unchecked bool
	wait      int           // replicas that must have a write before it is acknowledged
	waitFor   time.Duration // how long to wait for them
	timeout   time.Duration // of a call on the network
	pool      int           // connections to each server
	lanes     int           // pipelines to each server at once
	inline    int

	noWaitAOF atomic.Bool // a server older than 7.2 was seen
}

// parse reads a URL. Several hosts are no valid URL for package net/url, and
// its errors repeat what they were given, so only the query is left to it.
func parse(text string, opts Options) (*address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, errors.New("not a URL")
	}
	a := &address{
		prefix: "mucura", waitFor: 2 * time.Second, timeout: 5 * time.Second, pool: 32, lanes: 4, inline: 8 << 10,
		password: opts.Password, sentinelPassword: opts.SentinelPassword,
	}
	secure, how := strings.HasPrefix(scheme, "rediss"), strings.TrimPrefix(strings.TrimPrefix(scheme, "rediss"), "redis")
	port := "6379"
	switch how {
	case "":
	case "+unix":
		a.unix = true
	case "+sentinel":
		a.kind, port = sentinel, "26379"
	case "+cluster":
		a.kind = cluster
	default:
		return nil, errors.New("no such scheme (there are redis, redis+unix, redis+sentinel, redis+cluster; rediss… with TLS)")
	}
	if strings.Contains(rest, "#") {
		return nil, errors.New("a # in the URL must be written %23")
	}
	rest, query, _ := strings.Cut(rest, "?")
	if err := a.userinfo(&rest); err != nil {
		return nil, err
	}
	if err := a.location(rest, port); err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("the URL's query is malformed")
	}
	if secure {
		a.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return a, a.settings(values)
}

// userinfo takes user and password off what follows the scheme.
func (a *address) userinfo(rest *string) error {
	at := strings.LastIndexByte(*rest, '@')
	if at < 0 {
		return nil
	}
	user, password, has := strings.Cut((*rest)[:at], ":")
	*rest = (*rest)[at+1:]
	var err error
	if a.user, err = url.PathUnescape(user); err != nil {
		return errors.New("the user's name in the URL is malformed")
	}
	if has {
		if a.password, err = url.PathUnescape(password); err != nil {
			return errors.New("the password in the URL is malformed")
		}
	}
	return nil
}

// location reads hosts and path: the database's number, the master's name, or
// the path of a socket.
func (a *address) location(rest, port string) error {
	hosts, path, _ := strings.Cut(rest, "/")
	switch {
	case a.unix:
		if hosts != "" || path == "" {
			return errors.New("the path of the socket must follow redis+unix://")
		}
		a.hosts = []string{"/" + path}
		return nil
	case a.kind == sentinel:
		if a.master = path; path == "" {
			return errors.New("the name of the master must follow the sentinels: redis+sentinel://host1,host2/NAME")
		}
	case path != "":
		n, err := strconv.Atoi(path)
		if err != nil || n < 0 {
			return errors.New("the path of the URL must be the number of a database")
		}
		if a.db = n; a.kind == cluster && n != 0 {
			return errors.New("a cluster has only database 0")
		}
	}
	for _, h := range strings.Split(hosts, ",") {
		if h == "" {
			return errors.New("the URL names no host, or an empty one")
		}
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), port)
		}
		a.hosts = append(a.hosts, h)
	}
	if a.kind == single && len(a.hosts) > 1 {
		return errors.New("several hosts need redis+sentinel:// or redis+cluster://")
	}
	return nil
}

// settings reads the query.
func (a *address) settings(q url.Values) error {
	var bad []error
	var certFile, keyFile string
	for name, values := range q {
		if err := a.setting(name, values[len(values)-1], &certFile, &keyFile); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
		}
	}
	if certFile != "" || keyFile != "" {
		if a.tls == nil {
			return errors.New("cert-file and key-file need rediss://")
		}
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			bad = append(bad, fmt.Errorf("cert-file, key-file: %w", err))
		}
		a.tls.Certificates = []tls.Certificate{cert}
	}
	if a.wait > 0 && a.waitFor >= a.timeout {
		bad = append(bad, errors.New("wait-timeout must be shorter than timeout"))
	}
	return errors.Join(bad...)
}

func (a *address) setting(name, v string, certFile, keyFile *string) (err error) {
	switch name {
	case "password-file":
		a.password, err = secretFrom(v)
	case "sentinel-user":
		a.sentinelUser = v
	case "sentinel-password-file":
		a.sentinelPassword, err = secretFrom(v)
	case "ca-file":
		err = a.trust(v)
	case "server-name":
		if a.tls == nil {
			return errors.New("needs rediss://")
		}
		a.tls.ServerName = v
	case "cert-file":
		*certFile = v
	case "key-file":
		*keyFile = v
	case "db":
		a.db, err = number(v, 0, 1<<16)
	case "prefix":
		if a.prefix = v; v == "" || len(v) > 64 || strings.ContainsAny(v, "{}") {
			err = errors.New("must be 1 to 64 bytes, without braces")
		}
	case "appendfsync":
		if a.everysec = v == "everysec"; v != "everysec" && v != "always" {
			err = errors.New("must be always or everysec")
		}
	case "unchecked":
		a.unchecked, err = strconv.ParseBool(v)
	case "wait":
		a.wait, err = number(v, 0, 16)
	case "wait-timeout":
		a.waitFor, err = between(v, 10*time.Millisecond, time.Minute)
	case "timeout":
		a.timeout, err = between(v, 100*time.Millisecond, time.Minute)
	case "connections":
		a.pool, err = number(v, 1, 10000)
	case "lanes":
		a.lanes, err = number(v, 1, 1000)
	case "inline-max":
		a.inline, err = number(v, 0, 1<<20)
	default:
		err = errors.New("no such setting")
	}
	return err
}

func number(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("must be a number from %d to %d", least, most)
	}
	return n, nil
}

func between(v string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("must be a duration from %v to %v", least, most)
	}
	return d, nil
}

// secretFrom is the first line of a file.
func secretFrom(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", errors.New("the first line is empty")
	}
	return line, nil
}

// trust makes the certificates of a file the only ones trusted.
func (a *address) trust(path string) error {
	if a.tls == nil {
		return errors.New("needs rediss://")
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	a.tls.RootCAs = x509.NewCertPool()
	if !a.tls.RootCAs.AppendCertsFromPEM(pem) {
		return errors.New("no certificate in it")
	}
	return nil
}

// capabilities are what the adapter promises on such a server; docs/decisions
// 0024 argues for the grades.
func (a *address) capabilities() meta.Capabilities {
	c := meta.Capabilities{Name: "redis", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxValue: maxValue, MaxInline: a.inline}
	if a.kind != single || a.everysec || a.unchecked {
		c.CAS = meta.WhenHealthy
	}
	return c
}

func (a *address) warnings() (w []string) {
	if a.unchecked {
		w = append(w, "redis: unchecked=true: nobody has looked whether the server keeps what it acknowledges")
	}
	if a.everysec {
		w = append(w, "redis: appendfsync=everysec: a power cut loses the writes of the last seconds, acknowledged ones too")
	}
	if a.kind != single && a.wait == 0 {
		w = append(w, "redis: without wait=N a failover may lose writes that were acknowledged just before")
	}
	return w
}
