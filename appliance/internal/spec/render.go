package spec

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"sort"
	"strings"

	"github.com/mucura/mucura/appliance/internal/host"
)

// Where the parts of TLS that mucurad reads as files lie; /run, because they
// come from appliance.yaml at every boot.
const (
	certFile   = host.Runtime + "/mucurad/cert.pem"
	keyFile    = host.Runtime + "/mucurad/key.pem"
	rootsFile  = host.Runtime + "/mucurad/acme-roots.pem"
	eabKeyFile = host.Runtime + "/mucurad/acme-eab-key"
)

// WebPort is where people register and look after their accounts.
const WebPort = "8443"

// Settings gives mucurad's settings, by the names of its flags.
func (c *Config) settingsOf() map[string]string {
	s := map[string]string{
		"listen":       ":443",
		"http-listen":  ":80",
		"admin-listen": "127.0.0.1:9001",
		"web-listen":   ":" + WebPort,
		"data":         host.Repository,
		"tls":          c.TLS.mode(),
	}
	set := func(name, v string) {
		if v != "" {
			s[name] = v
		}
	}
	set("site-name", c.Site)
	if len(c.Names) > 0 {
		set("endpoint", "https://"+c.Names[0])
		set("web-url", "https://"+net.JoinHostPort(c.Names[0], WebPort))
	}
	switch c.TLS.mode() {
	case "files":
		s["tls-cert"], s["tls-key"] = certFile, keyFile
	default:
		set("tls-name", strings.Join(c.Names, ","))
	}
	if c.TLS.mode() == "acme" {
		set("acme-directory", c.TLS.Directory)
		set("acme-email", c.Administrator.Email)
		set("acme-eab-key-id", c.TLS.EABKeyID)
		if c.TLS.EABKey != "" {
			s["acme-eab-key-file"] = eabKeyFile
		}
		if c.TLS.Roots != "" {
			s["acme-roots-file"] = rootsFile
		}
	}
	set("operator-email", c.Administrator.Email)
	set("smtp-server", c.Notify.Email.Server)
	set("smtp-from", c.Notify.Email.From)
	set("smtp-user", c.Notify.Email.User)
	set("smtp-password", c.Notify.Email.Password)
	for name, v := range c.Settings {
		s[name] = v
	}
	return s
}

// Environment gives mucurad's settings as environment variables, NAME=value.
func (c *Config) Environment() []string {
	var env []string
	for name, v := range c.settingsOf() {
		env = append(env, envName(name)+"="+v)
	}
	sort.Strings(env)
	return env
}

// EnvFile is the file systemd gives mucurad its environment from.
func (c *Config) EnvFile() []byte {
	var b strings.Builder
	for _, e := range c.Environment() {
		name, v, _ := strings.Cut(e, "=")
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(v))
	}
	return []byte(b.String())
}

// SecretFiles gives the files mucurad reads, by path.
func (c *Config) SecretFiles() map[string]string {
	files := map[string]string{}
	for path, text := range map[string]string{certFile: c.TLS.Certificate, keyFile: c.TLS.Key, rootsFile: c.TLS.Roots, eabKeyFile: c.TLS.EABKey} {
		if text != "" {
			files[path] = text
		}
	}
	return files
}

// NetworkDir is where systemd-networkd reads files that do not survive a boot.
const NetworkDir = "/run/systemd/network"

// NetworkFiles gives the files of systemd-networkd, by path. They sort before
// the image's own, which ask DHCP everywhere.
func (c *Config) NetworkFiles() map[string]string {
	files := map[string]string{}
	for i := range c.Network {
		files[filepath.Join(NetworkDir, fmt.Sprintf("10-mucura-%02d.network", i+1))] = c.Network[i].file()
	}
	return files
}

func (n *Interface) file() string {
	var b strings.Builder
	b.WriteString("[Match]\n")
	if n.Name != "" {
		fmt.Fprintf(&b, "Name=%s\n", n.Name)
	} else {
		fmt.Fprintf(&b, "MACAddress=%s\n", n.MAC)
	}
	fmt.Fprintf(&b, "\n[Network]\nDHCP=%s\nIPv6AcceptRA=yes\n", map[bool]string{true: "yes", false: "no"}[n.dhcp()])
	for _, l := range []struct {
		name string
		v    Names
	}{{"Address", n.Addresses}, {"Gateway", n.Gateways}, {"DNS", n.DNS}} {
		for _, v := range l.v {
			fmt.Fprintf(&b, "%s=%s\n", l.name, v)
		}
	}
	if len(n.Search) > 0 {
		fmt.Fprintf(&b, "Domains=%s\n", strings.Join(n.Search, " "))
	}
	return b.String()
}

func (n *Interface) dhcp() bool {
	if n.DHCP != nil {
		return *n.DHCP
	}
	for _, a := range n.Addresses {
		if p, err := netip.ParsePrefix(a); err == nil && p.Addr().Is4() {
			return false
		}
	}
	return true
}
