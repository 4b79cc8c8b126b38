package s3

import (
	"strings"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// doc is a document without the XML header.
func (r *reply) doc() string { return strings.TrimPrefix(r.body, xmlHeader) }

func TestSettingsRoundTrip(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, test := range []struct {
		sub, put string
		status   int         // of PUT
		unset    *s3err.Code // of GET before PUT and after DELETE; nil: GET works
		get      string      // of GET after PUT; "" as put
		noDelete bool
	}{
		{sub: "tagging", status: 204, unset: s3err.NoSuchTagSet,
			put: `<Tagging xmlns="` + namespace + `"><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value></Value></Tag></TagSet></Tagging>`},
		{sub: "ownershipControls", status: 200, unset: s3err.OwnershipControlsNotFound,
			put: `<OwnershipControls xmlns="` + namespace + `"><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>`},
		{sub: "publicAccessBlock", status: 200, unset: s3err.NoSuchPublicAccessBlock,
			put: `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><RestrictPublicBuckets>TRUE</RestrictPublicBuckets></PublicAccessBlockConfiguration>`,
			get: `<PublicAccessBlockConfiguration xmlns="` + namespace + `"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`},
		{sub: "versioning", status: 200, noDelete: true,
			put: `<VersioningConfiguration xmlns="` + namespace + `"><Status>Enabled</Status></VersioningConfiguration>`},
		{sub: "object-lock", status: 200, unset: s3err.ObjectLockConfigurationNotFound, noDelete: true,
			put: `<ObjectLockConfiguration xmlns="` + namespace + `"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>`},
		{sub: "cors", status: 200, unset: s3err.NoSuchCORSConfiguration,
			put: `<CORSConfiguration xmlns="` + namespace + `"><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`},
		{sub: "lifecycle", status: 200, unset: s3err.NoSuchLifecycleConfiguration,
			put: `<LifecycleConfiguration xmlns="` + namespace + `"><Rule><Expiration><Days>3</Days></Expiration><ID>one</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status></Rule></LifecycleConfiguration>`},
		{sub: "policy", status: 204, unset: s3err.NoSuchBucketPolicy,
			put: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"alt"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"}]}`},
		{sub: "requestPayment", status: 200, noDelete: true,
			put: `<RequestPaymentConfiguration xmlns="` + namespace + `"><Payer>BucketOwner</Payer></RequestPaymentConfiguration>`},
		{sub: "encryption", status: 200, unset: s3err.ServerSideEncryptionNotFound,
			put: `<ServerSideEncryptionConfiguration xmlns="` + namespace + `"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`},
	} {
		t.Run(test.sub, func(t *testing.T) {
			path := "/bkt?" + test.sub
			if test.unset != nil {
				s.fails(test.unset, "main", "GET", path, "")
			} else {
				s.want(200, "main", "GET", path, "")
			}
			s.fails(s3err.AccessDenied, "alt", "GET", path, "")
			s.fails(s3err.AccessDenied, "", "PUT", path, test.put)
			s.fails(s3err.NoSuchBucket, "main", "GET", "/none?"+test.sub, "")
			s.want(test.status, "main", "PUT", path, test.put)
			want := test.get
			if want == "" {
				want = test.put
			}
			got := s.want(200, "main", "GET", path, "")
			if strings.TrimSpace(strings.TrimPrefix(got.doc(), `<?xml version="1.0" encoding="UTF-8"?>`)) != want {
				t.Errorf("got  %s\nwant %s", got.doc(), want)
			}
			if test.noDelete {
				s.fails(s3err.MethodNotAllowed, "main", "DELETE", path, "")
				return
			}
			for range 2 { // deleting what is not there is no error
				s.want(204, "main", "DELETE", path, "")
			}
			s.fails(test.unset, "main", "GET", path, "")
		})
	}
}

func TestSettingsRefused(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/lock", "", "x-amz-bucket-object-lock-enabled", "true")
	const lock = `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`
	for _, test := range []struct {
		path, body, message string
		code                *s3err.Code
	}{
		{"/bkt?versioning", "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>", "", s3err.MalformedXML},
		{"/bkt?versioning", "<VersioningConfiguration/>", "", s3err.IllegalVersioningConfiguration},
		{"/bkt?versioning", "", "", s3err.MalformedXML},
		{"/lock?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
			"An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.", s3err.InvalidBucketState},
		{"/bkt?object-lock", lock, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration", s3err.InvalidBucketState},
		{"/bkt?object-lock", "", "Request Body is empty", s3err.MissingRequestBody},
		{"/bkt?object-lock", "malformed", "", s3err.MalformedXML},
		{"/bkt?ownershipControls", "<OwnershipControls/>", "", s3err.MalformedXML},
		{"/bkt?ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>Mine</ObjectOwnership></Rule></OwnershipControls>", "", s3err.MalformedXML},
		{"/bkt?tagging", "<Tagging/>", "", s3err.MalformedXML},
		{"/bkt?cors", "<CORSConfiguration/>", "", s3err.MalformedXML},
		{"/bkt?lifecycle", "<LifecycleConfiguration/>", "", s3err.MalformedXML},
		{"/bkt?policy", "not JSON", "", s3err.MalformedPolicy},
		{"/bkt?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"nobody"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"}]}`, "Invalid principal in policy", s3err.MalformedPolicy},
		{"/bkt?policy", strings.Repeat(" ", 21<<10), "", s3err.MalformedPolicy},
		{"/bkt?publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls></PublicAccessBlockConfiguration>", "", s3err.MalformedXML},
		{"/bkt?requestPayment", "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>", "", s3err.NotImplemented},
		{"/bkt?requestPayment", "<RequestPaymentConfiguration/>", "", s3err.MalformedXML},
		{"/bkt?website", "<WebsiteConfiguration/>", "", s3err.NotImplemented},
		{"/bkt?replication", "<ReplicationConfiguration/>", "", s3err.NotImplemented},
		{"/bkt?logging", "<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>", "", s3err.NotImplemented},
		{"/bkt?accelerate", "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>", "", s3err.NotImplemented},
		{"/bkt?notification", "<NotificationConfiguration><TopicConfiguration/></NotificationConfiguration>", "", s3err.NotImplemented},
		{"/bkt?notification", "<Other/>", "", s3err.MalformedXML},
		{"/bkt?metrics&id=1", "<MetricsConfiguration/>", "", s3err.NotImplemented},
	} {
		r := s.fails(test.code, "main", "PUT", test.path, test.body)
		if test.message != "" && r.element("Message") != test.message {
			t.Errorf("%s: message %q", test.path, r.element("Message"))
		}
	}
	s.want(200, "main", "PUT", "/bkt?notification", "<NotificationConfiguration/>")
	s.want(200, "main", "PUT", "/bkt?accelerate", "<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>")
	s.want(200, "main", "PUT", "/lock?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
}

func TestNeverConfigured(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for sub, element := range map[string]string{
		"logging": "BucketLoggingStatus", "notification": "NotificationConfiguration", "accelerate": "AccelerateConfiguration",
		"analytics": "ListBucketAnalyticsConfigurationResult", "inventory": "ListInventoryConfigurationsResult",
		"metrics": "ListMetricsConfigurationsResult", "intelligent-tiering": "ListBucketIntelligentTieringConfigurationsOutput",
	} {
		if r := s.want(200, "main", "GET", "/bkt?"+sub, ""); !strings.HasPrefix(r.doc(), "<"+element+" ") {
			t.Errorf("%s: %s", sub, r.body)
		}
	}
	s.fails(s3err.NoSuchWebsiteConfiguration, "main", "GET", "/bkt?website", "")
	s.fails(s3err.ReplicationConfigurationNotFound, "main", "GET", "/bkt?replication", "")
	s.fails(s3err.NoSuchConfiguration, "main", "GET", "/bkt?metrics&id=1", "")
	s.want(204, "main", "DELETE", "/bkt?website", "")
}

func TestOwnershipAgainstACL(t *testing.T) {
	s := newTestServer(t)
	const enforced = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-acl", "public-read")
	s.fails(s3err.InvalidBucketACLWithOwnership, "main", "PUT", "/bkt?ownershipControls", enforced)
	s.want(200, "main", "PUT", "/bkt?acl", "", "x-amz-acl", "private")
	s.want(200, "main", "PUT", "/bkt?ownershipControls", enforced)
	s.fails(s3err.AccessControlListNotSupported, "main", "PUT", "/bkt?acl", "", "x-amz-acl", "private")
	s.want(200, "main", "PUT", "/bkt/k", "x")
	s.fails(s3err.AccessControlListNotSupported, "main", "PUT", "/bkt/k?acl", "", "x-amz-acl", "private")
	s.fails(s3err.AccessControlListNotSupported, "main", "PUT", "/bkt/k", "x", "x-amz-grant-read", "nonsense")
	if r := s.want(200, "main", "GET", "/bkt/k?acl", ""); strings.Count(r.body, "<Grant>") != 1 || r.element("Permission") != "FULL_CONTROL" {
		t.Errorf("ACL where ACLs are disabled: %s", r.body)
	}
}

func TestOwnershipOfNewBuckets(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/writer", "")
	s.fails(s3err.OwnershipControlsNotFound, "main", "GET", "/writer?ownershipControls", "")
	s.inside().Site.DefaultOwnership = catalog.BucketOwnerEnforced
	s.want(200, "main", "PUT", "/enforced", "")
	if r := s.want(200, "main", "GET", "/enforced?ownershipControls", ""); r.element("ObjectOwnership") != "BucketOwnerEnforced" {
		t.Error(r.body)
	}
	s.want(204, "main", "DELETE", "/enforced?ownershipControls", "")
	s.fails(s3err.OwnershipControlsNotFound, "main", "GET", "/enforced?ownershipControls", "")
}

func TestPublicAccessBlock(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt?publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>")
	for _, acl := range []string{"public-read", "public-read-write", "authenticated-read"} {
		s.fails(s3err.AccessDenied, "main", "PUT", "/bkt?acl", "", "x-amz-acl", acl)
		s.fails(s3err.AccessDenied, "main", "PUT", "/bkt/k", "", "x-amz-acl", acl)
	}
	s.want(200, "main", "PUT", "/bkt/k", "", "x-amz-acl", "private")
	policy := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"}]}`
	}
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt?policy", policy(`"*"`))
	s.want(204, "main", "PUT", "/bkt?policy", policy(`{"AWS":"arn:aws:iam::unknown:root"}`))
	s.want(204, "main", "PUT", "/bkt?policy", policy(`{"CanonicalUser":"`+s.users["alt"].CanonicalID+`"}`))
}

func TestPolicyStatus(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	status := func() string { return s.want(200, "main", "GET", "/bkt?policyStatus", "").element("IsPublic") }
	if got := status(); got != "false" {
		t.Errorf("fresh bucket: %s", got)
	}
	s.want(200, "main", "PUT", "/bkt?acl", "", "x-amz-acl", "public-read")
	if got := status(); got != "true" {
		t.Errorf("public ACL: %s", got)
	}
	s.want(200, "main", "PUT", "/bkt?acl", "", "x-amz-acl", "private")
	s.want(204, "main", "PUT", "/bkt?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bkt"}]}`)
	if got := status(); got != "true" {
		t.Errorf("public policy: %s", got)
	}
}

func TestLifecycleHeader(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	const doc = `<LifecycleConfiguration><Rule><Expiration><Days>3</Days></Expiration><Filter/><Status>Enabled</Status></Rule></LifecycleConfiguration>`
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt?lifecycle", doc, transitionSize, "some")
	for _, v := range []string{"", "varies_by_storage_class", defaultTransitionSize} {
		want := v
		headers := []string{transitionSize, v}
		if v == "" {
			want, headers = defaultTransitionSize, nil
		}
		put := s.want(200, "main", "PUT", "/bkt?lifecycle", doc, headers...)
		get := s.want(200, "main", "GET", "/bkt?lifecycle", "")
		if p, g := put.header.Get(transitionSize), get.header.Get(transitionSize); p != want || g != want {
			t.Errorf("%q: put says %q, get %q", v, p, g)
		}
	}
	if b, err := s.inside().Repo.Bucket(t.Context(), "bkt"); err != nil || !b.HasLifecycle || b.TransitionSize != defaultTransitionSize {
		t.Errorf("record: %+v, %v", b, err)
	}
	if !strings.Contains(s.want(200, "main", "GET", "/bkt?lifecycle", "").body, "<ID>") {
		t.Error("a rule without ID must get one")
	}
}
