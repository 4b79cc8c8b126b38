package access

import (
	"strings"
	"testing"

	"github.com/mucura/mucura/core/catalog"
)

func account(id string) *catalog.Account {
	return &catalog.Account{ID: id, Name: "name-" + id, CanonicalID: "canon-" + id, Role: catalog.Member, State: catalog.Active}
}

func principal(id string) *catalog.Principal {
	if id == "" {
		return &catalog.Principal{}
	}
	p := &catalog.Principal{Account: account(id), AccessKeyID: "KEY-" + id}
	if id == "op" {
		p.Account.Role = catalog.Operator
	}
	return p
}

func grant(account, group string, perm catalog.Permission) catalog.Grant {
	return catalog.Grant{Account: account, Group: group, Permission: perm}
}

func acl(grants ...catalog.Grant) *catalog.ACL { return &catalog.ACL{Grants: grants} }

// ask is a question in short: who wants what.
type ask struct {
	who, action, key string
	object           *catalog.Object
	want             bool
	reason           string // part of it
}

func (a ask) check(t *testing.T, s Site, b *catalog.Bucket) {
	t.Helper()
	d := s.Decide(Request{Principal: principal(a.who), Action: a.action, Bucket: b, Key: a.key, Object: a.object})
	if d.Allow != a.want || !strings.Contains(d.Reason, a.reason) || d.Reason == "" {
		t.Errorf("%q %s %s: got %+v, want %v because %q", a.who, a.action, a.key, d, a.want, a.reason)
	}
}

func TestPrivateBucket(t *testing.T) {
	b := &catalog.Bucket{Name: "b", Owner: "owner"}
	for _, s := range []Site{{}, {DefaultOwnership: catalog.ObjectWriter}, {BlockPublicAccess: true}} {
		for _, a := range actions {
			key := "k"
			if a.level&onObject == 0 {
				key = ""
			}
			ask{"owner", a.name, key, nil, true, "bucket"}.check(t, s, b)
			ask{"other", a.name, key, nil, false, "no grant"}.check(t, s, b)
			ask{"", a.name, key, nil, false, "no grant"}.check(t, s, b)
			ask{"op", a.name, key, nil, true, ""}.check(t, s, b)
		}
	}
}

func TestServiceActions(t *testing.T) {
	for _, a := range []ask{
		{"owner", "s3:ListAllMyBuckets", "", nil, true, "account"},
		{"owner", "s3:CreateBucket", "", nil, true, "account"},
		{"owner", "s3:PutAccountPublicAccessBlock", "", nil, false, "operator"},
		{"op", "s3:PutAccountPublicAccessBlock", "", nil, true, "operator"},
		{"", "s3:ListAllMyBuckets", "", nil, false, "anonymous"},
		{"", "s3:CreateBucket", "", nil, false, "anonymous"},
	} {
		a.check(t, Site{}, nil)
	}
	if d := (Site{}).Decide(Request{Action: "s3:CreateBucket"}); d.Allow {
		t.Error("no principal at all was allowed")
	}
}

func TestInactiveAccounts(t *testing.T) {
	for _, state := range []catalog.State{catalog.Requested, catalog.Suspended, catalog.Closing} {
		for _, id := range []string{"owner", "op"} {
			p := principal(id)
			p.Account.State = state
			b := &catalog.Bucket{Name: "b", Owner: "owner", ACL: acl(grant("", catalog.AllUsers, catalog.PermRead))}
			d := Site{DefaultOwnership: catalog.ObjectWriter}.Decide(Request{Principal: p, Action: "s3:ListBucket", Bucket: b})
			if d.Allow {
				t.Errorf("%s %s was allowed", state, id)
			}
		}
	}
}

