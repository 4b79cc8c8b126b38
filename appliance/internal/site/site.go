// Package site is the configuration in force: it is kept on the data disk, and
// brought into the running system at every start. The file is the claim: an
// appliance that has it belongs to somebody, one that has not takes the set-up
// code.
package site

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// ErrClaimed means that somebody else was first.
var ErrClaimed = errors.New("this appliance is claimed already")

// Site is the appliance as its configuration makes it.
type Site struct {
	Host *host.Host
	// Log takes what happens, one line each.
	Log func(format string, args ...any)
}

// Claimed tells whether the appliance belongs to somebody. What cannot be looked
// at counts as claimed.
func (s *Site) Claimed() bool { return s.Host.Exists(host.ConfigFile) }

// Load reads the configuration in force. The error wraps fs.ErrNotExist while
// the appliance is unclaimed.
func (s *Site) Load() (*spec.Config, error) {
	b, err := s.Host.ReadFile(host.ConfigFile)
	if err != nil {
		return nil, err
	}
	c, err := spec.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", host.ConfigFile, err)
	}
	return c, nil
}

// Key is a key pair of the administrator.
type Key struct{ ID, Secret string }

// NewKey makes a key pair of 100 and 200 random bits.
func NewKey() Key { return Key{"MU" + rand.Text()[:20], rand.Text() + rand.Text()[:14]} }

// Claim makes c the configuration and gives the administrator her key pair: that
// of c, or a new one. Of several at once one succeeds, the others get
// ErrClaimed. The pair is made first and the file written last, so an appliance
// that loses power in the middle is unclaimed, and its next claim replaces the
// pair that nobody knows.
func (s *Site) Claim(ctx context.Context, c *spec.Config) (Key, error) {
	if s.Claimed() {
		return Key{}, ErrClaimed
	}
	if err := c.Check(); err != nil {
		return Key{}, err
	}
	key := NewKey()
	if c.Claims() {
		key = Key{c.Administrator.AccessKeyID, c.Administrator.SecretAccessKey}
	}
	if err := s.SetKey(ctx, c, key); err != nil {
		return Key{}, err
	}
	kept := c.Kept()
	kept.Administrator.AccessKeyID = key.ID
	text, err := kept.Text()
	if err != nil {
		return Key{}, err
	}
	err = s.Host.CreateFile(host.ConfigFile, text, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return Key{}, ErrClaimed
	}
	return key, err
}

// SetKey makes key the administrator's own, in place of the former.
func (s *Site) SetKey(ctx context.Context, c *spec.Config, key Key) error {
	_, err := s.Mucurad(ctx, c, []string{"MUCURA_ROOT_ACCESS_KEY_ID=" + key.ID, "MUCURA_ROOT_SECRET_ACCESS_KEY=" + key.Secret}, "key", "root")
	return err
}

// RenewKey makes a new key pair for the administrator of a claimed appliance.
func (s *Site) RenewKey(ctx context.Context) (Key, error) {
	c, err := s.Load()
	if err != nil {
		return Key{}, err
	}
	key := NewKey()
	return key, s.SetKey(ctx, c, key)
}

// Issue has the site's own authority issue a certificate for the addresses the
// machine has now, into host.TLSDir, and gives the authority's fingerprint.
func (s *Site) Issue(ctx context.Context, names []string) (string, error) {
	if err := s.Host.MkdirFor(host.TLSDir, 0o700, host.User); err != nil {
		return "", err
	}
	c := &spec.Config{Names: names}
	out, err := s.Mucurad(ctx, c, nil, "tls", "issue", s.Host.Path(host.TLSDir))
	if err != nil {
		return "", err
	}
	ca, err := s.Host.ReadFile(host.TLSDir + "/ca.pem")
	if err == nil {
		err = s.Host.WriteFile(host.CAFile, ca, 0o644)
	}
	return strings.TrimSpace(string(out)), err
}

// Authority makes sure that the console can show the authority's fingerprint.
func (s *Site) Authority(ctx context.Context, c *spec.Config) error {
	if c.TLS.Mode != "" && c.TLS.Mode != "internal" || s.Host.Exists(host.CAFile) {
		return nil
	}
	_, err := s.Issue(ctx, c.Names)
	return err
}

