package access

import (
	"errors"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func TestPolicyIsPublic(t *testing.T) {
	everyone := func(cond string) string {
		return `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{` + cond + `}}`
	}
	for _, tc := range []struct {
		statements string
		want       bool
	}{
		{`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, true},
		{`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:ListBucket","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`, true},
		{`{"Effect":"Allow","NotPrincipal":{"AWS":"x"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, true},
		{`{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, false},
		{`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::s3tenant1:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, false},
		{`{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, false},
		{everyone(`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`), false},
		{everyone(`"IpAddress":{"aws:SourceIp":["192.0.2.0/24","2001:db8::/32"]}`), false},
		{everyone(`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`), true},
		{everyone(`"IpAddress":{"aws:SourceIp":["192.0.2.0/24","::/0"]}`), true},
		{everyone(`"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}`), true},
		{everyone(`"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}`), true},
		{everyone(`"IpAddressIfExists":{"aws:SourceIp":"192.0.2.0/24"}`), true},
		{everyone(`"StringEquals":{"aws:SourceVpc":"vpc-1"}`), false},
		{everyone(`"StringLike":{"aws:SourceVpc":"vpc-*"}`), true},
		{everyone(`"StringNotEquals":{"aws:SourceVpc":"vpc-1"}`), true},
		{everyone(`"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}`), true},
		{everyone(`"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}`), true},
		{everyone(`"ForAnyValue:StringEquals":{"aws:SourceVpc":"vpc-1"}`), false},
		{everyone(`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::1:user/x"}`), false},
		{everyone(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1:user/*"}`), true},
		{everyone(`"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:123456789012:accesspoint/*"}`), false},
		{everyone(`"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:*:accesspoint/x"}`), true},
		{everyone(`"StringEquals":{"aws:userid":"anonymous"}`), true},
		{everyone(`"StringEquals":{"aws:userid":"id1"}`), false},
		{everyone(`"StringEquals":{"aws:userid":"${s3:x-amz-acl}"}`), true},
		{everyone(`"StringEquals":{"aws:Referer":"https://example.org/"}`), true},
		{everyone(`"StringEquals":{"aws:Referer":"x","aws:SourceAccount":"1"}`), false},
		{everyone(`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`) + "," + everyone(`"Bool":{"aws:SecureTransport":"true"}`), true},
	} {
		p, err := ParsePolicy([]byte(`{"Version":"2012-10-17","Statement":[`+tc.statements+`]}`), "b")
		if err != nil {
			t.Errorf("%s: %v", tc.statements, err)
			continue
		}
		if p.IsPublic() != tc.want {
			t.Errorf("%s: public %v", tc.statements, p.IsPublic())
		}
		err = Site{}.CheckPolicy(&catalog.Bucket{Block: &catalog.PublicAccessBlock{BlockPublicPolicy: true}}, p)
		if got := errors.Is(err, s3err.AccessDenied); got != tc.want {
			t.Errorf("%s: blocked %v", tc.statements, got)
		}
		if err := (Site{}).CheckPolicy(&catalog.Bucket{}, p); err != nil {
			t.Errorf("%s: %v", tc.statements, err)
		}
	}
}

func TestBucketIsPublic(t *testing.T) {
	open := one(allowAll + `"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`)
	public := acl(grant("", catalog.AllUsers, catalog.PermRead))
	for _, tc := range []struct {
		name   string
		site   Site
		bucket catalog.Bucket
		want   bool
	}{
		{"private", Site{}, catalog.Bucket{}, false},
		{"policy", Site{}, catalog.Bucket{Policy: open}, true},
		{"unreadable policy", Site{}, catalog.Bucket{Policy: "{"}, false},
		{"restricted", Site{}, catalog.Bucket{Policy: open, Block: &catalog.PublicAccessBlock{RestrictPublicBuckets: true}}, false},
		{"blocked site", Site{BlockPublicAccess: true}, catalog.Bucket{Policy: open, ACL: public, Ownership: catalog.ObjectWriter}, false},
		{"ACL", Site{}, catalog.Bucket{ACL: public, Ownership: catalog.ObjectWriter}, true},
		{"ACL for accounts", Site{}, catalog.Bucket{ACL: acl(grant("", catalog.AuthenticatedUsers, catalog.PermRead)), Ownership: catalog.ObjectWriter}, true},
		{"ACL for logs", Site{}, catalog.Bucket{ACL: acl(grant("", catalog.LogDelivery, catalog.PermWrite)), Ownership: catalog.ObjectWriter}, false},
		{"ignored ACL", Site{}, catalog.Bucket{ACL: public, Ownership: catalog.ObjectWriter, Block: &catalog.PublicAccessBlock{IgnorePublicACLs: true}}, false},
		{"disabled ACL", Site{}, catalog.Bucket{ACL: public}, false},
	} {
		tc.bucket.Name, tc.bucket.Owner = "b", "owner"
		if got := tc.site.IsPublic(&tc.bucket); got != tc.want {
			t.Errorf("%s: got %v", tc.name, got)
		}
	}
}
