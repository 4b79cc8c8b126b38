package setup

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// form is what the page asks for, as people type it.
type form struct {
	Site, Names, Hostname, Email, TimeZone, NTP string
	TLS, Directory, EABKeyID, EABKey, Roots     string
	Certificate, Key                            string
	Interface, Address, Gateway, DNS            string // Interface "" is DHCP everywhere
	SSHKeys                                     string
	Disks                                       []string // names of devices
	Volatile                                    bool
}

// choice is a disk that may be chosen.
type choice struct {
	Name, Text string
	Chosen     bool
}

// words splits at spaces, commas and lines.
func words(s string) spec.Names {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\r' || r == '\t' })
}

func formOf(c *spec.Config) *form {
	f := &form{
		Site: c.Site, Names: strings.Join(c.Names, " "), Hostname: c.Hostname, Email: c.Administrator.Email, TimeZone: c.TimeZone, NTP: strings.Join(c.NTP, " "),
		TLS: c.TLS.Mode, Directory: c.TLS.Directory, EABKeyID: c.TLS.EABKeyID, Roots: c.TLS.Roots, Certificate: c.TLS.Certificate,
		SSHKeys: strings.Join(c.SSH.AuthorizedKeys, "\n"),
	}
	if f.TLS == "" {
		f.TLS = "internal"
	}
	if len(c.Network) == 1 {
		n := c.Network[0]
		f.Interface, f.Address, f.Gateway, f.DNS = n.Name, strings.Join(n.Addresses, " "), strings.Join(n.Gateways, " "), strings.Join(n.DNS, " ")
	}
	return f
}

func readForm(v url.Values) *form {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	pem := func(name string) string {
		if t := strings.ReplaceAll(get(name), "\r\n", "\n"); t != "" {
			return t + "\n"
		}
		return ""
	}
	return &form{
		Site: get("site"), Names: strings.ToLower(get("names")), Hostname: strings.ToLower(get("hostname")), Email: get("email"), TimeZone: get("time_zone"), NTP: get("ntp"),
		TLS: get("tls"), Directory: get("directory"), EABKeyID: get("eab_key_id"), EABKey: get("eab_key"), Roots: pem("roots"),
		Certificate: pem("certificate"), Key: pem("key"),
		Interface: get("interface"), Address: get("address"), Gateway: get("gateway"), DNS: get("dns"),
		SSHKeys: get("ssh_keys"), Disks: v["disk"], Volatile: v.Get("volatile") == "yes",
	}
}

// config makes a configuration of the form. What a preset says and the form
// does not ask for is kept. Fields of a kind of certificate that was not chosen
// are not looked at.
func (f *form) config(preset *spec.Config) (*spec.Config, []string) {
	c := *preset
	c.Site, c.Names, c.Hostname, c.TimeZone, c.NTP = f.Site, words(f.Names), f.Hostname, f.TimeZone, words(f.NTP)
	c.Administrator = spec.Administrator{Email: f.Email}
	c.Disk, c.EraseDisk = nil, false
	c.TLS = spec.TLS{Mode: f.TLS}
	switch f.TLS {
	case "acme":
		c.TLS.Directory, c.TLS.EABKeyID, c.TLS.EABKey, c.TLS.Roots = f.Directory, f.EABKeyID, f.EABKey, f.Roots
	case "files":
		c.TLS.Certificate, c.TLS.Key = f.Certificate, f.Key
	}
	if f.Interface != "" || f.Address != "" {
		c.Network = []spec.Interface{{Name: f.Interface, Addresses: words(f.Address), Gateways: words(f.Gateway), DNS: words(f.DNS)}}
		if f.Interface == "" {
			c.Network[0].Name = "en*"
		}
	} else if len(preset.Network) == 1 {
		c.Network = nil // was shown, and removed
	}
	c.SSH.AuthorizedKeys = nil
	for line := range strings.Lines(f.SSHKeys) {
		if line = strings.TrimSpace(line); line != "" {
			c.SSH.AuthorizedKeys = append(c.SSH.AuthorizedKeys, line)
		}
	}
	var p spec.Problems
	if errors.As(c.Check(), &p) {
		return nil, p
	}
	return &c, nil
}

// choices gives the blank disks. Others are erased on the console only, where a
// person stands beside the machine.
func (s *Server) choices(ctx context.Context, f *form) ([]choice, error) {
	inv, err := disks.List(ctx, s.Site.Host)
	if err != nil {
		return nil, err
	}
	var list []choice
	for _, d := range s.Disks.Usable(inv) {
		list = append(list, choice{d.Path, d.String(), slices.Contains(f.Disks, d.Path)})
	}
	return list, nil
}
