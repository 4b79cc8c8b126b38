package access

import (
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// GrantHeader is a header that grants one permission.
type GrantHeader struct {
	Header     string // canonical form
	Permission catalog.Permission
}

// GrantHeaders are the headers with explicit grants
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html).
func GrantHeaders() [5]GrantHeader {
	return [5]GrantHeader{
		{"X-Amz-Grant-Full-Control", catalog.PermFullControl},
		{"X-Amz-Grant-Read", catalog.PermRead},
		{"X-Amz-Grant-Read-Acp", catalog.PermReadACP},
		{"X-Amz-Grant-Write", catalog.PermWrite},
		{"X-Amz-Grant-Write-Acp", catalog.PermWriteACP},
	}
}

// Grantee is who a grant names, before anyone has looked whether there is such
// an account. Exactly one field is set.
type Grantee struct {
	CanonicalID string
	URI         string // one of the groups of package catalog
	Email       string
}

// ParseGrantHeader reads the value of an x-amz-grant-… header: a list such as
// id="…", uri="…", emailAddress="…", quotes optional. The error is
// s3err.InvalidArgument with the header's name and value.
func ParseGrantHeader(name, value string) ([]Grantee, error) {
	bad := func(text string) error {
		e := &s3err.Error{Code: s3err.InvalidArgument, Text: text}
		return e.Field("ArgumentName", strings.ToLower(name)).Field("ArgumentValue", value)
	}
	var out []Grantee
	for rest := value; ; {
		kind, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, bad("Argument format not recognized")
		}
		who, next, more, ok := grantValue(after)
		if !ok {
			return nil, bad("Argument format not recognized")
		}
		g, text := newGrantee(strings.TrimSpace(kind), who)
		if text != "" {
			return nil, bad(text)
		}
		if out = append(out, g); len(out) > MaxGrants {
			return nil, bad("Too many grants")
		}
		if !more {
			return out, nil
		}
		rest = next
	}
}

// grantValue reads a quoted or bare value and the comma after it, if any.
func grantValue(s string) (v, rest string, more, ok bool) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, `"`) {
		v, rest, more = strings.Cut(s, ",")
		v = strings.TrimSpace(v)
		return v, rest, more, v != ""
	}
	v, rest, ok = strings.Cut(s[1:], `"`)
	rest = strings.TrimSpace(rest)
	if !ok || v == "" {
		return "", "", false, false
	}
	if rest == "" {
		return v, "", false, true
	}
	rest, more = strings.CutPrefix(rest, ",")
	return v, rest, more, more
}

func newGrantee(kind, who string) (Grantee, string) {
	switch strings.ToLower(kind) {
	case "id":
		return Grantee{CanonicalID: who}, ""
	case "emailaddress":
		return Grantee{Email: who}, ""
	case "uri":
		if !ValidGroup(who) {
			return Grantee{}, "Invalid group uri"
		}
		return Grantee{URI: who}, ""
	}
	return Grantee{}, "Argument format not recognized"
}

// ValidGroup tells whether a URI is one of S3's predefined groups.
func ValidGroup(uri string) bool { return publicGroup(uri) || uri == catalog.LogDelivery }

// ValidPermission tells whether an ACL may grant p.
func ValidPermission(p catalog.Permission) bool {
	switch p {
	case catalog.PermRead, catalog.PermWrite, catalog.PermReadACP, catalog.PermWriteACP, catalog.PermFullControl:
		return true
	}
	return false
}
