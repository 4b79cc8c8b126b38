package access

import (
	"errors"
	"reflect"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func TestCannedACL(t *testing.T) {
	full := grant("w", "", catalog.PermFullControl)
	for _, tc := range []struct {
		name, owner, bucketOwner string
		want                     *catalog.ACL
	}{
		{"private", "w", "o", nil},
		{"aws-exec-read", "w", "o", nil},
		{"public-read", "w", "o", acl(grant("", catalog.AllUsers, catalog.PermRead), full)},
		{"public-read-write", "w", "o", acl(grant("", catalog.AllUsers, catalog.PermRead), grant("", catalog.AllUsers, catalog.PermWrite), full)},
		{"authenticated-read", "w", "o", acl(grant("", catalog.AuthenticatedUsers, catalog.PermRead), full)},
		{"log-delivery-write", "w", "w", acl(grant("", catalog.LogDelivery, catalog.PermWrite), grant("", catalog.LogDelivery, catalog.PermReadACP), full)},
		{"bucket-owner-read", "w", "o", acl(full, grant("o", "", catalog.PermRead))},
		{"bucket-owner-full-control", "w", "o", acl(full, grant("o", "", catalog.PermFullControl))},
		{"bucket-owner-read", "w", "w", nil},
		{"bucket-owner-full-control", "w", "w", nil},
	} {
		got, err := CannedACL(tc.name, tc.owner, tc.bucketOwner)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v", tc.name, got, err)
		}
	}
	for _, name := range []string{"", "Private", "public"} {
		if _, err := CannedACL(name, "w", "o"); !errors.Is(err, s3err.InvalidArgument) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestParseGrantHeader(t *testing.T) {
	for _, tc := range []struct {
		value string
		want  []Grantee
	}{
		{`id=abc`, []Grantee{{CanonicalID: "abc"}}},
		{`id="abc"`, []Grantee{{CanonicalID: "abc"}}},
		{` id = "a" , emailAddress="x@example.org",uri="` + catalog.AllUsers + `"`,
			[]Grantee{{CanonicalID: "a"}, {Email: "x@example.org"}, {URI: catalog.AllUsers}}},
		{`emailaddress="a,b=c"`, []Grantee{{Email: "a,b=c"}}},
		{`uri=` + catalog.LogDelivery + `, id=b`, []Grantee{{URI: catalog.LogDelivery}, {CanonicalID: "b"}}},
	} {
		got, err := ParseGrantHeader("X-Amz-Grant-Read", tc.value)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v", tc.value, got, err)
		}
	}
	for _, value := range []string{"", "abc", "id=", `id="abc`, `id="a"b`, `id="a",`, "id=a,", "name=x", "uri=http://example.org", "=x", `id=""`} {
		_, err := ParseGrantHeader("X-Amz-Grant-Read", value)
		var e *s3err.Error
		if !errors.As(err, &e) || !errors.Is(err, s3err.InvalidArgument) {
			t.Errorf("%q: got %v", value, err)
			continue
		}
		if e.Fields[0] != [2]string{"ArgumentName", "x-amz-grant-read"} || e.Fields[1][1] != value {
			t.Errorf("%q: fields %v", value, e.Fields)
		}
	}
}

func TestGrantHeaders(t *testing.T) {
	for _, h := range GrantHeaders() {
		if !ValidPermission(h.Permission) {
			t.Errorf("%v", h)
		}
	}
	if ValidPermission("read") || ValidPermission("") {
		t.Error("a wrong permission is valid")
	}
}

func TestOwnershipChecks(t *testing.T) {
	public := acl(grant("", catalog.AllUsers, catalog.PermRead))
	own := acl(grant("owner", "", catalog.PermFullControl))
	other := acl(grant("owner", "", catalog.PermFullControl), grant("other", "", catalog.PermRead))
	blocked := &catalog.PublicAccessBlock{BlockPublicACLs: true}
	for _, tc := range []struct {
		name                string
		ownership           catalog.Ownership
		block               *catalog.PublicAccessBlock
		canned              string
		acl                 *catalog.ACL
		upload, set, create error
	}{
		{"enforced, private", catalog.BucketOwnerEnforced, nil, "private", nil,
			s3err.AccessControlListNotSupported, s3err.AccessControlListNotSupported, nil},
		{"enforced, full control", catalog.BucketOwnerEnforced, nil, BucketOwnerFullControl, nil,
			nil, s3err.AccessControlListNotSupported, nil},
		{"enforced, full control as grant", catalog.BucketOwnerEnforced, nil, "", own,
			nil, s3err.AccessControlListNotSupported, nil},
		{"enforced, public", catalog.BucketOwnerEnforced, nil, "public-read", public,
			s3err.AccessControlListNotSupported, s3err.AccessControlListNotSupported, s3err.InvalidBucketACLWithOwnership},
		{"enforced, other", catalog.BucketOwnerEnforced, nil, "", other,
			s3err.AccessControlListNotSupported, s3err.AccessControlListNotSupported, s3err.InvalidBucketACLWithOwnership},
		{"not configured, public", "", nil, "public-read", public,
			s3err.AccessControlListNotSupported, s3err.AccessControlListNotSupported, s3err.InvalidBucketACLWithOwnership},
		{"writer, public", catalog.ObjectWriter, nil, "public-read", public, nil, nil, nil},
		{"writer, private", catalog.ObjectWriter, blocked, "private", nil, nil, nil, nil},
		{"writer, other", catalog.ObjectWriter, blocked, "", other, nil, nil, nil},
		{"preferred, public blocked", catalog.BucketOwnerPreferred, blocked, "public-read", public,
			s3err.AccessDenied, s3err.AccessDenied, s3err.AccessDenied},
	} {
		b := &catalog.Bucket{Name: "b", Owner: "owner", Ownership: tc.ownership, Block: tc.block}
		for what, got := range map[string][2]error{
			"upload": {(Site{}).CheckUploadACL(b, tc.canned, tc.acl), tc.upload},
			"set":    {(Site{}).CheckSetACL(b, tc.acl), tc.set},
			"create": {(Site{}).CheckCreateACL(b, tc.acl), tc.create},
		} {
			if !errors.Is(got[0], got[1]) {
				t.Errorf("%s, %s: got %v, want %v", tc.name, what, got[0], got[1])
			}
		}
	}
}

func TestNewOwner(t *testing.T) {
	for _, tc := range []struct {
		ownership         catalog.Ownership
		who, canned, want string
	}{
		{catalog.BucketOwnerEnforced, "w", "", "owner"},
		{"", "w", "", "owner"},
		{catalog.ObjectWriter, "w", "", "w"},
		{catalog.ObjectWriter, "w", BucketOwnerFullControl, "w"},
		{catalog.ObjectWriter, "", "", "owner"},
		{catalog.BucketOwnerPreferred, "w", "", "w"},
		{catalog.BucketOwnerPreferred, "w", BucketOwnerFullControl, "owner"},
		{catalog.BucketOwnerPreferred, "", "", "owner"},
	} {
		b := &catalog.Bucket{Owner: "owner", Ownership: tc.ownership}
		if got := (Site{}).NewOwner(b, principal(tc.who), tc.canned); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}
