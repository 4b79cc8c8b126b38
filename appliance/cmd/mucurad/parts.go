package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/oidc"
	"github.com/mucura/mucura/adapters/smtp"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
)

// newParts makes what people are known by, as the settings say.
func newParts(c *config.Config) (p app.Parts, err error) {
	if c.SMTPServer != "" {
		p.Mailer = &smtp.Mailer{Server: c.SMTPServer, From: c.SMTPFrom, User: c.SMTPUser, Password: c.SMTPPassword, Now: time.Now}
	}
	given, err := c.Issuers()
	if err != nil || len(given) == 0 {
		return p, err
	}
	var list []oidc.Issuer
	for _, g := range given {
		i := oidc.Issuer{
			URL: g.URL, Name: g.Name, ClientID: g.ClientID, Audiences: g.Audiences, AnyAudience: g.AnyAudience,
			GroupsClaims: g.Groups, Scopes: g.Scopes, ClientSecret: g.Secret,
		}
		if g.SecretFile != "" {
			secret, err := os.ReadFile(g.SecretFile)
			if err != nil {
				return p, fmt.Errorf("secret of %s: %w", g.URL, err)
			}
			i.ClientSecret = strings.TrimSpace(string(secret))
		}
		list = append(list, i)
	}
	p.OIDC, err = oidc.New(list, time.Now, nil)
	return p, err
}
