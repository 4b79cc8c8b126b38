package s3

import (
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

func showPrivate(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	for _, who := range []string{"", "alt"} {
		s.fails(s3err.AccessDenied, who, "GET", "/bkt/k", "")
		s.fails(s3err.AccessDenied, who, "GET", "/bkt", "")
		s.fails(s3err.AccessDenied, who, "PUT", "/bkt/new", "x")
		s.fails(s3err.AccessDenied, who, "DELETE", "/bkt/k", "")
		s.fails(s3err.AccessDenied, who, "GET", "/bkt/none", "") // nor does it tell what there is
	}
	s.has("/bkt/k", "hello")
}

// policy sets the bucket's policy, of one statement or several.
func (s *testServer) policy(statements ...string) {
	s.t.Helper()
	s.want(204, "main", "PUT", "/bkt?policy", `{"Version":"2012-10-17","Statement":[{`+strings.Join(statements, "},{")+`}]}`)
}

// everything is the resource of statements on the bucket and its objects.
const everything = `"Resource":["arn:aws:s3:::bkt","arn:aws:s3:::bkt/*"]`

func showPrincipals(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	alt := s.users["alt"]
	for principal, want := range map[string][2]int{ // alt, nobody
		`"Principal":"*"`:                                                  {200, 200},
		`"Principal":{"AWS":"*"}`:                                          {200, 200},
		`"Principal":{"AWS":"alt"}`:                                        {200, 403},
		`"Principal":{"AWS":["` + alt.ID + `"]}`:                           {200, 403},
		`"Principal":{"AWS":"arn:aws:iam::` + alt.ID + `:root"}`:           {200, 403},
		`"Principal":{"AWS":"arn:aws:iam:::user/alt"}`:                     {200, 403},
		`"Principal":{"CanonicalUser":"` + alt.CanonicalID + `"}`:          {200, 403},
		`"Principal":{"AWS":"arn:aws:iam::` + s.users["op"].ID + `:root"}`: {403, 403},
	} {
		s.policy(`"Effect":"Allow",` + principal + `,"Action":"s3:GetObject",` + everything)
		s.want(want[0], "alt", "GET", "/bkt/k", "")
		s.want(want[1], "", "GET", "/bkt/k", "")
	}
	s.policy(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject",`+everything, `"Effect":"Deny","NotPrincipal":{"AWS":["main","alt"]},"Action":"s3:*",`+everything)
	s.want(200, "alt", "GET", "/bkt/k", "")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt/k", "")
}

func showActions(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/a/k", "hello")
	s.want(200, "main", "PUT", "/bkt/b/k", "hello")
	const allow = `"Effect":"Allow","Principal":{"AWS":"alt"},`
	for statement, want := range map[string][3]int{ // GET a/k, GET b/k, listing
		allow + `"Action":"s3:Get*","Resource":"arn:aws:s3:::bkt/a/*"`:      {200, 403, 403},
		allow + `"Action":"s3:GetObj?ct","Resource":"arn:aws:s3:::bkt/?/k"`: {200, 200, 403},
		allow + `"Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::bkt"`:  {403, 403, 200},
		allow + `"NotAction":"s3:GetObject",` + everything:                  {403, 403, 200},
		allow + `"Action":"s3:*","NotResource":"arn:aws:s3:::bkt/a/*"`:      {403, 200, 200},
		allow + `"Action":"*","Resource":"arn:aws:s3:::bkt*"`:               {200, 200, 200},
	} {
		s.policy(statement)
		for i, path := range []string{"/bkt/a/k", "/bkt/b/k", "/bkt"} {
			s.want(want[i], "alt", "GET", path, "")
		}
	}
	s.policy(allow+`"Action":"s3:*",`+everything, `"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/b/*"`)
	s.want(200, "alt", "GET", "/bkt/a/k", "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/b/k", "")
	s.fails(s3err.AccessDenied, "main", "GET", "/bkt/b/k", "") // a deny holds against the owner
}

// conditions allows "alt" everything under each condition and tells which let
// a request pass.
func (s *testServer) conditions(method, path string, headers []string, cases map[string]bool) {
	s.t.Helper()
	for condition, pass := range cases {
		s.policy(`"Effect":"Allow","Principal":{"AWS":"alt"},"Action":"s3:*",` + everything + `,"Condition":{` + condition + `}`)
		if r := s.do("alt", method, path, "x", headers...); (r.status == 200) != pass || (!pass && r.code() != "AccessDenied") {
			s.t.Errorf("%s %s under %s: %d %s", method, path, condition, r.status, r.body)
		}
	}
}

func showStringConditions(s *testServer) {
	s.conditions("GET", "/bkt?prefix=home/alt/&delimiter=/", nil, map[string]bool{
		`"StringEquals":{"s3:prefix":["x","home/alt/"]}`:          true,
		`"StringEquals":{"s3:prefix":"home/*"}`:                   false,
		`"StringNotEquals":{"s3:prefix":"home/alt/"}`:             false,
		`"StringEqualsIgnoreCase":{"s3:prefix":"HOME/ALT/"}`:      true,
		`"StringNotEqualsIgnoreCase":{"s3:prefix":"HOME/ALT/"}`:   false,
		`"StringLike":{"s3:prefix":"home/???/*"}`:                 true,
		`"StringNotLike":{"s3:prefix":"home/*"}`:                  false,
		`"StringLike":{"s3:prefix":"home/*","s3:delimiter":"/"}`:  true,
		`"StringLike":{"s3:prefix":"home/*","s3:delimiter":"--"}`: false,
	})
	s.conditions("PUT", "/bkt/k", []string{"X-Amz-Acl", "public-read", "User-Agent", "tool/1"}, map[string]bool{
		`"StringEquals":{"s3:x-amz-acl":"public-read"}`:    true,
		`"StringNotEquals":{"s3:x-amz-acl":"public-read"}`: false,
		`"StringLike":{"aws:UserAgent":"tool/*"}`:          true,
	})
}

func showNumericConditions(s *testServer) {
	s.conditions("GET", "/bkt?max-keys=10", nil, map[string]bool{
		`"NumericEquals":{"s3:max-keys":"10"}`: true, `"NumericNotEquals":{"s3:max-keys":"10"}`: false,
		`"NumericLessThan":{"s3:max-keys":10}`: false, `"NumericLessThanEquals":{"s3:max-keys":10}`: true,
		`"NumericGreaterThan":{"s3:max-keys":9}`: true, `"NumericGreaterThanEquals":{"s3:max-keys":11}`: false,
	})
}

func showDateConditions(s *testServer) {
	now := time.Now().UTC().Format(time.RFC3339)
	s.conditions("GET", "/bkt", nil, map[string]bool{
		`"DateLessThan":{"aws:CurrentTime":"` + inTime(1) + `"}`: true, `"DateGreaterThan":{"aws:CurrentTime":"` + inTime(1) + `"}`: false,
		`"DateGreaterThanEquals":{"aws:CurrentTime":"` + now + `"}`: true, `"DateLessThanEquals":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`: false,
		`"DateGreaterThan":{"aws:EpochTime":"1700000000"}`: true,
		`"DateEquals":{"aws:CurrentTime":"2020"}`:          false, `"DateNotEquals":{"aws:CurrentTime":"2020"}`: true,
	})
}

func showBoolConditions(s *testServer) {
	s.conditions("GET", "/bkt?prefix=a", nil, map[string]bool{
		`"Bool":{"aws:SecureTransport":"true"}`: false, `"Bool":{"aws:SecureTransport":false}`: true,
		`"Null":{"s3:prefix":"false"}`: true, `"Null":{"s3:prefix":"true"}`: false, `"Null":{"s3:delimiter":true}`: true,
	})
}

func showAddressConditions(s *testServer) {
	s.conditions("GET", "/bkt", nil, map[string]bool{
		`"IpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8","::1"]}`: true, `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`: false,
		`"NotIpAddress":{"aws:SourceIp":["127.0.0.1","::1"]}`: false, `"NotIpAddress":{"aws:SourceIp":"192.0.2.7"}`: true,
	})
}

func showArnConditions(s *testServer) {
	s.conditions("GET", "/bkt", []string{"User-Agent", "cGhvdG9z"}, map[string]bool{
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"}`: true, `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/alt"}`: false,
		`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/alt"}`: true, `"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/main"}`: true,
		`"BinaryEquals":{"aws:UserAgent":"cGhvdG9z"}`: true, `"BinaryEquals":{"aws:UserAgent":"cGhvdG8="}`: false,
	})
}

func showSetConditions(s *testServer) {
	s.conditions("PUT", "/bkt/k", []string{"X-Amz-Tagging", "a=1&b=2"}, map[string]bool{
		`"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b","c"]}`: true, `"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":"a"}`: false,
		`"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["b","z"]}`: true, `"ForAnyValue:StringLike":{"s3:RequestObjectTagKeys":"z*"}`: false,
		`"StringEqualsIfExists":{"s3:x-amz-storage-class":"STANDARD"}`: true, `"StringEqualsIfExists":{"s3:RequestObjectTag/a":"2"}`: false,
	})
}

func showTagConditions(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "x", "X-Amz-Tagging", "class=Open")
	s.conditions("GET", "/bkt/k", nil, map[string]bool{
		`"StringEquals":{"s3:ExistingObjectTag/class":"Open"}`: true, `"StringEquals":{"s3:ExistingObjectTag/class":"Shut"}`: false,
	})
	s.conditions("PUT", "/bkt/new", []string{"X-Amz-Tagging", "class=Open"}, map[string]bool{
		`"StringEquals":{"s3:RequestObjectTag/class":"Open"}`: true, `"StringEquals":{"s3:RequestObjectTag/class":"Shut"}`: false,
	})
}

func showVariables(s *testServer) {
	s.policy(`"Effect":"Allow","Principal":{"AWS":"alt"},"Action":"s3:*","Resource":"arn:aws:s3:::bkt/home/${aws:username}/*"`)
	s.want(200, "alt", "PUT", "/bkt/home/alt/k", "x")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/home/main/k", "x")
	s.conditions("GET", "/bkt?prefix=home/alt/", nil, map[string]bool{
		`"StringEquals":{"s3:prefix":"home/${aws:username}/"}`: true, `"StringLike":{"s3:prefix":"home/${*}"}`: false,
	})
}
