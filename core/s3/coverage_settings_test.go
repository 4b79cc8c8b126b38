package s3

import (
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// roundTrip puts a setting, reads it back, takes it away and sees that it is gone.
func (s *testServer) roundTrip(path, doc string, unset *s3err.Code) {
	s.t.Helper()
	s.fails(unset, "main", "GET", path, "")
	s.fails(s3err.AccessDenied, "alt", "PUT", path, doc)
	if r := s.do("main", "PUT", path, doc); r.status >= 300 {
		s.t.Fatalf("PUT %s: %d %s", path, r.status, r.body)
	}
	if got := s.want(200, "main", "GET", path, "").doc(); got != doc {
		s.t.Errorf("%s: put  %s\ngot  %s", path, doc, got)
	}
	s.fails(s3err.AccessDenied, "", "GET", path, "")
	s.want(204, "main", "DELETE", path, "")
	s.fails(unset, "main", "GET", path, "")
}

// neverSet reads a setting that is always as on a fresh bucket.
func (s *testServer) neverSet(path, code string) {
	s.t.Helper()
	r := s.do("main", "GET", path, "")
	if r.code() != code || (code == "" && r.status != 200) {
		s.t.Errorf("GET %s: %d %s, want %q", path, r.status, r.body, code)
	}
}

// deletesNothing takes away what is never there.
func deletesNothing(path string) func(*testServer) {
	return func(s *testServer) { s.want(204, "main", "DELETE", path, "") }
}

// onlyOff puts a setting that says what holds anyway, and is refused one that
// does not.
func onlyOff(path, element, content string) func(*testServer) {
	return func(s *testServer) {
		s.want(200, "main", "PUT", path, "<"+element+"/>")
		s.fails(s3err.NotImplemented, "main", "PUT", path, "<"+element+">"+content+"</"+element+">")
	}
}

func showVersioning(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "null version")
	s.versioned()
	s.holds(s.want(200, "main", "GET", "/bkt?versioning", ""), "<Status>Enabled</Status>")
	v := s.want(200, "main", "PUT", "/bkt/k", "versioned").header.Get("X-Amz-Version-Id")
	s.has("/bkt/k?versionId=null", "null version")
	s.want(200, "main", "PUT", "/bkt?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
	s.want(200, "main", "PUT", "/bkt/k", "null again")
	s.has("/bkt/k?versionId="+v, "versioned")
	s.has("/bkt/k?versionId=null", "null again")
}

func showBucketTagging(s *testServer) {
	s.roundTrip("/bkt?tagging", `<Tagging xmlns="`+namespace+`"><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>`, s3err.NoSuchTagSet)
}

func showObjectTagging(s *testServer) {
	const doc = `<Tagging xmlns="` + namespace + `"><TagSet><Tag><Key>a b</Key><Value>é</Value></Tag></TagSet></Tagging>`
	s.versioned()
	v := s.want(200, "main", "PUT", "/bkt/k", "one").header.Get("X-Amz-Version-Id")
	s.want(200, "main", "PUT", "/bkt/k", "two")
	s.want(200, "main", "PUT", "/bkt/k?tagging&versionId="+v, doc)
	if got := s.want(200, "main", "GET", "/bkt/k?tagging&versionId="+v, "").doc(); got != doc {
		s.t.Error(got)
	}
	s.holds(s.want(200, "main", "GET", "/bkt/k?tagging", ""), "<TagSet></TagSet>")
	s.want(204, "main", "DELETE", "/bkt/k?tagging&versionId="+v, "")
	s.holds(s.want(200, "main", "GET", "/bkt/k?tagging&versionId="+v, ""), "<TagSet></TagSet>")
	s.fails(s3err.InvalidTag, "main", "PUT", "/bkt/k?tagging", strings.Replace(doc, "a b", strings.Repeat("k", 129), 1))
}

func showBucketACL(s *testServer) {
	s.showACL("/bkt?acl")
	s.want(200, "main", "PUT", "/bkt?acl", "", "X-Amz-Acl", "public-read-write")
	s.want(200, "", "PUT", "/bkt/anybody", "x")
}

func showObjectACL(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.showACL("/bkt/k?acl")
	s.want(200, "main", "PUT", "/bkt/k?acl", "", "X-Amz-Acl", "public-read")
	s.want(200, "", "GET", "/bkt/k", "")
	s.want(200, "main", "PUT", "/bkt/k?acl", "", "X-Amz-Acl", "authenticated-read")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/k", "")
	s.want(200, "alt", "GET", "/bkt/k", "")
}

// showACL sets an ACL in every way.
func (s *testServer) showACL(path string) {
	s.t.Helper()
	main, alt := s.users["main"].CanonicalID, s.users["alt"].CanonicalID
	s.wantGrants(path, "main FULL_CONTROL")
	s.want(200, "main", "PUT", path, "", "X-Amz-Grant-Read", `emailAddress="alt@example.org", uri="http://acs.amazonaws.com/groups/global/AllUsers"`, "X-Amz-Grant-Full-Control", `id="`+main+`"`)
	s.wantGrants(path, "global/AllUsers READ", "alt READ", "main FULL_CONTROL")
	s.want(200, "main", "PUT", path, aclDoc(main, grantDoc(typeUser, "<ID>"+alt+"</ID>", "READ_ACP")))
	s.wantGrants(path, "alt READ_ACP")
	s.want(200, "alt", "GET", path, "")
	s.want(200, "main", "PUT", path, "", "X-Amz-Acl", "private")
	s.fails(s3err.AccessDenied, "alt", "GET", path, "")
}

// policyOf is a policy of one statement.
func policyOf(statement string) string {
	return `{"Version":"2012-10-17","Statement":[{` + statement + `}]}`
}

func showPolicy(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/pub/k", "hello")
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/pub/k", "")
	doc := policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/pub/*"`)
	s.want(204, "main", "PUT", "/bkt?policy", doc)
	if got := s.want(200, "main", "GET", "/bkt?policy", "").body; got != doc {
		s.t.Errorf("got %s", got)
	}
	s.want(200, "", "GET", "/bkt/pub/k", "")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/k", "")
	s.want(204, "main", "DELETE", "/bkt?policy", "")
	s.fails(s3err.NoSuchBucketPolicy, "main", "GET", "/bkt?policy", "")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/pub/k", "")
	s.fails(s3err.MalformedPolicy, "main", "PUT", "/bkt?policy", policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"`))
}

func showPolicyStatus(s *testServer) {
	s.holds(s.want(200, "main", "GET", "/bkt?policyStatus", ""), "<IsPublic>false</IsPublic>")
	s.want(204, "main", "PUT", "/bkt?policy", policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"`))
	s.holds(s.want(200, "main", "GET", "/bkt?policyStatus", ""), "<IsPublic>true</IsPublic>")
}

func showCORS(s *testServer) {
	s.roundTrip("/bkt?cors", `<CORSConfiguration xmlns="`+namespace+`"><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`, s3err.NoSuchCORSConfiguration)
}

func showLifecycle(s *testServer) {
	s.roundTrip("/bkt?lifecycle", `<LifecycleConfiguration xmlns="`+namespace+`"><Rule><Expiration><Days>3</Days></Expiration><ID>one</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status></Rule></LifecycleConfiguration>`, s3err.NoSuchLifecycleConfiguration)
	s.want(200, "main", "PUT", "/bkt?lifecycle", "<LifecycleConfiguration><Rule><Prefix>old/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>")
	r := s.do("main", "PUT", "/bkt?lifecycle", "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>")
	if r.status < 400 {
		s.t.Error("a transition was accepted")
	}
}

func showOwnership(s *testServer) {
	s.roundTrip("/bkt?ownershipControls", `<OwnershipControls xmlns="`+namespace+`"><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>`, s3err.OwnershipControlsNotFound)
	s.want(200, "main", "PUT", "/bkt?ownershipControls", `<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`)
	s.fails(s3err.AccessControlListNotSupported, "main", "PUT", "/bkt?acl", "", "X-Amz-Acl", "private")
}

func showPublicAccessBlock(s *testServer) {
	const all = "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>"
	const doc = `<PublicAccessBlockConfiguration xmlns="` + namespace + `">` + all + "</PublicAccessBlockConfiguration>"
	s.roundTrip("/bkt?publicAccessBlock", doc, s3err.NoSuchPublicAccessBlock)
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Acl", "public-read")
	s.want(200, "main", "PUT", "/bkt?publicAccessBlock", doc)
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/k", "")
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt?acl", "", "X-Amz-Acl", "public-read")
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt?policy", policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"`))
	s.want(204, "main", "DELETE", "/bkt?publicAccessBlock", "")
	s.want(200, "", "GET", "/bkt/k", "")
}

func showLockConfiguration(s *testServer) {
	const doc = `<ObjectLockConfiguration xmlns="` + namespace + `"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>2</Days></DefaultRetention></Rule></ObjectLockConfiguration>`
	s.fails(s3err.ObjectLockConfigurationNotFound, "main", "GET", "/bkt?object-lock", "")
	s.fails(s3err.InvalidBucketState, "main", "PUT", "/bkt?object-lock", doc)
	s.versioned()
	s.want(200, "main", "PUT", "/bkt?object-lock", doc)
	if got := s.want(200, "main", "GET", "/bkt?object-lock", "").doc(); got != doc {
		s.t.Error(got)
	}
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.shows(s.want(200, "main", "HEAD", "/bkt/k", ""), "X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", "*")
}

// locks makes a bucket with object lock and an object in it, and gives its path.
func (s *testServer) locks(headers ...string) string {
	s.t.Helper()
	s.want(200, "main", "PUT", "/lock", "", "X-Amz-Bucket-Object-Lock-Enabled", "true")
	v := s.want(200, "main", "PUT", "/lock/k", "hello", headers...).header.Get("X-Amz-Version-Id")
	return "/lock/k?versionId=" + v
}

func showRetention(s *testServer) {
	path := s.locks() + "&retention"
	doc := func(mode string, days int) string {
		return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + inTime(days) + "</RetainUntilDate></Retention>"
	}
	s.want(200, "main", "PUT", path, doc("GOVERNANCE", 2))
	s.holds(s.want(200, "main", "GET", path, ""), "<Mode>GOVERNANCE</Mode>", "<RetainUntilDate>"+inTime(2)[:10])
	s.fails(s3err.ObjectLocked, "main", "PUT", path, doc("GOVERNANCE", 1))
	s.want(200, "main", "PUT", path, doc("GOVERNANCE", 1), "X-Amz-Bypass-Governance-Retention", "true")
	s.want(200, "main", "PUT", path, doc("COMPLIANCE", 3), "X-Amz-Bypass-Governance-Retention", "true")
	s.fails(s3err.ObjectLocked, "main", "PUT", path, doc("COMPLIANCE", 1), "X-Amz-Bypass-Governance-Retention", "true")
}

func showLegalHold(s *testServer) {
	path := s.locks()
	s.want(200, "main", "PUT", path+"&legal-hold", "<LegalHold><Status>ON</Status></LegalHold>")
	s.holds(s.want(200, "main", "GET", path+"&legal-hold", ""), "<Status>ON</Status>")
	s.fails(s3err.ObjectLocked, "main", "DELETE", path, "", "X-Amz-Bypass-Governance-Retention", "true")
	s.want(200, "main", "PUT", path+"&legal-hold", "<LegalHold><Status>OFF</Status></LegalHold>")
	s.want(204, "main", "DELETE", path, "")
}

func showRequestPayment(s *testServer) {
	s.holds(s.want(200, "main", "GET", "/bkt?requestPayment", ""), "<Payer>BucketOwner</Payer>")
	s.want(200, "main", "PUT", "/bkt?requestPayment", "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>")
	s.fails(s3err.NotImplemented, "main", "PUT", "/bkt?requestPayment", "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>")
}
