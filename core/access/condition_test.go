package access

import (
	"fmt"
	"testing"

	"github.com/mucura/mucura/core/catalog"
)

func TestConditions(t *testing.T) {
	q := Request{
		Principal: &catalog.Principal{Account: &catalog.Account{ID: "id1", Name: "alice"}},
		Action:    "s3:GetObject",
		Bucket:    &catalog.Bucket{Name: "b", Owner: "o"},
		Key:       "k",
		Object:    &catalog.Object{Tags: []catalog.Tag{{Key: "class", Value: "Open"}}},
		Context: map[string][]string{
			"s3:prefix":                {"home/alice/"},
			"s3:max-keys":              {"10"},
			"aws:sourceip":             {"192.0.2.7"},
			"aws:securetransport":      {"true"},
			"aws:currenttime":          {"2024-05-06T07:08:09Z"},
			"aws:epochtime":            {"1714979289"},
			"s3:requestobjecttagkeys":  {"a", "b"},
			"aws:useragent":            {"cGhvdG9z"},
			"s3:requestobjecttag/Case": {"x"},
			"aws:username":             {"mallory"}, // what a caller says of principals does not count
			"s3:signatureage":          {"x"},
		},
	}
	for _, tc := range []struct {
		cond string
		want bool
	}{
		{`"StringEquals":{"s3:prefix":"home/alice/"}`, true},
		{`"StringEquals":{"S3:Prefix":["x","home/alice/"]}`, true},
		{`"StringEquals":{"s3:prefix":"home/*"}`, false},
		{`"StringEquals":{"s3:prefix":"home/${aws:username}/"}`, true},
		{`"StringNotEquals":{"s3:prefix":["x","y"]}`, true},
		{`"StringNotEquals":{"s3:prefix":["x","home/alice/"]}`, false},
		{`"StringNotEquals":{"s3:delimiter":"x"}`, true}, // absent
		{`"StringEquals":{"s3:delimiter":"x"}`, false},
		{`"StringEqualsIfExists":{"s3:delimiter":"x"}`, true},
		{`"StringEqualsIfExists":{"s3:prefix":"x"}`, false},
		{`"StringEqualsIgnoreCase":{"s3:prefix":"HOME/Alice/"}`, true},
		{`"StringNotEqualsIgnoreCase":{"s3:prefix":"HOME/Alice/"}`, false},
		{`"StringLike":{"s3:prefix":"home/*"}`, true},
		{`"StringLike":{"s3:prefix":"home/?lice/"}`, true},
		{`"StringNotLike":{"s3:prefix":"home/*"}`, false},
		{`"StringEquals":{"aws:username":"alice"}`, true},
		{`"StringEquals":{"aws:username":"mallory"}`, false},
		{`"StringEquals":{"aws:userid":"id1"}`, true},
		{`"StringEquals":{"aws:PrincipalType":"User"}`, true},
		{`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::id1:user/*"}`, true},
		{`"ArnLike":{"aws:PrincipalArn":"arn:aws:*"}`, false},
		{`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/alice"}`, true},
		{`"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/alice"}`, false},
		{`"StringEquals":{"aws:ResourceAccount":"o"}`, true},
		{`"StringEquals":{"s3:ExistingObjectTag/class":"Open"}`, true},
		{`"StringEquals":{"s3:ExistingObjectTag/Class":"Open"}`, false},
		{`"StringEquals":{"s3:RequestObjectTag/Case":"x"}`, true},
		{`"NumericEquals":{"s3:max-keys":10}`, true},
		{`"NumericNotEquals":{"s3:max-keys":"10"}`, false},
		{`"NumericLessThan":{"s3:max-keys":10}`, false},
		{`"NumericLessThanEquals":{"s3:max-keys":"10.0"}`, true},
		{`"NumericGreaterThan":{"s3:max-keys":"9"}`, true},
		{`"NumericGreaterThanEquals":{"s3:max-keys":"11"}`, false},
		{`"NumericGreaterThan":{"s3:signatureage":"0"}`, false}, // not a number
		{`"DateLessThan":{"aws:CurrentTime":"2024-05-07T00:00:00Z"}`, true},
		{`"DateGreaterThan":{"aws:CurrentTime":"2024-05-07"}`, false},
		{`"DateEquals":{"aws:EpochTime":"2024-05-06T07:08:09Z"}`, true},
		{`"DateEquals":{"aws:EpochTime":1714979289}`, true},
		{`"DateNotEquals":{"aws:CurrentTime":"2024-05-06T07:08:09Z"}`, false},
		{`"DateGreaterThanEquals":{"aws:CurrentTime":"2024"}`, true},
		{`"Bool":{"aws:SecureTransport":"true"}`, true},
		{`"Bool":{"aws:SecureTransport":false}`, false},
		{`"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}`, true},
		{`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`, true},
		{`"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.7"]}`, true},
		{`"IpAddress":{"aws:SourceIp":"::ffff:192.0.2.0/120"}`, true},
		{`"IpAddress":{"aws:SourceIp":"2001:db8::/32"}`, false},
		{`"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}`, false},
		{`"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","172.16.0.0/12"]}`, true},
		{`"IpAddress":{"aws:VpcSourceIp":"192.0.2.0/24"}`, false},
		{`"NotIpAddress":{"aws:VpcSourceIp":"192.0.2.0/24"}`, true},
		{`"BinaryEquals":{"aws:UserAgent":"cGhvdG9z"}`, true},
		{`"BinaryEquals":{"aws:UserAgent":"cGhvdG9"}`, false},
		{`"Null":{"s3:delimiter":"true"}`, true},
		{`"Null":{"s3:delimiter":false}`, false},
		{`"Null":{"s3:prefix":"false"}`, true},
		{`"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["b","z"]}`, true},
		{`"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["z"]}`, false},
		{`"ForAnyValue:StringEquals":{"aws:TagKeys":["z"]}`, false},
		{`"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b","c"]}`, true},
		{`"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a"]}`, false},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}`, true},
		{`"ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":["z"]}`, true},
		{`"ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":["b"]}`, false},
		{`"ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":["b"]}`, true},
		{`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["b"]}`, false},
		{`"StringLike":{"s3:prefix":"home/*"},"NumericEquals":{"s3:max-keys":"10"}`, true},
		{`"StringLike":{"s3:prefix":"home/*"},"NumericEquals":{"s3:max-keys":"11"}`, false},
		{`"StringLike":{"s3:prefix":"home/*","s3:delimiter":"/"}`, false},
	} {
		t.Run(tc.cond, func(t *testing.T) {
			list, err := parseConditions([]byte("{"+tc.cond+"}"), true)
			if tc.cond == `"BinaryEquals":{"aws:UserAgent":"cGhvdG9"}` {
				if err == nil {
					t.Fatal("broken base64 taken")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			st := statement{everybody: true, notAction: true, notResource: true, conditions: list}
			if got := st.applies(&env{q: &q}); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAnonymousKeys(t *testing.T) {
	e := env{q: &Request{Context: map[string][]string{"aws:username": {"root"}, "aws:principalarn": {"x"}}}}
	for key, want := range map[string]string{
		"aws:username": "[]", "aws:principalarn": "[]", "aws:principalaccount": "[]",
		"aws:userid": "[anonymous]", "aws:principaltype": "[Anonymous]", "aws:resourceaccount": "[]",
	} {
		if got := fmt.Sprint(e.values(key)); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}

func TestWildAddressesWithZone(t *testing.T) {
	if _, ok := parseNet("fe80::1%eth0"); ok {
		t.Error("an address with a zone was taken")
	}
	if p, ok := parseNet("10.1.2.3"); !ok || p.String() != "10.1.2.3/32" {
		t.Errorf("got %v", p)
	}
}
