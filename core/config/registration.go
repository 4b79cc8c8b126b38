package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// OIDCIssuer is an OpenID Connect issuer as oidc-issuer names it.
type OIDCIssuer struct {
	URL, Name, ClientID, SecretFile string
	// Secret is from oidc-secret, and has no file then.
	Secret                    string
	Audiences, Groups, Scopes []string
	AnyAudience               bool
}

// Issuers reads oidc-issuer.
func (c *Config) Issuers() (list []OIDCIssuer, err error) {
	for _, line := range c.OIDCIssuers {
		words := strings.Fields(line)
		i := OIDCIssuer{URL: words[0]}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			switch name {
			case "client-id":
				i.ClientID = value
			case "secret-file":
				i.SecretFile = value
			case "name":
				i.Name = strings.ReplaceAll(value, "_", " ")
			case "audience":
				i.Audiences = append(i.Audiences, value)
			case "groups":
				i.Groups = append(i.Groups, value)
			case "scope":
				i.Scopes = append(i.Scopes, value)
			case "any-audience":
				i.AnyAudience = true
			default:
				return nil, fmt.Errorf("%q: %q is unknown", words[0], w)
			}
		}
		if i.ClientID == "" && len(i.Audiences) == 0 && !i.AnyAudience {
			return nil, fmt.Errorf("%q: give client-id, audience or any-audience, or no token of it counts", words[0])
		}
		list = append(list, i)
	}
	return list, c.issuerSecrets(list)
}

// issuerSecrets gives issuers their secrets of oidc-secret, once it is no reference.
// Errors do not tell them.
func (c *Config) issuerSecrets(list []OIDCIssuer) error {
	if c.OIDCSecret == "" || IsReference(c.OIDCSecret) {
		return nil
	}
	for entry := range strings.SplitSeq(strings.ReplaceAll(c.OIDCSecret, "\n", ";"), ";") {
		words := strings.Fields(entry)
		at := -1
		switch len(words) {
		case 0:
			continue
		case 1:
			if len(list) == 1 {
				at = 0
			}
		case 2:
			at = slices.IndexFunc(list, func(i OIDCIssuer) bool { return i.URL == words[0] })
		}
		if at < 0 {
			return errors.New("oidc-secret is neither the secret of the only issuer nor a list of URL SECRET of issuers that oidc-issuer names")
		}
		i := &list[at]
		if i.Secret != "" || i.SecretFile != "" || i.ClientID == "" {
			return fmt.Errorf("%q: has a secret already, or no client-id to go with one", i.URL)
		}
		i.Secret = words[len(words)-1]
	}
	return nil
}

// finishRegistration judges the settings of registration and fills in URLs.
func (c *Config) finishRegistration(bad func(string, ...any)) {
	if _, err := c.Issuers(); err != nil {
		bad("oidc-issuer: %v", err)
	}
	if (c.SMTPServer == "") != (c.SMTPFrom == "") {
		bad("smtp-server and smtp-from go together")
	}
	scheme := "http"
	if c.TLS != "off" {
		scheme = "https"
	}
	if c.WebListen != "off" {
		setDefault(&c.WebURL, scheme+"://"+c.reached(c.WebListen))
	}
	setDefault(&c.Endpoint, scheme+"://"+c.reached(c.Listen))
	switch {
	case c.AuthURL != "":
	case c.AuthListen != "":
		c.AuthURL = scheme + "://" + c.reached(c.AuthListen)
	case len(c.AuthHosts) > 0:
		_, port, _ := net.SplitHostPort(c.Listen)
		c.AuthURL = scheme + "://" + withPort(c.AuthHosts[0], port)
	}
	for name, u := range map[string]string{"web-url": c.WebURL, "auth-url": c.AuthURL, "endpoint": c.Endpoint} {
		if p, err := url.Parse(u); u != "" && (err != nil || p.Host == "" || strings.HasSuffix(u, "/") || p.RawQuery != "") {
			bad("%s: %q is not a URL such as https://files.lab.example", name, u)
		}
	}
}

// reached is the address by which a listener is reached, as far as one can tell.
func (c *Config) reached(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
		if len(c.TLSNames) > 0 {
			host = c.TLSNames[0]
		}
	}
	return withPort(host, port)
}

func withPort(host, port string) string {
	if port == "443" || port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}
