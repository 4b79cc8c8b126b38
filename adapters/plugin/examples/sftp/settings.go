package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/mucura/mucura/adapters/plugin/sdk"
)

// settings are what the operator set, read and checked.
type settings struct {
	addr      string
	dir       string
	mustSync  bool
	timeout   time.Duration
	ssh       ssh.ClientConfig
	keepAlive time.Duration
}

func read(c sdk.Config) (*settings, error) {
	if err := c.Check([]string{"addr", "user", "dir", "known-hosts"}, []string{"key-file", "password", "fsync", "timeout"}); err != nil {
		return nil, err
	}
	s := &settings{addr: c.Get("addr", ""), dir: strings.TrimRight(c.Get("dir", ""), "/")}
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		s.addr = net.JoinHostPort(strings.Trim(s.addr, "[]"), "22")
	}
	var err error
	if s.timeout, err = c.Duration("timeout", 15*time.Second); err != nil || s.timeout <= 0 {
		return nil, errors.New("setting timeout is not a positive duration")
	}
	s.keepAlive = s.timeout
	switch c.Get("fsync", "required") {
	case "required":
		s.mustSync = true
	case "best-effort":
	default:
		return nil, errors.New("setting fsync is neither required nor best-effort")
	}
	s.ssh = ssh.ClientConfig{User: c.Get("user", ""), Timeout: s.timeout}
	if s.ssh.Auth, err = login(c); err != nil {
		return nil, err
	}
	check, err := knownhosts.New(c.Get("known-hosts", ""))
	if err != nil {
		return nil, fmt.Errorf("known-hosts: %w", err)
	}
	s.ssh.HostKeyCallback = check
	s.ssh.HostKeyAlgorithms, err = algorithms(check, s.addr)
	return s, err
}

// login is the key, the password, or both.
func login(c sdk.Config) (auth []ssh.AuthMethod, err error) {
	if path := c.Get("key-file", ""); path != "" {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.Mode()&0o077 != 0 {
			return nil, fmt.Errorf("%s is open to others (mode %v): chmod 600", path, info.Mode())
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		key, err := ssh.ParsePrivateKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		auth = append(auth, ssh.PublicKeys(key))
	}
	if p := c.Get("password", ""); p != "" {
		auth = append(auth, ssh.Password(p))
	}
	if len(auth) == 0 {
		return nil, errors.New("neither key-file nor password is set")
	}
	return auth, nil
}

// algorithms are those of the keys that are known of a host. Without them the
// server might show a key of another kind, which would look like a wrong one.
func algorithms(check ssh.HostKeyCallback, addr string) (names []string, err error) {
	var known *knownhosts.KeyError
	if !errors.As(check(addr, &net.TCPAddr{}, noKey{}), &known) || len(known.Want) == 0 {
		return nil, fmt.Errorf("known-hosts has no key of %s (ssh-keyscan shows it; compare it with the host's own)", addr)
	}
	for _, k := range known.Want {
		switch kind := k.Key.Type(); kind {
		case ssh.KeyAlgoRSA:
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			names = append(names, kind)
		}
	}
	return names, nil
}

// noKey is a key that no host has: asking for it tells which ones are known.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
