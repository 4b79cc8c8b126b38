package registration

import (
	"crypto/x509"
	"errors"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
)

// The errors of applicants.
var (
	// ErrLimited: a limited proxy uses storage and nothing else (GRID: "must not
	// register").
	ErrLimited = errors.New("a limited proxy cannot register: use a full proxy or the certificate itself")
	// ErrForm is wrapped by errors that say what is wrong with what was filled in.
	ErrForm = errors.New("form")
)

// FromChain is the applicant of a verified certificate or proxy chain.
func FromChain(res *gridproxy.Result) (*Applicant, error) {
	if res.Limited {
		return nil, ErrLimited
	}
	a := &Applicant{
		Subject: catalog.Subject{Kind: catalog.SubjectCertificate, Name: res.Identity, Issuer: res.Issuer},
		Groups:  res.FQANs, VO: res.VO,
	}
	if res.EEC != nil {
		a.Email = mailOf(res.EEC)
		a.DisplayName = personOf(res.EEC.Subject.CommonName)
	}
	a.Name = Suggest(a.Email, a.DisplayName)
	return a, nil
}

// mailOf is the address a CA vouches for.
func mailOf(c *x509.Certificate) string {
	if len(c.EmailAddresses) > 0 {
		return c.EmailAddresses[0]
	}
	return ""
}

// personOf drops the number that CAs put behind a name to make it unique.
func personOf(cn string) string {
	words := strings.Fields(cn)
	for len(words) > 1 && strings.Trim(words[len(words)-1], "0123456789") == "" {
		words = words[:len(words)-1]
	}
	for len(words) > 1 && strings.Trim(words[0], "0123456789") == "" {
		words = words[1:]
	}
	return strings.Join(words, " ")
}

// FromLogin is the applicant of a sign-in. An address counts only if the issuer
// says that it is verified.
func FromLogin(l *Login) *Applicant {
	a := &Applicant{
		Subject: catalog.Subject{Kind: catalog.SubjectOIDC, Name: l.Subject, Issuer: l.Issuer},
		Groups:  l.Groups, Claims: l.Claims, DisplayName: l.Name,
	}
	if l.EmailVerified {
		a.Email = l.Email
	}
	if a.Name = clean(l.UserName); a.Name == "" {
		a.Name = Suggest(a.Email, l.Name)
	}
	return a
}

// FromInvitation is the applicant who brings an invitation and chooses a password.
func FromInvitation(in *catalog.Invitation) *Applicant {
	return &Applicant{Subject: catalog.Subject{Kind: catalog.SubjectPassword}, Invitation: in}
}

// Suggest is an account name after an address or a person's name.
func Suggest(email, person string) string {
	local, _, _ := strings.Cut(email, "@")
	if n := clean(local); n != "" {
		return n
	}
	return clean(strings.Join(strings.Fields(strings.ToLower(person)), "."))
}

// clean leaves of a text what an account name may hold.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, s)
	s = strings.TrimLeft(s, ".-_")
	return s[:min(len(s), 64)]
}