func TestObjectsOfOthers(t *testing.T) {
	theirs := &catalog.Object{Owner: "writer"}
	shared := &catalog.Object{Owner: "writer", ACL: acl(grant("owner", "", catalog.PermFullControl))}
	open := one(allowAll + `"Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]`)
	for _, tc := range []struct {
		ownership catalog.Ownership
		policy    string
		asks      []ask
	}{
		{catalog.ObjectWriter, "", []ask{
			{"owner", "s3:GetObject", "k", theirs, false, "no grant"},
			{"owner", "s3:GetObjectAcl", "k", theirs, false, ""},
			{"owner", "s3:PutObjectTagging", "k", theirs, false, ""},
			{"owner", "s3:DeleteObject", "k", theirs, true, "bucket owner"},
			{"owner", "s3:PutObject", "k", theirs, true, "bucket owner"},
			{"owner", "s3:PutObjectRetention", "k", theirs, true, "bucket owner"},
			{"owner", "s3:GetObject", "k", shared, true, "ACL grants to the account"},
			{"owner", "s3:GetObjectAcl", "k", shared, true, "ACL"},
			{"owner", "s3:GetObjectTagging", "k", shared, false, ""},
			{"writer", "s3:GetObject", "k", theirs, true, "object owner"},
			{"writer", "s3:PutObjectAcl", "k", theirs, true, "object owner"},
			{"writer", "s3:DeleteObject", "k", theirs, false, ""},
			{"writer", "s3:ListBucket", "", nil, false, ""},
			{"op", "s3:GetObject", "k", theirs, true, "operator"},
		}},
		{catalog.BucketOwnerPreferred, "", []ask{
			{"owner", "s3:GetObject", "k", theirs, false, ""},
			{"writer", "s3:GetObject", "k", theirs, true, "object owner"},
		}},
		{catalog.BucketOwnerEnforced, "", []ask{
			{"owner", "s3:GetObject", "k", theirs, true, "bucket owner"},
			{"writer", "s3:GetObject", "k", theirs, false, ""},
			{"writer", "s3:PutObjectAcl", "k", shared, false, ""},
		}},
		// What is not the bucket owner's cannot be given away by bucket policy.
		{catalog.ObjectWriter, open, []ask{
			{"other", "s3:GetObject", "k", theirs, false, "somebody else's"},
			{"owner", "s3:GetObject", "k", theirs, false, "somebody else's"},
			{"other", "s3:GetObject", "k", &catalog.Object{Owner: "owner"}, true, "policy"},
			{"other", "s3:GetObject", "k", nil, true, "policy"},
			{"other", "s3:DeleteObject", "k", theirs, true, "policy"},
		}},
		{catalog.BucketOwnerEnforced, open, []ask{{"other", "s3:GetObject", "k", theirs, true, "policy"}}},
	} {
		b := &catalog.Bucket{Name: "b", Owner: "owner", Ownership: tc.ownership, Policy: tc.policy}
		for _, a := range tc.asks {
			a.check(t, Site{}, b)
		}
	}
}

func TestBucketACL(t *testing.T) {
	b := &catalog.Bucket{Name: "b", Owner: "owner", Ownership: catalog.ObjectWriter, ACL: acl(
		grant("", catalog.AllUsers, catalog.PermRead),
		grant("", catalog.AuthenticatedUsers, catalog.PermWrite),
		grant("friend", "", catalog.PermReadACP),
		grant("mate", "", catalog.PermFullControl),
		grant("", catalog.LogDelivery, catalog.PermWriteACP),
	)}
	private := &catalog.Object{Owner: "owner"}
	asks := []ask{
		{"", "s3:ListBucket", "", nil, true, "everyone"},
		{"", "s3:ListBucketVersions", "", nil, true, "everyone"},
		{"", "s3:ListBucketMultipartUploads", "", nil, true, "everyone"},
		{"", "s3:PutObject", "k", private, false, "no grant"},
		{"", "s3:GetObject", "k", private, false, "no grant"},
		{"", "s3:GetBucketAcl", "", nil, false, ""},
		{"other", "s3:PutObject", "k", private, true, "every account"},
		{"other", "s3:DeleteObject", "k", private, true, "every account"},
		{"other", "s3:DeleteObjectVersion", "k", private, false, ""},
		{"other", "s3:GetObject", "k", private, false, ""},
		{"other", "s3:PutBucketAcl", "", nil, false, ""},
		{"other", "s3:GetBucketVersioning", "", nil, false, ""},
		{"friend", "s3:GetBucketAcl", "", nil, true, "account"},
		{"friend", "s3:PutBucketAcl", "", nil, false, ""},
		{"mate", "s3:PutBucketAcl", "", nil, true, "account"},
		{"mate", "s3:DeleteBucket", "", nil, false, ""},
		{"mate", "s3:GetObject", "k", private, false, ""},
	}
	for _, a := range asks {
		a.check(t, Site{}, b)
	}
	b.Block = &catalog.PublicAccessBlock{IgnorePublicACLs: true}
	ask{"", "s3:ListBucket", "", nil, false, "ignored"}.check(t, Site{}, b)
	ask{"other", "s3:PutObject", "k", nil, false, "ignored"}.check(t, Site{}, b)
	ask{"friend", "s3:GetBucketAcl", "", nil, true, "account"}.check(t, Site{}, b)
	b.Block = nil
	ask{"", "s3:ListBucket", "", nil, false, "ignored"}.check(t, Site{BlockPublicAccess: true}, b)
	b.Ownership = catalog.BucketOwnerEnforced
	ask{"", "s3:ListBucket", "", nil, false, "no grant"}.check(t, Site{}, b)
	ask{"mate", "s3:GetBucketAcl", "", nil, false, "no grant"}.check(t, Site{}, b)
}

