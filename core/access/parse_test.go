package access

import (
	"errors"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

// one makes a document of one statement from its members.
func one(members string) string { return `{"Version":"2012-10-17","Statement":[{` + members + `}]}` }

const allowAll = `"Effect":"Allow","Principal":"*",`

func TestParsePolicyErrors(t *testing.T) {
	condition := func(c string) string {
		return one(allowAll + `"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":` + c)
	}
	for _, tc := range []struct{ doc, want string }{
		{"", "Policies must be valid JSON and the first byte must be '{'"},
		{"false", "Policies must be valid JSON and the first byte must be '{'"},
		{`"Statement": []}`, "Policies must be valid JSON and the first byte must be '{'"},
		{"{true}", "This policy contains invalid Json"},
		{`{"Principal": "*" `, "This policy contains invalid Json"},
		{`{"Statement":[]} trailing`, "This policy contains invalid Json"},
		{`{"Statement":[],"Statement":[]}`, "This policy contains invalid Json"},
		{`{"Statement":["x"]}`, "This policy contains invalid Json"},
		{`{"Statement":{"Effect":"Allow","Effect":"Deny"}}`, "This policy contains invalid Json"},
		{`{}`, "Missing required field Statement"},
		{`{"Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{`{"Statements":[]}`, "Unknown field Statements"},
		{one(`"effect":"Allow"`), "Unknown field effect"},
		{`{"Version":"","Statement":[]}`, "The policy must contain a valid version string"},
		{`{"Version":"2012-10-16","Statement":[]}`, "The policy must contain a valid version string"},
		{`{"Version":2012,"Statement":[]}`, "The policy must contain a valid version string"},
		{one(`"Principal":"*"`), "Missing required field Effect"},
		{one(`"Effect":"allow"`), "Invalid effect: allow"},
		{one(`"Effect":"Allow"`), "Missing required field Principal"},
		{one(`"Effect":"Allow","Principal":""`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":{"AWS":""}`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":{"AWS":[]}`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":{}`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":["*","x"]`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:user/*"}`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:group/x"}`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":{"User":"x"}`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":"*","NotPrincipal":"*"`), "Invalid principal in policy"},
		{one(`"Effect":"Allow","Principal":7`), "Invalid principal in policy"},
		{one(allowAll + `"Resource":"arn:aws:s3:::b/*"`), "Missing required field Action"},
		{one(allowAll + `"Action":"","Resource":"arn:aws:s3:::b/*"`), "Policy has invalid action"},
		{one(allowAll + `"Action":[],"Resource":"arn:aws:s3:::b/*"`), "Policy has invalid action"},
		{one(allowAll + `"Action":"s3:Fetch","Resource":"arn:aws:s3:::b/*"`), "Policy has invalid action"},
		{one(allowAll + `"Action":"ec2:*","Resource":"arn:aws:s3:::b/*"`), "Policy has invalid action"},
		{one(allowAll + `"Action":["s3:GetObject","s3:X*"],"Resource":"arn:aws:s3:::b/*"`), "Policy has invalid action"},
		{one(allowAll + `"Action":"s3:*"`), "Missing required field Resource"},
		{one(allowAll + `"Action":"s3:*","Resource":""`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:*","Resource":[]`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:*","Resource":"b/*"`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:*","Resource":"arn:aws:s3:::/b"`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:*","Resource":"arn:aws:s3:::prefix-b"`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::other/*"]`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:*","Resource":"arn:aws:sqs:::b"`), "Policy has invalid resource"},
		{one(allowAll + `"Action":"s3:GetObject","Resource":"arn:aws:s3:::b"`), "Action does not apply to any resource(s) in statement"},
		{one(allowAll + `"Action":"s3:GetObjec?","Resource":"arn:aws:s3:::b"`), "Action does not apply to any resource(s) in statement"},
		{one(allowAll + `"Action":"s3:ListBucket","Resource":"arn:aws:s3:::b/*"`), "Action does not apply to any resource(s) in statement"},
		{one(allowAll + `"Action":"s3:*Bucket*","Resource":"arn:aws:s3:::b/*"`), "Action does not apply to any resource(s) in statement"},
		{one(allowAll + `"Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::b/*"`), "Action does not apply to any resource(s) in statement"},
		{condition(`{"NotARealOperator":{"aws:SourceIp":"1.2.3.4/32"}}`), "Invalid Condition type : NotARealOperator"},
		{condition(`{"stringequals":{"aws:UserAgent":"x"}}`), "Invalid Condition type : stringequals"},
		{condition(`{"NullIfExists":{"aws:UserAgent":"true"}}`), "Invalid Condition type : NullIfExists"},
		{condition(`{"ForSomeValues:StringEquals":{"aws:UserAgent":"x"}}`), "Invalid Condition type : ForSomeValues:StringEquals"},
		{condition(`{"StringEquals":{"s3:FakeKey":"x"}}`), "Policy has an invalid condition key"},
		{condition(`{"StringEquals":{"aws:NotReal":"x"}}`), "Policy has an invalid condition key"},
		{condition(`{"StringEquals":{"s3:ExistingObjectTag/":"x"}}`), "Policy has an invalid condition key"},
		{condition(`{"StringEquals":{"prefix":"x"}}`), "Policy has an invalid condition key"},
		{condition(`{"IpAddress":{"aws:SourceIp":"not-an-ip"}}`), "Invalid IP address in Conditions"},
		{condition(`{"NotIpAddress":{"aws:SourceIp":"300.1.1.1/40"}}`), "Invalid IP address in Conditions"},
		{condition(`{"Null":{"aws:SourceIp":"true"}}`), "Invalid IP address in Conditions"},
		{condition(`{"StringLike":{"s3:prefix":"x"}}`), "Conditions do not apply to combination of actions and resources in statement"},
		{condition(`{"NumericEquals":{"s3:signatureAge":"ten"}}`), `Invalid value in Conditions: "ten"`},
		{condition(`{"StringEquals":{"aws:UserAgent":[]}}`), "Invalid value in Conditions"},
		{condition(`{"StringEquals":{"aws:UserAgent":null}}`), "Invalid value in Conditions"},
		{condition(`{"StringEquals":"x"}`), "Conditions must be a JSON object"},
		{condition(`[]`), "Conditions must be a JSON object"},
		{`{"Statement":[],"Id":"` + strings.Repeat("x", MaxPolicySize) + `"}`, "Normalized policy document exceeds the maximum allowed size of 20480 bytes."},
	} {
		_, err := ParsePolicy([]byte(tc.doc), "b")
		var e *s3err.Error
		switch {
		case !errors.As(err, &e) || !errors.Is(err, s3err.MalformedPolicy):
			t.Errorf("%.120s: got %v", tc.doc, err)
		case e.Message() != tc.want:
			t.Errorf("%.120s:\n got %s\nwant %s", tc.doc, e.Message(), tc.want)
		}
	}
}

func TestParsePolicyAccepts(t *testing.T) {
	for _, doc := range []string{
		` {"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["x","arn:aws:iam::1:root"]},"NotAction":"s3:*Object*","NotResource":"arn:aws:s3:::b/x"}}`,
		`{"Version":"2008-10-17","Id":"i","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}`,
		one(allowAll + `"Action":"s3:*","Resource":"arn:aws:s3:::b"`),
		one(allowAll + `"Action":"s3:List*","Resource":"arn:aws:s3:::b"`),
		one(allowAll + `"Action":"s3:ListBucket","Resource":["arn:aws:s3:::*","arn:aws:s3:::*/*"]`),
		one(allowAll + `"Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws-cn:s3:::b*"`),
		one(allowAll + `"Action":"S3:getobject","Resource":"arn:aws:s3:::${aws:username}/x"`),
		one(allowAll + `"Action":"s3:*","Resource":"*"`),
		one(`"Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"`),
		one(`"Effect":"Allow","Principal":{"CanonicalUser":["a","b"],"AWS":"arn:aws:iam::1:role/x"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"`),
		one(allowAll + `"Action":"s3:ListBucket","Resource":"arn:aws:s3:::b","Condition":{"NumericLessThanIfExists":{"s3:max-keys":10},"Bool":{"aws:SecureTransport":true},"ForAnyValue:StringLike":{"s3:PREFIX":["a*",""]}}`),
	} {
		if _, err := ParsePolicy([]byte(doc), "b"); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestPrincipals(t *testing.T) {
	p, err := ParsePolicy([]byte(`{"Statement":[
		{"Effect":"Allow","Principal":{"AWS":["bob","arn:aws:iam::77:root","arn:aws:iam:::user/team/eve"],"CanonicalUser":"c1"},"Action":"s3:*","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"Service":"x.amazonaws.com"},"Action":"s3:*","Resource":"*"}]}`), "b")
	if err != nil {
		t.Fatal(err)
	}
	want := []PrincipalRef{{Name: "bob"}, {Name: "77", Root: true}, {Name: "eve"}, {Name: "c1", Canonical: true}}
	got := p.Principals()
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}

func TestSessionPolicyHasNoPrincipal(t *testing.T) {
	_, err := ParseSessionPolicy([]byte(one(allowAll + `"Action":"s3:*","Resource":"*"`)))
	if !errors.Is(err, s3err.MalformedPolicy) {
		t.Errorf("got %v", err)
	}
	_, err = ParseSessionPolicy([]byte(one(`"Effect":"Allow","Action":["s3:*","sts:GetCallerIdentity"],"Resource":["arn:aws:s3:::any/*","arn:aws:sqs:us-east-1:1:q"]`)))
	if err != nil {
		t.Error(err)
	}
}