// Change edits the configuration in force, or the preset while the appliance is
// unclaimed, and brings it into the system but for the network.
func (s *Site) Change(ctx context.Context, edit func(*spec.Config)) error {
	file, claimed := host.ConfigFile, s.Claimed()
	c := new(spec.Config)
	if !claimed {
		file = host.PresetFile
	}
	b, err := s.Host.ReadFile(file)
	switch {
	case err == nil:
		if c, err = spec.Parse(b); err != nil {
			return err
		}
	case claimed || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	edit(c)
	if err := c.Check(); err != nil {
		return err
	}
	text, err := c.Text()
	if err != nil {
		return err
	}
	if err := s.Host.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	return s.Apply(ctx, c, claimed)
}

// Mucurad runs a command of mucurad on the repository, as its user.
func (s *Site) Mucurad(ctx context.Context, c *spec.Config, env []string, args ...string) ([]byte, error) {
	if err := s.Host.MkdirFor(host.Repository, 0o700, host.User); err != nil {
		return nil, err
	}
	return s.Host.Run.Run(ctx, host.Command{
		Args: append([]string{host.Mucurad}, args...),
		Env:  append(c.Environment(), env...),
		User: host.User,
	})
}

// Apply brings a configuration into the running system. It does what it can:
// the error joins what did not work. Without claimed, mucurad gets no settings
// and so does not start.
func (s *Site) Apply(ctx context.Context, c *spec.Config, claimed bool) error {
	errs := []error{s.hostname(ctx, c), s.timeZone(c), s.ntp(ctx, c), s.network(c), s.ssh(ctx, c)}
	if claimed {
		errs = append(errs, s.settings(c))
	}
	return errors.Join(errs...)
}

func (s *Site) hostname(ctx context.Context, c *spec.Config) error {
	name := c.Hostname
	if name == "" && len(c.Names) > 0 {
		name, _, _ = strings.Cut(c.Names[0], ".")
	}
	if name == "" {
		return nil
	}
	full := name
	if len(c.Names) > 0 {
		full = strings.Join(c.Names, " ") + " " + name
	}
	err := errors.Join(s.Host.WriteFile("/etc/hostname", []byte(name+"\n"), 0o644),
		s.Host.WriteFile("/etc/hosts", fmt.Appendf(nil, "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost ip6-loopback\n", full), 0o644))
	_, herr := s.Host.Do(ctx, "hostname", name)
	return errors.Join(err, herr)
}

func (s *Site) timeZone(c *spec.Config) error {
	if c.TimeZone == "" {
		return nil
	}
	link := s.Host.Path("/etc/localtime")
	fresh := link + ".new"
	_ = os.Remove(fresh)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Symlink("/usr/share/zoneinfo/"+c.TimeZone, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, link)
}

// ntp names time servers to chrony, which may not run yet.
func (s *Site) ntp(ctx context.Context, c *spec.Config) error {
	if len(c.NTP) == 0 {
		return nil
	}
	var b strings.Builder
	for _, server := range c.NTP {
		fmt.Fprintf(&b, "server %s iburst\n", server)
	}
	if err := s.Host.WriteFile("/etc/chrony/sources.d/mucura.sources", []byte(b.String()), 0o644); err != nil {
		return err
	}
	if _, err := s.Host.Do(ctx, "chronyc", "reload", "sources"); err != nil {
		s.Log("chrony does not run yet, it will read its servers when it starts")
	}
	return nil
}

// network writes the files of systemd-networkd and removes those of a former
// configuration. ReloadNetwork makes a running networkd read them.
func (s *Site) network(c *spec.Config) error {
	old, err := filepath.Glob(s.Host.Path(spec.NetworkDir, "10-mucura-*.network"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range old {
		errs = append(errs, os.Remove(path))
	}
	files := c.NetworkFiles()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		errs = append(errs, s.Host.WriteFile(path, []byte(files[path]), 0o644))
	}
	return errors.Join(errs...)
}

// ReloadNetwork makes the network what the configuration says. Connections may end.
func (s *Site) ReloadNetwork(ctx context.Context) error {
	_, err := s.Host.Do(ctx, "networkctl", "reload")
	return err
}

func (s *Site) ssh(ctx context.Context, c *spec.Config) error {
	if len(c.SSH.AuthorizedKeys) == 0 {
		return nil
	}
	text := strings.Join(c.SSH.AuthorizedKeys, "\n") + "\n"
	if err := s.Host.WriteFile(host.SSHKeys, []byte(text), 0o644); err != nil {
		return err
	}
	_, err := s.Host.Do(ctx, "systemctl", "start", "--no-block", "ssh.service")
	return err
}

// settings writes mucurad's settings, last the file whose presence lets it start.
func (s *Site) settings(c *spec.Config) error {
	files := c.SecretFiles()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := errors.Join(s.Host.WriteFile(path, []byte(files[path]), 0o640), s.Host.GiveTo(path, host.User)); err != nil {
			return err
		}
	}
	// systemd reads the file as root.
	return s.Host.WriteFile(host.EnvFile, c.EnvFile(), 0o600)
}