func TestObjectACL(t *testing.T) {
	b := &catalog.Bucket{Name: "b", Owner: "owner", Ownership: catalog.ObjectWriter}
	o := &catalog.Object{Owner: "owner", ACL: acl(
		grant("", catalog.AllUsers, catalog.PermRead),
		grant("friend", "", catalog.PermWriteACP),
	)}
	for _, a := range []ask{
		{"", "s3:GetObject", "k", o, true, "everyone"},
		{"", "s3:GetObjectVersion", "k", o, true, "everyone"},
		{"", "s3:GetObjectAcl", "k", o, false, ""},
		{"", "s3:GetObjectTagging", "k", o, false, ""},
		{"", "s3:ListBucket", "", nil, false, ""},
		{"friend", "s3:PutObjectAcl", "k", o, true, "account"},
		{"friend", "s3:PutObjectVersionAcl", "k", o, true, "account"},
		{"friend", "s3:GetObjectVersionAcl", "k", o, false, ""},
		{"friend", "s3:PutObject", "k", o, false, ""},
		{"owner", "s3:GetObjectAcl", "k", &catalog.Object{Owner: "owner", ACL: acl()}, true, "owner"},
	} {
		a.check(t, Site{}, b)
	}
}

func TestUploadsOfOthers(t *testing.T) {
	b := &catalog.Bucket{Name: "b", Owner: "owner", Ownership: catalog.ObjectWriter}
	for _, tc := range []struct {
		who, action string
		want        bool
	}{
		{"writer", "s3:AbortMultipartUpload", true},
		{"writer", "s3:ListMultipartUploadParts", true},
		{"writer", "s3:PutObject", false},
		{"other", "s3:AbortMultipartUpload", false},
		{"", "s3:AbortMultipartUpload", false},
		{"owner", "s3:AbortMultipartUpload", true},
	} {
		d := (Site{}).Decide(Request{Principal: principal(tc.who), Action: tc.action, Bucket: b, Key: "k", Initiator: "writer"})
		if d.Allow != tc.want {
			t.Errorf("%s %s: %+v", tc.who, tc.action, d)
		}
	}
}

