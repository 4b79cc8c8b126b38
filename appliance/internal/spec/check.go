package spec

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	labelRE     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	interfaceRE = regexp.MustCompile(`^[A-Za-z0-9_.*?-]{1,32}$`)
	keyIDRE     = regexp.MustCompile(`^[A-Za-z0-9]{16,128}$`)
	zoneRE      = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$`)
	diskRE      = regexp.MustCompile(`^[A-Za-z0-9_.:/+-]{1,128}$`)
	envRE       = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)
	sshKeyRE    = regexp.MustCompile(`^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,2}( [^\x00-\x1f\x7f]*)?$`)
)

// checker collects problems.
type checker struct{ problems Problems }

func (k *checker) bad(format string, args ...any) {
	k.problems = append(k.problems, fmt.Sprintf(format, args...))
}

// line checks that a value has no control characters: values become lines of
// files that programs read.
func (k *checker) line(name, v string, limit int) {
	if len(v) > limit {
		k.bad("%s: longer than %d bytes", name, limit)
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd || r >= 0x80 && r < 0xa0 }) {
		k.bad("%s: has control characters", name)
	}
}

// Check gives everything that is wrong with the values, as Problems, or nil.
func (c *Config) Check() error {
	if p := c.check(); len(p) > 0 {
		return p
	}
	return nil
}

func (c *Config) check() Problems {
	k := new(checker)
	if c.Hostname != "" && !labelRE.MatchString(c.Hostname) {
		k.bad("hostname: %q is not a host name without domain (small letters, digits, hyphens)", c.Hostname)
	}
	k.line("site", c.Site, 200)
	k.names("names", c.Names)
	if c.TimeZone != "" && !ValidZone(c.TimeZone) {
		k.bad("time_zone: %q is not one, such as Europe/Berlin", c.TimeZone)
	}
	for _, s := range c.NTP {
		if !isHost(s) {
			k.bad("ntp: %q is not a host", s)
		}
	}
	k.disks(c)
	k.administrator(&c.Administrator)
	k.tls(c)
	k.network(c.Network)
	for i, key := range c.SSH.AuthorizedKeys {
		if len(key) > 8192 || !sshKeyRE.MatchString(key) {
			k.bad("ssh.authorized_keys: number %d is not a public key (type, key, comment; no options)", i+1)
		}
	}
	k.backup(&c.Backup)
	k.notify(&c.Notify)
	k.settings(c)
	return k.problems
}

// ValidZone tells whether a time zone exists.
func ValidZone(name string) bool {
	if !zoneRE.MatchString(name) || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func (k *checker) names(what string, names []string) {
	if len(names) > 50 {
		k.bad("%s: more than 50", what)
		return
	}
	for _, n := range names {
		if !isName(n) {
			k.bad("%s: %q is not a DNS name (small letters, digits, hyphens, dots)", what, n)
		}
	}
}

func isName(s string) bool {
	if len(s) > 253 || s == "" {
		return false
	}
	for l := range strings.SplitSeq(s, ".") {
		if !labelRE.MatchString(l) {
			return false
		}
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil && !strings.Contains(s, "%") || isName(s)
}

func (k *checker) disks(c *Config) {
	for _, d := range c.Disk {
		if !diskRE.MatchString(d) {
			k.bad("disk: %q is neither use-blank nor a serial number or device name", d)
		}
	}
	if slices.Contains(c.Disk, UseBlank) && len(c.Disk) > 1 {
		k.bad("disk: use-blank stands alone")
	}
	if c.EraseDisk && (len(c.Disk) == 0 || slices.Contains(c.Disk, UseBlank)) {
		k.bad("erase_disk: is for disks given by name")
	}
}

func (k *checker) administrator(a *Administrator) {
	k.email("administrator.email", a.Email)
	if (a.AccessKeyID == "") != (a.SecretAccessKey == "") && a.SecretAccessKey != "" {
		k.bad("administrator: secret_access_key needs access_key_id")
	}
	if a.AccessKeyID != "" && !keyIDRE.MatchString(a.AccessKeyID) {
		k.bad("administrator.access_key_id: want 16 to 128 letters and digits")
	}
	if s := a.SecretAccessKey; s != "" && (len(s) < 16 || len(s) > 128) {
		k.bad("administrator.secret_access_key: want 16 to 128 characters")
	}
	k.line("administrator.secret_access_key", a.SecretAccessKey, 128)
}

func (k *checker) email(what, v string) {
	if v == "" {
		return
	}
	a, err := mail.ParseAddress(v)
	if err != nil || a.Address != v || len(v) > 254 {
		k.bad("%s: %q is not an e-mail address", what, v)
	}
	k.line(what, v, 254)
}

func (k *checker) tls(c *Config) {
	t := &c.TLS
	only := func(mode string, set map[string]string) {
		for _, name := range sortedKeys(set) {
			if set[name] != "" && t.mode() != mode {
				k.bad("tls.%s: is for mode %s", name, mode)
			}
		}
	}
	only("acme", map[string]string{"directory": t.Directory, "roots": t.Roots, "eab_key_id": t.EABKeyID, "eab_key": t.EABKey})
	only("files", map[string]string{"certificate": t.Certificate, "key": t.Key})
	switch t.mode() {
	case "internal":
	case "acme":
		k.acme(c)
	case "files":
		if _, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key)); err != nil {
			k.bad("tls: certificate and key do not make a pair: %v", err)
		}
	default:
		k.bad("tls.mode: %q is none of internal, acme, files", t.Mode)
	}
}

func (k *checker) acme(c *Config) {
	if len(c.Names) == 0 {
		k.bad("names: tls.mode acme needs at least one")
	}
	for _, n := range c.Names {
		if !strings.Contains(n, ".") {
			k.bad("names: no public authority certifies %q", n)
		}
	}
	k.https("tls.directory", c.TLS.Directory)
	k.pem("tls.roots", c.TLS.Roots)
	if (c.TLS.EABKeyID == "") != (c.TLS.EABKey == "") {
		k.bad("tls: eab_key_id and eab_key go together")
	}
	k.line("tls.eab_key_id", c.TLS.EABKeyID, 512)
	if _, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(c.TLS.EABKey, "=")); err != nil {
		k.bad("tls.eab_key: is not base64url")
	}
}

func (k *checker) pem(what, text string) {
	if text != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(text)) {
		k.bad("%s: has no certificate", what)
	}
}

func (k *checker) https(what, v string) {
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		k.bad("%s: is not an https:// URL without password", what)
	}
	k.line(what, v, 2048)
}

func (k *checker) network(list []Interface) {
	if len(list) > 32 {
		k.bad("network: more than 32 interfaces")
		return
	}
	for i := range list {
		k.networkInterface(fmt.Sprintf("network: interface %d: ", i+1), &list[i])
	}
}

func (k *checker) networkInterface(where string, n *Interface) {
	if (n.Name == "") == (n.MAC == "") {
		k.bad("%swant either name or mac", where)
	}
	if n.Name != "" && !interfaceRE.MatchString(n.Name) {
		k.bad("%sname %q", where, n.Name)
	}
	if hw, err := net.ParseMAC(n.MAC); n.MAC != "" && (err != nil || len(hw) != 6) {
		k.bad("%smac %q", where, n.MAC)
	}
	for _, a := range n.Addresses {
		if p, err := netip.ParsePrefix(a); err != nil || p.Addr().Zone() != "" {
			k.bad("%saddress %q is not one with prefix length, such as 192.0.2.7/24", where, a)
		}
	}
	for what, list := range map[string]Names{"gateway": n.Gateways, "name server": n.DNS} {
		for _, a := range list {
			if ip, err := netip.ParseAddr(a); err != nil || ip.Zone() != "" {
				k.bad("%s%s %q is not an address", where, what, a)
			}
		}
	}
	k.names(where+"search", n.Search)
	if n.DHCP != nil && !*n.DHCP && len(n.Addresses) == 0 {
		k.bad("%sneither DHCP nor an address", where)
	}
}
