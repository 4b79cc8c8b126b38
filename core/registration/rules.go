package registration

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mucura/mucura/core/catalog"
)

// Rule approves applicants at once. It is written as KIND:VALUE, and perhaps
// what those it approves are given:
//
//	dn:OU=People,DC=lab,DC=example     a certificate whose subject ends so (RFC 2253)
//	ca:CN=Lab CA,DC=lab,DC=example     a certificate of this issuing CA
//	vo:vo.example.org                  a proxy with attributes of this VO
//	group:/vo.example.org/users        this group, or one below it
//	email:lab.example                  a vouched-for address in this domain
//	oidc:https://login.lab.example     whoever signs in there
//	claim:https://login.lab.example affiliation=staff@lab.example
//	invitation:                        an invitation
//	all:                               everybody who proves who she is
//
// and behind it, each after a space: quota=10GiB cap=100GiB member=GROUP.
type Rule struct {
	Kind, Value string
	// Claim and Want are of kind claim.
	Claim, Want string
	Quota, Cap  *int64
	Groups      []string
}

var ruleKinds = []string{"dn", "ca", "vo", "group", "email", "oidc", "claim", "invitation", "all"}

// ParseRule reads a rule; size reads a number of bytes.
func ParseRule(text string, size func(string) (int64, error)) (r Rule, err error) {
	kind, rest, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok || !slices.Contains(ruleKinds, kind) {
		return r, fmt.Errorf("rule %q begins with none of %s and a colon", text, strings.Join(ruleKinds, ", "))
	}
	r.Kind = kind
	if r.Value, err = r.options(rest, size); err != nil {
		return r, fmt.Errorf("rule %q: %w", text, err)
	}
	switch {
	case kind == "claim":
		issuer, claim, _ := strings.Cut(r.Value, " ")
		name, want, found := strings.Cut(strings.TrimSpace(claim), "=")
		if !found || name == "" || want == "" || issuer == "" {
			return r, fmt.Errorf("rule %q is not claim:ISSUER NAME=VALUE", text)
		}
		r.Value, r.Claim, r.Want = issuer, name, want
	case kind == "invitation" || kind == "all":
		if r.Value != "" {
			return r, fmt.Errorf("rule %q: %s takes no value", text, kind)
		}
	case r.Value == "":
		return r, fmt.Errorf("rule %q has no value", text)
	}
	return r, nil
}

// options takes what a rule gives from its end, and returns what is before.
func (r *Rule) options(text string, size func(string) (int64, error)) (string, error) {
	for {
		text = strings.TrimSpace(text)
		i := strings.LastIndexByte(text, ' ')
		name, value, ok := strings.Cut(text[i+1:], "=")
		if !ok {
			return text, nil
		}
		switch name {
		case "quota", "cap":
			n, err := size(value)
			if err != nil {
				return "", err
			}
			if n < -1 {
				return "", errors.New("give -1 for no limit, else 0 or more")
			}
			if name == "quota" {
				r.Quota = &n
			} else {
				r.Cap = &n
			}
		case "member":
			r.Groups = append(r.Groups, value)
		default:
			return text, nil
		}
		text = text[:max(i, 0)]
	}
}

func (r *Rule) String() string {
	if r.Kind == "claim" {
		return "claim:" + r.Value + " " + r.Claim + "=" + r.Want
	}
	return r.Kind + ":" + r.Value
}

// approves tells whether the rule approves an applicant.
func (r *Rule) approves(a *Applicant) bool {
	cert, web := a.Subject.Kind == catalog.SubjectCertificate, a.Subject.Kind == catalog.SubjectOIDC
	switch r.Kind {
	case "dn":
		return cert && (a.Subject.Name == r.Value || strings.HasSuffix(a.Subject.Name, ","+r.Value))
	case "ca":
		return cert && a.Subject.Issuer == r.Value
	case "vo":
		return cert && a.VO != "" && a.VO == r.Value
	case "group":
		return slices.ContainsFunc(a.Groups, func(g string) bool { return within(g, r.Value) })
	case "email":
		_, domain, ok := strings.Cut(strings.ToLower(a.Email), "@")
		return ok && domain == strings.ToLower(r.Value)
	case "oidc":
		return web && a.Subject.Issuer == r.Value
	case "claim":
		return web && a.Subject.Issuer == r.Value && has(a.Claims[r.Claim], r.Want)
	case "invitation":
		return a.Invitation != nil
	case "all":
		return cert || web
	}
	return false
}

// within tells whether group is of, or is below it: /vo/users/Role=x is within
// /vo/users, and /vo/usersb is not.
func within(group, of string) bool {
	return group == of || strings.HasPrefix(group, strings.TrimSuffix(of, "/")+"/")
}

// has tells whether a claim is, or lists, a value.
func has(claim any, want string) bool {
	switch v := claim.(type) {
	case string:
		return v == want
	case bool:
		return fmt.Sprint(v) == want
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return has(one, want) })
	}
	return false
}
