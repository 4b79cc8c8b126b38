package s3

import (
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// grants gives an ACL document's grants as "grantee permission" in order.
func (s *testServer) grants(doc string) (out []string) {
	for _, g := range strings.Split(doc, "<Grant>")[1:] {
		r := &reply{body: g}
		who := r.element("URI")
		for name, u := range s.users {
			if r.element("ID") == u.CanonicalID && r.element("DisplayName") == u.DisplayName {
				who = name
			}
		}
		out = append(out, strings.TrimPrefix(who, "http://acs.amazonaws.com/groups/")+" "+r.element("Permission"))
	}
	return out
}

func (s *testServer) wantGrants(path string, want ...string) {
	s.t.Helper()
	got := s.grants(s.want(200, "main", "GET", path, "").body)
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		s.t.Errorf("%s: %s, want %s", path, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

func TestBucketACL(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	main, alt := s.users["main"].CanonicalID, s.users["alt"].CanonicalID
	s.wantGrants("/bkt?acl", "main FULL_CONTROL")
	for canned, want := range map[string][]string{
		"private":            {"main FULL_CONTROL"},
		"public-read":        {"global/AllUsers READ", "main FULL_CONTROL"},
		"public-read-write":  {"global/AllUsers READ", "global/AllUsers WRITE", "main FULL_CONTROL"},
		"authenticated-read": {"global/AuthenticatedUsers READ", "main FULL_CONTROL"},
		"log-delivery-write": {"s3/LogDelivery WRITE", "s3/LogDelivery READ_ACP", "main FULL_CONTROL"},
	} {
		s.want(200, "main", "PUT", "/bkt?acl", "", "x-amz-acl", canned)
		s.wantGrants("/bkt?acl", want...)
	}
	s.want(200, "main", "PUT", "/bkt?acl", "", "x-amz-grant-full-control", "id="+alt, "x-amz-grant-read", `emailAddress="alt@example.org", uri="`+catalog.AllUsers+`"`)
	s.wantGrants("/bkt?acl", "global/AllUsers READ", "alt READ", "alt FULL_CONTROL")
	s.want(200, "alt", "PUT", "/bkt/k", "x")

	s.want(200, "main", "PUT", "/bkt?acl", aclDoc(main,
		grantDoc(typeUser, "<ID>"+alt+"</ID>", "READ_ACP"), grantDoc(typeEmail, "<EmailAddress>ALT@example.org</EmailAddress>", "WRITE"),
		grantDoc(typeGroup, "<URI>"+catalog.AuthenticatedUsers+"</URI>", "READ")))
	s.wantGrants("/bkt?acl", "global/AuthenticatedUsers READ", "alt READ_ACP", "alt WRITE")
	s.want(200, "alt", "GET", "/bkt?acl", "")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt?acl", "")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt?acl", "", "x-amz-acl", "private")

	s.want(200, "main", "PUT", "/bkt?acl", aclDoc(main))
	s.wantGrants("/bkt?acl")
}

func TestACLRefused(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	main, alt := s.users["main"].CanonicalID, s.users["alt"].CanonicalID
	user := func(id string) string { return grantDoc(typeUser, "<ID>"+id+"</ID>", "READ") }
	for _, test := range []struct {
		name, body, message string
		code                *s3err.Code
		headers             []string
	}{
		{"nothing", "", "Your request was missing a required header.", s3err.MissingSecurityHeader, nil},
		{"unknown canned", "", "", s3err.InvalidArgument, []string{"x-amz-acl", "invalid_acl"}},
		{"canned and grants", "", "Specifying both Canned ACLs and Header Grants is not allowed.", s3err.InvalidRequest, []string{"x-amz-acl", "private", "x-amz-grant-read", "testuser"}},
		{"canned and body", aclDoc(main, user(alt)), "This request does not support content.", s3err.UnexpectedContent, []string{"x-amz-acl", "private"}},
		{"grants and body", aclDoc(main, user(alt)), "", s3err.UnexpectedContent, []string{"x-amz-grant-read", "id=" + alt}},
		{"malformed grant", "", "", s3err.InvalidArgument, []string{"x-amz-grant-read", "testuser"}},
		{"unknown ID in header", "", "Invalid id", s3err.InvalidArgument, []string{"x-amz-grant-read", "id=nobody"}},
		{"unknown ID", aclDoc(main, user("nobody")), "Invalid id", s3err.InvalidArgument, nil},
		{"unknown e-mail", aclDoc(main, grantDoc(typeEmail, "<EmailAddress>x@example.org</EmailAddress>", "READ")), "", s3err.UnresolvableGrantByEmail, nil},
		{"unknown owner", aclDoc("nobody", user(alt)), "Invalid id", s3err.InvalidArgument, nil},
		{"other owner", aclDoc(alt, user(alt)), "", s3err.AccessDenied, nil},
		{"malformed", "<AccessControlPolicy/>", "", s3err.MalformedACL, nil},
	} {
		for _, path := range []string{"/bkt?acl", "/bkt/k?acl"} {
			s.want(200, "main", "PUT", "/bkt/k", "x")
			r := s.fails(test.code, "main", "PUT", path, test.body, test.headers...)
			if test.message != "" && r.element("Message") != test.message {
				t.Errorf("%s %s: message %q", test.name, path, r.element("Message"))
			}
		}
	}
	s.wantGrants("/bkt?acl", "main FULL_CONTROL")
	s.wantGrants("/bkt/k?acl", "main FULL_CONTROL")
}

func TestObjectACL(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-acl", "public-read-write")
	main, alt := s.users["main"].CanonicalID, s.users["alt"].CanonicalID
	s.want(200, "main", "PUT", "/bkt/k", "x", "x-amz-acl", "public-read")
	s.wantGrants("/bkt/k?acl", "global/AllUsers READ", "main FULL_CONTROL")
	s.want(200, "", "GET", "/bkt/k", "")
	s.want(200, "main", "PUT", "/bkt/k?acl", "", "x-amz-acl", "private")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/k", "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/k?acl", "")

	// Who has FULL_CONTROL may change the ACL, but not the owner.
	s.want(200, "main", "PUT", "/bkt/k?acl", aclDoc(main, grantDoc(typeUser, "<ID>"+alt+"</ID>", "FULL_CONTROL")))
	s.want(200, "alt", "PUT", "/bkt/k?acl", aclDoc(main, grantDoc(typeUser, "<ID>"+alt+"</ID>", "READ_ACP")))
	s.wantGrants("/bkt/k?acl", "alt READ_ACP")

	// What somebody else wrote is hers; canned ACLs name the bucket's owner.
	s.want(200, "alt", "PUT", "/bkt/theirs", "x", "x-amz-acl", "bucket-owner-full-control")
	if r := s.want(200, "alt", "GET", "/bkt/theirs?acl", ""); strings.Join(s.grants(r.body), ", ") != "alt FULL_CONTROL, main FULL_CONTROL" || (&reply{body: r.element("Owner")}).element("ID") != alt {
		t.Errorf("%s", r.body)
	}
	s.fails(s3err.NoSuchKey, "main", "PUT", "/bkt/none?acl", "", "x-amz-acl", "private")
}

func TestObjectTagging(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	const doc = `<Tagging xmlns="` + namespace + `"><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>`
	const none = `<Tagging xmlns="` + namespace + `"><TagSet></TagSet></Tagging>`
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k?tagging", "")
	s.fails(s3err.NoSuchKey, "main", "PUT", "/bkt/k?tagging", doc)
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/k?tagging", doc)
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/k?tagging", "malformed")
	s.want(200, "main", "PUT", "/bkt/k", "x", "x-amz-tagging", "h=1&g=2")
	if r := s.want(200, "main", "GET", "/bkt/k?tagging", ""); !strings.Contains(r.body, "<Tag><Key>g</Key><Value>2</Value></Tag><Tag><Key>h</Key><Value>1</Value></Tag>") {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", "/bkt/k?tagging", doc)
	if r := s.want(200, "main", "GET", "/bkt/k?tagging", ""); r.doc() != doc {
		t.Error(r.body)
	}
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/k?tagging", "")
	s.want(204, "main", "DELETE", "/bkt/k?tagging", "")
	if r := s.want(200, "main", "GET", "/bkt/k?tagging", ""); r.doc() != none {
		t.Error(r.body)
	}
	s.fails(s3err.InvalidTag, "main", "PUT", "/bkt/k?tagging", strings.Replace(doc, ">a<", ">a!<", 1))
	s.fails(s3err.InvalidObjectState, "main", "POST", "/bkt/k?restore", "<RestoreRequest/>")
}

func TestVersionsOfSettings(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	const doc = `<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>`
	one := s.want(200, "main", "PUT", "/bkt/k", "1").header.Get("X-Amz-Version-Id")
	two := s.want(200, "main", "PUT", "/bkt/k", "2").header.Get("X-Amz-Version-Id")
	if r := s.want(200, "main", "PUT", "/bkt/k?tagging&versionId="+one, doc); r.header.Get("X-Amz-Version-Id") != one {
		t.Errorf("tagged version %s, want %s", r.header.Get("X-Amz-Version-Id"), one)
	}
	s.want(200, "main", "PUT", "/bkt/k?acl&versionId="+one, "", "x-amz-acl", "public-read")
	if r := s.want(200, "main", "GET", "/bkt/k?tagging", ""); strings.Contains(r.body, "<Tag>") || r.header.Get("X-Amz-Version-Id") != two {
		t.Errorf("current version: %v %s", r.header, r.body)
	}
	s.wantGrants("/bkt/k?acl", "main FULL_CONTROL")
	s.wantGrants("/bkt/k?acl&versionId="+one, "global/AllUsers READ", "main FULL_CONTROL")
	for _, sub := range []string{"tagging", "acl"} {
		s.fails(s3err.NoSuchVersion, "main", "GET", "/bkt/k?versionId=01G65Z755AFWAKHE12NY0CQ9FH&"+sub, "")
		s.fails(s3err.InvalidArgument, "main", "GET", "/bkt/k?versionId=invalid_version_id&"+sub, "")
	}
	s.fails(s3err.InvalidArgument, "main", "DELETE", "/bkt/k?versionId=&tagging", "")
	marker := s.want(204, "main", "DELETE", "/bkt/k", "").header.Get("X-Amz-Version-Id")
	s.fails(s3err.MethodNotAllowed, "main", "GET", "/bkt/k?tagging&versionId="+marker, "")
	s.fails(s3err.MethodNotAllowed, "main", "PUT", "/bkt/k?tagging&versionId="+marker, doc)
	s.fails(s3err.MethodNotAllowed, "main", "DELETE", "/bkt/k?tagging&versionId="+marker, "")
	// Of the current version, too, a marker has none of them.
	s.fails(s3err.MethodNotAllowed, "main", "GET", "/bkt/k?tagging", "")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/none?tagging", "")
	s.fails(s3err.MethodNotAllowed, "main", "PUT", "/bkt/k?acl", "", "x-amz-acl", "private")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k?acl", "")
	if r := s.fails(s3err.MethodNotAllowed, "main", "DELETE", "/bkt/k?tagging", ""); r.element("ResourceType") != "DeleteMarker" {
		t.Error(r.body)
	}
}

func retentionDoc(mode string, until time.Time) string {
	return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until.UTC().Format(time.RFC3339) + "</RetainUntilDate></Retention>"
}

func TestRetentionOverHTTP(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-bucket-object-lock-enabled", "true")
	s.want(200, "main", "PUT", "/bkt/k", "x")
	now := time.Now().Truncate(time.Second)
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	path := "/bkt/k?retention"
	s.fails(s3err.NoSuchObjectLockConfiguration, "main", "GET", path, "")
	s.want(200, "main", "PUT", path, retentionDoc("GOVERNANCE", day(2)))
	if r := s.want(200, "main", "GET", path, ""); r.doc() != strings.Replace(retentionDoc("GOVERNANCE", day(2)), "<Retention>", `<Retention xmlns="`+namespace+`">`, 1) {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", path, retentionDoc("GOVERNANCE", day(2)))
	bypass := []string{"x-amz-bypass-governance-retention", "true"}
	r := s.fails(s3err.ObjectLocked, "main", "PUT", path, retentionDoc("GOVERNANCE", day(1)))
	if r.element("Message") != s3err.ObjectLocked.Message {
		t.Error(r.body)
	}
	s.fails(s3err.ObjectLocked, "main", "PUT", path, "<Retention/>")
	s.want(200, "main", "PUT", path, retentionDoc("GOVERNANCE", day(1)), bypass...)
	s.want(200, "main", "PUT", path, retentionDoc("COMPLIANCE", day(1)), bypass...)
	s.fails(s3err.ObjectLocked, "main", "PUT", path, "<Retention/>", bypass...)
	s.fails(s3err.ObjectLocked, "op", "PUT", path, retentionDoc("GOVERNANCE", day(9)), bypass...)
	s.want(200, "main", "PUT", path, retentionDoc("COMPLIANCE", day(3)))

	s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt/none?retention", retentionDoc("GOVERNANCE", day(-1)))
	s.fails(s3err.MalformedXML, "main", "PUT", "/bkt/none?retention", retentionDoc("abc", day(1)))
	s.fails(s3err.NoSuchKey, "main", "PUT", "/bkt/none?retention", retentionDoc("GOVERNANCE", day(1)))
	s.fails(s3err.AccessDenied, "alt", "PUT", path, retentionDoc("COMPLIANCE", day(9)))
}

func TestLegalHold(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-bucket-object-lock-enabled", "true")
	s.want(200, "main", "PUT", "/bkt/k", "x")
	hold := func(v string) string { return "<LegalHold><Status>" + v + "</Status></LegalHold>" }
	s.fails(s3err.NoSuchObjectLockConfiguration, "main", "GET", "/bkt/k?legal-hold", "")
	for _, v := range []string{"ON", "OFF", "ON"} {
		s.want(200, "main", "PUT", "/bkt/k?legal-hold", hold(v))
		if r := s.want(200, "main", "GET", "/bkt/k?legal-hold", ""); r.element("Status") != v {
			t.Errorf("%s: %s", v, r.body)
		}
	}
	s.fails(s3err.MalformedXML, "main", "PUT", "/bkt/none?legal-hold", hold("abc"))
	s.fails(s3err.MalformedXML, "main", "PUT", "/bkt/none?legal-hold", "")
	s.fails(s3err.NoSuchKey, "main", "PUT", "/bkt/none?legal-hold", hold("ON"))
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/none?legal-hold", "")
}

func TestLockOnPlainBucket(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "x")
	future := time.Now().AddDate(1, 0, 0)
	for _, r := range []*reply{
		s.fails(s3err.InvalidRequest, "main", "GET", "/bkt/k?retention", ""),
		s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k?retention", retentionDoc("GOVERNANCE", future)),
		s.fails(s3err.InvalidRequest, "main", "GET", "/bkt/k?legal-hold", ""),
		s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k?legal-hold", "<LegalHold><Status>ON</Status></LegalHold>"),
	} {
		if r.element("Message") != "Bucket is missing Object Lock Configuration" {
			t.Error(r.body)
		}
	}
	r := s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k", "x", "x-amz-object-lock-legal-hold", "ON")
	if r.element("Message") != "Bucket is missing ObjectLockConfiguration" {
		t.Error(r.body)
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/none?retention", "")
}

func TestLockHeaders(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-bucket-object-lock-enabled", "true")
	until := time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second).Format(time.RFC3339)
	s.want(200, "main", "PUT", "/bkt/k", "x", "x-amz-object-lock-mode", "GOVERNANCE", "x-amz-object-lock-retain-until-date", until, "x-amz-object-lock-legal-hold", "ON")
	if r := s.want(200, "main", "GET", "/bkt/k?retention", ""); r.element("Mode") != "GOVERNANCE" || r.element("RetainUntilDate") != until {
		t.Error(r.body)
	}
	if r := s.want(200, "main", "GET", "/bkt/k?legal-hold", ""); r.element("Status") != "ON" {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", "/bkt?object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
	s.want(200, "main", "PUT", "/bkt/default", "x")
	if r := s.want(200, "main", "GET", "/bkt/default?retention", ""); r.element("Mode") != "COMPLIANCE" {
		t.Error(r.body)
	}
	// A retention or hold needs a permission of its own.
	s.want(204, "main", "PUT", "/bkt?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"alt"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/*"}]}`)
	s.want(200, "alt", "PUT", "/bkt/alt", "x")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/alt", "x", "x-amz-object-lock-legal-hold", "ON")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/alt", "x", "x-amz-object-lock-mode", "GOVERNANCE", "x-amz-object-lock-retain-until-date", until)
}

func TestCORS(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-acl", "public-read")
	ask := func(path string, headers ...string) *reply {
		return s.send(s.request("", "OPTIONS", path, "", headers...))
	}
	get := []string{"Origin", "http://page.example", "Access-Control-Request-Method", "GET"}
	if r := ask("/bkt/k", get...); r.status != 403 || r.element("Message") != "CORSResponse: CORS is not enabled for this bucket." || r.element("Method") != "GET" || r.element("ResourceType") != "OBJECT" {
		t.Errorf("without configuration: %d %s", r.status, r.body)
	}
	if r := ask("/none/k", get...); r.code() != "NoSuchBucket" {
		t.Errorf("no bucket: %s", r.body)
	}
	s.want(200, "main", "PUT", "/bkt?cors", `<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://*.example</AllowedOrigin><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>`)
	// A preflight carries the query of the request to come, signature and all.
	for _, path := range []string{"/bkt", "/bkt/k", "/bkt?uploads", "/bkt/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0"} {
		r := ask(path, append(get, "Access-Control-Request-Headers", "X-Amz-Date")...)
		if r.status != 200 || r.header.Get("Access-Control-Allow-Origin") != "http://page.example" || r.header.Get("Access-Control-Allow-Methods") != "GET" ||
			r.header.Get("Access-Control-Allow-Headers") != "x-amz-date" || r.header.Get("Access-Control-Max-Age") != "60" {
			t.Errorf("%s: %d %v %s", path, r.status, r.header, r.body)
		}
	}
	for what, headers := range map[string][]string{
		"no origin": nil, "no method": get[:2], "odd method": {"Origin", "http://page.example", "Access-Control-Request-Method", "get"},
	} {
		if r := ask("/bkt/k", headers...); r.status != 400 || r.code() != "BadRequest" {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	if r := ask("/bkt/k", "Origin", "http://elsewhere.org", "Access-Control-Request-Method", "GET"); r.status != 403 || r.code() != "AccessForbidden" {
		t.Errorf("other origin: %d %s", r.status, r.body)
	}
	// Actual requests, successful or not.
	for path, status := range map[string]int{"/bkt": 200, "/bkt/none": 404} {
		if r := s.want(status, "", "GET", path, "", "Origin", "http://page.example"); r.header.Get("Access-Control-Allow-Origin") != "http://page.example" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
	if r := s.want(200, "", "GET", "/bkt", "", "Origin", "http://elsewhere.org"); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("other origin: %v", r.header)
	}
}

func TestBlockedSite(t *testing.T) {
	s := newTestServer(t)
	s.inside().Site = access.Site{DefaultOwnership: catalog.ObjectWriter, BlockPublicAccess: true}
	s.want(200, "main", "PUT", "/bkt", "")
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt?acl", "", "x-amz-acl", "public-read")
	s.fails(s3err.AccessDenied, "main", "PUT", "/public", "", "x-amz-acl", "public-read")
}