func TestPolicyDecisions(t *testing.T) {
	policy := `{"Version":"2012-10-17","Statement":[
		{"Sid":"read","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/public/*"},
		{"Effect":"Allow","Principal":{"AWS":["name-friend","arn:aws:iam::id2:root"]},"Action":["s3:Put*","s3:BypassGovernanceRetention"],"Resource":"arn:aws:s3:::b/*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::user/mate"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::b"},
		{"Effect":"Allow","Principal":{"CanonicalUser":"canon-mate"},"Action":"s3:*","Resource":"arn:aws:s3:::b/home/${aws:username}/*"},
		{"Effect":"Allow","Principal":{"AWS":"KEY-device"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/device"},
		{"Sid":"no secrets","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/public/secret*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":["owner","op","mate"]},"NotAction":"s3:GetObject","NotResource":["arn:aws:s3:::b","arn:aws:s3:::b/in/*"]},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::other:user/name-owner"},"Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::b"}]}`
	if _, err := ParsePolicy([]byte(policy), "b"); err != nil {
		t.Fatal(err)
	}
	b := &catalog.Bucket{Name: "b", Owner: "owner", Policy: policy}
	s := Site{Policies: NewPolicyCache(4)}
	for _, a := range []ask{
		{"", "s3:GetObject", "public/a", nil, true, `statement "read" allows`},
		{"", "s3:GetObject", "public", nil, false, "no grant"},
		{"", "s3:GetObject", "public/secret1", nil, false, `statement "no secrets" denies`},
		{"owner", "s3:GetObject", "public/secret1", nil, false, "denies"},
		{"op", "s3:GetObject", "public/secret1", nil, false, "denies"},
		{"", "s3:PutObject", "public/a", nil, false, "statement 7 denies"},
		{"friend", "s3:PutObject", "in/x", nil, true, "statement 2 allows"},
		{"friend", "s3:PutObject", "out/x", nil, false, "statement 7 denies"},
		{"friend", "s3:BypassGovernanceRetention", "in/x", nil, true, "statement 2"},
		{"friend", "s3:DeleteObject", "in/x", nil, false, "no grant"},
		{"id2", "s3:PutObjectTagging", "in/x", nil, true, "statement 2"},
		{"mate", "s3:ListBucket", "", nil, true, "statement 3"}, // by ID, as ARN user
		{"mate", "s3:GetObject", "home/name-mate/x", nil, true, "statement 4"},
		{"mate", "s3:GetObject", "home/name-other/x", nil, false, ""},
		{"device", "s3:GetObject", "device", nil, true, "statement 5"},
		{"other", "s3:GetObject", "device", nil, false, ""},
		{"owner", "s3:DeleteBucket", "", nil, true, "bucket owner"}, // a user of another account
	} {
		a.check(t, s, b)
	}
}

// A session is the key it was made with, for policies that name keys.
func TestSessionOfANamedKey(t *testing.T) {
	for effect, allowed := range map[string]bool{"Allow": true, "Deny": false} {
		b := &catalog.Bucket{Name: "b", Owner: "owner", Policy: one(`"Effect":"` + effect + `","Principal":{"AWS":"KEY"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`)}
		who := "owner" // who may do it, but for the policy
		if allowed {
			who = "other"
		}
		for name, p := range map[string]*catalog.Principal{
			"the key":           {Account: principal(who).Account, AccessKeyID: "KEY"},
			"a session":         {Account: principal(who).Account, AccessKeyID: "MUSX", Session: &catalog.Session{ID: "MUSX", Key: "KEY"}},
			"another's session": {Account: principal(who).Account, AccessKeyID: "MUSX", Session: &catalog.Session{ID: "MUSX", Key: "OTHER"}},
		} {
			want := allowed == (name != "another's session")
			if d := (Site{}).Decide(Request{Principal: p, Action: "s3:GetObject", Bucket: b, Key: "k"}); d.Allow != want {
				t.Errorf("%s, %s: %+v", effect, name, d)
			}
		}
	}
}

// Who takes somebody's ID for a name does not become that somebody.
func TestNameThatIsAnID(t *testing.T) {
	for _, id := range []string{strings.Repeat("0123456789abcdef", 4), "0123456789abcdef01234567", "MUABCDEFGHIJKLMNOPQ1", "123456789012"} {
		for _, who := range []string{`"` + id + `"`, `"arn:aws:iam::` + id + `:root"`, `"arn:aws:iam:::user/` + id + `"`} {
			b := &catalog.Bucket{Name: "b", Owner: "owner",
				Policy: one(`"Effect":"Allow","Principal":{"AWS":` + who + `},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`)}
			thief := principal("thief")
			thief.Account.Name = id
			if d := (Site{}).Decide(Request{Principal: thief, Action: "s3:GetObject", Bucket: b, Key: "k"}); d.Allow {
				t.Errorf("%s: %+v", who, d)
			}
			meant := principal("x")
			meant.Account.CanonicalID = id
			if d := (Site{}).Decide(Request{Principal: meant, Action: "s3:GetObject", Bucket: b, Key: "k"}); !d.Allow {
				t.Errorf("%s: %+v", who, d)
			}
		}
	}
}

