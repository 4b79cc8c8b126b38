package riak

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseURL reads the options from a store's URL:
//
//	riak://host:8098,host2:8098/?type=mucura&name=mucura
//	riak+https://user@host:8096/?password-file=/etc/mucura/riak&ca=/etc/ssl/riak.pem
//
// Parameters are type, name, sync (all, one, backend), confirms, quorum
// (primary or sloppy), cas (probe, when-healthy, none), timeout, scan-lag, ca
// and password-file. The password is that of the URL, or the first line of
// password-file, or password, in this order. No error contains a password.
func ParseURL(s, password string) (Options, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "riak" && scheme != "riak+https" {
		return Options{}, errors.New("riak: want riak://host:8098,… or riak+https://…")
	}
	// The list of hosts is none a URL may have: take it out before parsing.
	authority, tail, _ := strings.Cut(rest, "/")
	authority, query, _ := strings.Cut(authority, "?")
	if query != "" {
		tail = "?" + query
	}
	userinfo, hosts := "", authority
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		userinfo, hosts = authority[:i+1], authority[i+1:]
	}
	u, err := url.Parse("riak://" + userinfo + "host/" + tail)
	if err != nil {
		return Options{}, errors.New("riak: malformed URL") // url's error repeats it, password and all
	}
	o := Options{TLS: scheme == "riak+https", User: u.User.Username(), Password: password}
	if err := o.setHosts(hosts); err != nil {
		return Options{}, err
	}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, errors.New("riak: malformed parameters in the URL")
	}
	if err := o.setParams(params); err != nil {
		return Options{}, err
	}
	if p, ok := u.User.Password(); ok {
		o.Password = p
	}
	if o.User == "" {
		o.Password = ""
	}
	return o, nil
}

func (o *Options) setHosts(list string) error {
	for _, h := range strings.Split(list, ",") {
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), "8098")
		}
		host, port, err := net.SplitHostPort(h)
		if err != nil || host == "" || port == "" || strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return errors.New("riak: malformed host in the URL")
		}
		o.Hosts = append(o.Hosts, h)
	}
	return nil
}

// setParams reads the query; a parameter it does not know is an error, for a
// mistyped one would silently weaken a promise.
func (o *Options) setParams(q url.Values) error {
	for name, values := range q {
		v := values[len(values)-1]
		var err error
		switch name {
		case "type":
			o.Type, err = v, oneName(v)
		case "name":
			o.Name, err = v, oneName(v)
		case "ca":
			o.CAFile = v
		case "sync":
			o.Sync, err = v, oneOf(v, "all", "one", "backend")
		case "cas":
			o.CAS, err = v, oneOf(v, "probe", "when-healthy", "none")
		case "quorum":
			o.Sloppy, err = v == "sloppy", oneOf(v, "primary", "sloppy")
		case "confirms":
			if o.Confirms, err = strconv.Atoi(v); err == nil && (o.Confirms < 1 || o.Confirms > 9) {
				err = errors.New("want 1 to 9")
			}
		case "timeout":
			if o.Timeout, err = time.ParseDuration(v); err == nil && o.Timeout <= 0 {
				err = errors.New("want more than 0")
			}
		case "scan-lag":
			if o.ScanLag, err = time.ParseDuration(v); err == nil && (o.ScanLag <= 0 || o.ScanLag > time.Minute) {
				err = errors.New("want more than 0 and at most 1m")
			}
		case "password-file":
			o.Password, err = readPassword(v)
		default:
			err = errors.New("no such parameter")
		}
		if err != nil {
			return fmt.Errorf("riak: parameter %q: %w", name, err)
		}
	}
	return nil
}

func oneOf(v string, choices ...string) error {
	if !slices.Contains(choices, v) {
		return fmt.Errorf("want one of %s", strings.Join(choices, ", "))
	}
	return nil
}

func oneName(v string) error {
	if v == "" || len(v) > 64 || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return errors.New("want 1 to 64 letters, digits, dots, hyphens and underscores")
	}
	return nil
}

func readPassword(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
