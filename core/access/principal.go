package access

import (
	"encoding/json"
	"strings"

	"github.com/mucura/mucura/core/catalog"
)

// PrincipalRef is an account that a policy names.
type PrincipalRef struct {
	// Name is what should be the account's ID, canonical ID or name, or the ID
	// of one of its access keys.
	Name string
	// Canonical: Name stands under CanonicalUser and can only be a canonical ID.
	Canonical bool
	// Root: the policy says arn:aws:iam::NAME:root, which S3 users write with the
	// number of an AWS account. A name that is unknown here does no harm.
	Root bool
}

// who is one element of Principal or NotPrincipal.
type who struct {
	everyone bool
	never    bool // services and federations: nobody here
	ref      PrincipalRef
	account  string // of arn:aws:iam::ACCOUNT:user/NAME, "" when left out
}

// parsePrincipal reads the value of Principal: "*", {"AWS": …},
// {"CanonicalUser": …}, {"Service": …}, {"Federated": …}. Beyond S3, a bare
// name or list of names means the same as under "AWS".
func parsePrincipal(raw json.RawMessage) ([]who, bool) {
	if names, ok := stringList(raw); ok {
		return awsPrincipals(names)
	}
	fields, err := objectFields(raw)
	if err != nil || len(fields) == 0 {
		return nil, false
	}
	var out []who
	for _, f := range fields {
		names, ok := stringList(f.value)
		if !ok || len(names) == 0 {
			return nil, false
		}
		more, ok := typedPrincipals(f.name, names)
		if !ok {
			return nil, false
		}
		out = append(out, more...)
	}
	return out, true
}

func typedPrincipals(kind string, names []string) ([]who, bool) {
	switch kind {
	case "AWS":
		return awsPrincipals(names)
	case "CanonicalUser":
		var out []who
		for _, n := range names {
			if n == "" {
				return nil, false
			}
			out = append(out, who{ref: PrincipalRef{Name: n, Canonical: true}})
		}
		return out, true
	case "Service", "Federated":
		return []who{{never: true}}, true
	}
	return nil, false
}

// awsPrincipals reads names as S3 reads them under "AWS". "*" stands alone.
func awsPrincipals(names []string) ([]who, bool) {
	if len(names) == 1 && names[0] == "*" {
		return []who{{everyone: true}}, true
	}
	var out []who
	for _, n := range names {
		w, ok := awsPrincipal(n)
		if !ok {
			return nil, false
		}
		out = append(out, w)
	}
	return out, len(out) > 0
}

func awsPrincipal(s string) (who, bool) {
	if s == "" || strings.ContainsAny(s, "*?") {
		return who{}, false
	}
	if !strings.HasPrefix(s, "arn:") {
		return who{ref: PrincipalRef{Name: s}}, true
	}
	f := strings.SplitN(s, ":", 6)
	if len(f) != 6 || !strings.HasPrefix(f[1], "aws") || f[3] != "" {
		return who{}, false
	}
	switch kind, rest, _ := strings.Cut(f[5], "/"); {
	case f[2] == "iam" && f[5] == "root" && f[4] != "":
		return who{ref: PrincipalRef{Name: f[4], Root: true}}, true
	case f[2] == "iam" && kind == "user" && rest != "" && !strings.HasSuffix(rest, "/"):
		return who{ref: PrincipalRef{Name: rest[strings.LastIndexByte(rest, '/')+1:]}, account: f[4]}, true
	case (f[2] == "iam" && kind == "role" || f[2] == "sts") && rest != "":
		return who{never: true}, true // no roles here
	}
	return who{}, false
}

// matches tells whether the element means the principal. ids are those of the names
// of [catalog.Bucket.PolicyNames].
func (w *who) matches(p *catalog.Principal, ids map[string]string) bool {
	switch {
	case w.everyone:
		return true
	case w.never || p.Anonymous():
		return false
	case w.ref.Canonical:
		return w.ref.Name == p.Account.CanonicalID
	case w.account != "" && !names(p.Account, w.account, ids):
		return false
	}
	return names(p.Account, w.ref.Name, ids) || !w.ref.Root && isKey(p, w.ref.Name)
}

// isKey tells whether the request is signed with an access key, or with a session
// that was made with it: what a policy denies a key, its sessions may not do either.
func isKey(p *catalog.Principal, id string) bool {
	return id == p.AccessKeyID || p.Session != nil && id == p.Session.Key && id != ""
}

// names tells whether s is the ID, the canonical ID or the name of the account. A
// name is that of whoever had it when the policy was set (S3 keeps an ID in its place,
// too): somebody who takes it later, when its owner is gone, is another.
func names(a *catalog.Account, s string, ids map[string]string) bool {
	switch {
	case s == "":
		return false
	case s == a.ID || s == a.CanonicalID:
		return true
	case looksMade(s):
		return false
	}
	if id, ok := ids[s]; ok {
		return id == a.ID
	}
	return s == a.Name
}

// looksMade tells whether s could be an ID that was made for somebody: 24 or
// more hexadecimal digits, an access key ID's 20 capitals and digits, or the 12
// digits of an AWS account, which policies that come from there name and nobody here
// has. People choose their names, so one that is another's ID must not count as that
// ID.
func looksMade(s string) bool {
	return len(s) >= 24 && strings.Trim(s, "0123456789abcdef") == "" ||
		len(s) == 12 && strings.Trim(s, "0123456789") == "" ||
		len(s) == 20 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func matchesAny(list []who, p *catalog.Principal, ids map[string]string) bool {
	for i := range list {
		if list[i].matches(p, ids) {
			return true
		}
	}
	return false
}

// arn is the principal's ARN, for aws:PrincipalArn and messages.
func arn(a *catalog.Account) string { return "arn:aws:iam::" + a.ID + ":user/" + a.Name }
