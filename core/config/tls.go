package config

import (
	"fmt"
	"slices"
)

// finishTLS fills what follows from other TLS settings and reports bad ones.
func (c *Config) finishTLS() (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if c.TLS == "" {
		c.TLS = "off"
		if c.TLSCert != "" {
			c.TLS = "files"
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("tls-cert and tls-key go together")
	}
	switch c.TLS {
	case "off", "internal":
	case "files":
		if c.TLSCert == "" {
			bad("tls: files needs tls-cert and tls-key")
		}
	case "acme":
		if len(c.TLSNames) == 0 {
			bad("tls: acme needs at least one tls-name")
		}
	default:
		bad("tls: %q is none of off, files, internal, acme", c.TLS)
	}
	if c.TLS != "files" && c.TLSCert != "" {
		bad("tls: %s does not go with tls-cert", c.TLS)
	}
	if c.TLS == "off" && c.HTTPListen != "" {
		bad("http-listen: is for TLS; without it the S3 endpoint is plain HTTP already")
	}
	if len(c.ACMEChallenges) == 0 {
		c.ACMEChallenges = List{"http-01", "tls-alpn-01"}
	}
	for _, kind := range c.ACMEChallenges {
		if kind != "http-01" && kind != "tls-alpn-01" {
			bad("acme-challenge: %q is none of http-01, tls-alpn-01", kind)
		}
	}
	if c.TLS == "acme" && c.HTTPListen == "" && !slices.Contains(c.ACMEChallenges, "tls-alpn-01") {
		bad("acme-challenge: http-01 needs http-listen")
	}
	if (c.ACMEEABKeyID == "") != (c.ACMEEABKeyFile == "") {
		bad("acme-eab-key-id and acme-eab-key-file go together")
	}
	if c.TLS == "internal" && c.HSTS == defaults().HSTS {
		// Who has not installed the authority yet must be able to click through.
		c.HSTS = 0
	}
	return problems
}
