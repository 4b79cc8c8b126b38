package config

import (
	"net/netip"
	"slices"
	"time"
)

// finishIdentity judges the settings of the authentication server and of accounts.
func (c *Config) finishIdentity(bad func(string, ...any)) {
	switch c.AuthTerminator {
	case "":
		if len(c.AuthTerminatorFrom) > 0 {
			bad("auth-terminator-from: needs auth-terminator")
		}
	case "alb-event":
		if len(c.AuthTerminatorFrom) > 0 {
			bad("auth-terminator-from: an event comes from no network")
		}
	case "alb", "envoy":
		if len(c.AuthTerminatorFrom) == 0 {
			bad("auth-terminator: needs auth-terminator-from, or anybody could name any certificate")
		}
	default:
		bad("auth-terminator: %q is none of alb, alb-event, envoy", c.AuthTerminator)
	}
	if _, err := c.TerminatorFrom(); err != nil {
		bad("auth-terminator-from: %v", err)
	}
	for name, networks := range map[string]func() ([]netip.Prefix, error){"proxy-protocol-from": c.ProxyFrom, "forwarded-from": c.Forwarders} {
		from, err := networks()
		if err != nil {
			bad("%s: %v", name, err)
		}
		for _, n := range from {
			if n.Bits() == 0 {
				bad("%s: %s is everybody, who could then choose his address", name, n)
			}
		}
	}
	if (c.AuthListen != "" || len(c.AuthHosts) > 0) && c.TLS == "off" && c.AuthTerminator == "" && !c.Debug {
		bad("auth-listen and auth-host: need TLS (tls), or a terminator (auth-terminator)")
	}
	for _, host := range c.AuthHosts { // they need a certificate, too
		if (c.TLS == "internal" || c.TLS == "acme") && !slices.Contains(c.TLSNames, host) {
			c.TLSNames = append(c.TLSNames, host)
		}
	}
	c.finishTrust(bad)
	if c.SessionMax < 15*time.Minute || c.SessionMax > 7*24*time.Hour {
		bad("session-max: must be between 15 minutes and 7 days")
	}
	if c.TrustReload < time.Minute {
		bad("trust-reload: must be at least a minute")
	}
	if c.DefaultQuota < -1 || c.DefaultQuotaCap < -1 {
		bad("default-quota and default-quota-cap: give -1 for no limit, else 0 or more")
	}
	if c.AuditKeep < 24*time.Hour {
		bad("audit-keep: must be at least a day")
	}
}

// TerminatorFrom is the networks the terminator connects from.
func (c *Config) TerminatorFrom() ([]netip.Prefix, error) { return networks(c.AuthTerminatorFrom) }

// ProxyFrom is the networks of the balancers that name clients.
func (c *Config) ProxyFrom() ([]netip.Prefix, error) { return networks(c.ProxyProtocolFrom) }

// Forwarders is the networks of the HTTPS proxies that name clients.
func (c *Config) Forwarders() ([]netip.Prefix, error) { return networks(c.ForwardedFrom) }

func networks(list List) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, aerr := netip.ParseAddr(s)
			if aerr != nil {
				return nil, err
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