func TestOwnerCanAlwaysMendPolicy(t *testing.T) {
	lockout := one(`"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]`)
	for _, policy := range []string{lockout, "{broken"} {
		b := &catalog.Bucket{Name: "b", Owner: "owner", Policy: policy}
		for _, who := range []string{"owner", "op"} {
			for _, action := range []string{"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"} {
				ask{who, action, "", nil, true, "mend"}.check(t, Site{}, b)
			}
			ask{who, "s3:GetObject", "k", nil, false, "policy"}.check(t, Site{}, b)
			ask{who, "s3:PutBucketAcl", "", nil, false, "policy"}.check(t, Site{}, b)
		}
		ask{"other", "s3:PutBucketPolicy", "", nil, false, "policy"}.check(t, Site{}, b)
	}
}

func TestSessionPolicy(t *testing.T) {
	b := &catalog.Bucket{Name: "b", Owner: "owner"}
	doc := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/in/*"]},
		{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/in/secret"}]}`
	for _, who := range []string{"owner", "op"} {
		p := principal(who)
		p.SessionPolicies = []string{doc}
		for _, tc := range []struct {
			action, key string
			bucket      *catalog.Bucket
			want        bool
			denied      string
		}{
			{"s3:GetObject", "in/x", b, true, ""},
			{"s3:GetObject", "out/x", b, false, ""},
			{"s3:GetObject", "in/secret", b, false, "a session policy"},
			{"s3:PutObject", "in/x", b, false, ""},
			{"s3:PutBucketPolicy", "", b, false, ""},
			{"s3:ListBucket", "", b, true, ""},
			{"s3:ListAllMyBuckets", "", nil, false, ""},
		} {
			d := Site{Policies: NewPolicyCache(1)}.Decide(Request{Principal: p, Action: tc.action, Bucket: tc.bucket, Key: tc.key})
			if d.Allow != tc.want || d.ExplicitDeny != tc.denied {
				t.Errorf("%s %s %s: %+v", who, tc.action, tc.key, d)
			}
		}
	}
	p := principal("owner")
	p.SessionPolicies = []string{"{broken"}
	if d := (Site{}).Decide(Request{Principal: p, Action: "s3:GetObject", Bucket: b, Key: "k"}); d.Allow {
		t.Error("an unreadable session policy let something pass")
	}
	// It never adds anything.
	p = principal("other")
	p.SessionPolicies = []string{one(`"Effect":"Allow","Action":"s3:*","Resource":"*"`)}
	if d := (Site{}).Decide(Request{Principal: p, Action: "s3:GetObject", Bucket: b, Key: "k"}); d.Allow {
		t.Error("a session policy granted something")
	}
}

func TestRestrictPublicBuckets(t *testing.T) {
	mixed := `{"Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},
		{"Effect":"Allow","Principal":{"AWS":"friend"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}]}`
	closed := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"friend"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}}`
	for _, tc := range []struct {
		site  Site
		block *catalog.PublicAccessBlock
	}{
		{Site{BlockPublicAccess: true}, nil},
		{Site{}, &catalog.PublicAccessBlock{RestrictPublicBuckets: true}},
	} {
		b := &catalog.Bucket{Name: "b", Owner: "owner", Policy: mixed, Block: tc.block}
		ask{"", "s3:GetObject", "k", nil, false, "restricted"}.check(t, tc.site, b)
		ask{"friend", "s3:PutObject", "k", nil, false, "restricted"}.check(t, tc.site, b)
		ask{"owner", "s3:GetObject", "k", nil, true, "owner"}.check(t, tc.site, b)
		b.Policy = closed
		ask{"friend", "s3:PutObject", "k", nil, true, "policy"}.check(t, tc.site, b)
	}
}

// Listing with a prefix of one's own is the classic use of conditions.
func TestPrefixCondition(t *testing.T) {
	b := &catalog.Bucket{Name: "b", Owner: "owner", Policy: one(`"Effect":"Allow","Principal":{"AWS":"friend"},"Action":"s3:ListBucket",
		"Resource":"arn:aws:s3:::b","Condition":{"StringLike":{"s3:prefix":"home/${aws:username}/*"}}`)}
	for prefix, want := range map[string]bool{"home/name-friend/": true, "home/": false, "home/other/": false} {
		d := (Site{}).Decide(Request{Principal: principal("friend"), Action: "s3:ListBucket", Bucket: b,
			Context: map[string][]string{"s3:prefix": {prefix}}})
		if d.Allow != want {
			t.Errorf("%s: %+v", prefix, d)
		}
	}
}
