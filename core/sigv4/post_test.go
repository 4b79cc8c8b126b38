package sigv4

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// policyOf is a policy document in base64, given as JSON's members.
func policyOf(t testing.TB, members map[string]any) string {
	document, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(document)
}

// v4Form signs a policy, whatever it is, as a form does.
func v4Form(policy string) map[string]string {
	seed := newSeed(exampleCredentials(), "r", service, exampleTime)
	var sig signature
	seed.key.sign(&sig, []byte(policy))
	return map[string]string{
		"policy": policy, "x-amz-algorithm": algorithm, "x-amz-credential": exampleID + "/" + seed.scope,
		"x-amz-date": seed.stamp, "x-amz-signature": string(sig[:]),
	}
}

func v2Form(policy string) map[string]string {
	return map[string]string{"policy": policy, "awsaccesskeyid": exampleID, "signature": signV2(exampleSecret, policy)}
}

// checkForm verifies a form for bucket b and checks its policy.
func checkForm(t testing.TB, form map[string]string) (*PostAuth, error) {
	auth, err := exampleVerifier().VerifyPOST(t.Context(), form, exampleTime)
	if err != nil {
		return nil, err
	}
	return auth, auth.Policy.Check(form, "b", form["key"])
}

func TestSignPolicy(t *testing.T) {
	c := exampleCredentials()
	c.SessionToken = exampleToken
	fields, err := SignPolicy(c, "mucura", exampleTime.Add(time.Hour),
		[]any{map[string]string{"bucket": "b"}, []any{"starts-with", "$key", "user/"}, []any{"content-length-range", 1, 100}}, exampleTime)
	if err != nil {
		t.Fatal(err)
	}
	fields["key"], fields["x-ignore-this"] = "user/1", "x"
	auth, err := checkForm(t, fields)
	if err != nil {
		t.Fatal(err, details(err))
	}
	if least, most, ok := auth.Policy.LengthRange(); least != 1 || most != 100 || !ok {
		t.Error(least, most, ok)
	}
	if auth.Key.Owner != exampleToken || auth.Region != "mucura" || !auth.Time.Equal(exampleTime) ||
		auth.SignatureVersion != algorithm || !auth.Policy.Expiration().Equal(exampleTime.Add(time.Hour)) {
		t.Errorf("%+v", auth)
	}
	if _, err := SignPolicy(c, "r", exampleTime, []any{func() {}}, exampleTime); err == nil {
		t.Error("a function is no condition")
	}
}

func TestPostAnonymous(t *testing.T) {
	auth, err := checkForm(t, map[string]string{"key": "k", "acl": "public-read", "content-type": "text/plain"})
	if err != nil || !auth.Anonymous || auth.Key.ID != "" || auth.Policy != nil {
		t.Errorf("%+v, %v", auth, err)
	}
	if _, _, ok := auth.Policy.LengthRange(); ok {
		t.Error("no policy has a range")
	}
}

func TestPostRefusals(t *testing.T) {
	good := policyOf(t, map[string]any{"expiration": "2013-05-24T01:00:00Z", "conditions": []any{map[string]string{"bucket": "b"}}})
	missing := func(name string) string {
		return "Bucket POST must contain a field named '" + name + "'.  If it is specified, please check the order of the fields."
	}
	const scope = "/20130524/r/s3/aws4_request"
	for _, c := range []struct {
		form         map[string]string
		name, change string // "" deletes
		row          *s3err.Code
		message      string
	}{
		{v4Form(good), "policy", "", s3err.InvalidArgument, missing("policy")},
		{v4Form(good), "x-amz-algorithm", "", s3err.InvalidArgument, missing("x-amz-algorithm")},
		{v4Form(good), "x-amz-credential", "", s3err.InvalidArgument, missing("x-amz-credential")},
		{v4Form(good), "x-amz-date", "", s3err.InvalidArgument, missing("x-amz-date")},
		{v4Form(good), "x-amz-signature", "", s3err.InvalidArgument, missing("x-amz-signature")},
		{map[string]string{"policy": good}, "x", "", s3err.InvalidArgument, missing("x-amz-algorithm")},
		{v4Form(good), "x-amz-algorithm", "invalid", s3err.InvalidArgument, "Only AWS4-HMAC-SHA256 is supported"},
		{v4Form(good), "x-amz-date", "invalid_date", s3err.InvalidArgument, "X-Amz-Date must be formated via ISO8601 Long format"},
		{v4Form(good), "x-amz-date", "20130501T000000Z", s3err.AccessDenied, "Invalid according to Policy: Policy expired."},
		{v4Form(good), "x-amz-date", "20130523T000000Z", s3err.InvalidArgument, `Invalid credential date "20130524". This date is not the same as X-Amz-Date: "20130523".`},
		{v4Form(good), "x-amz-credential", "malformed-no-slashes", s3err.InvalidArgument, `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`},
		{v4Form(good), "x-amz-credential", "nobody" + scope, s3err.InvalidAccessKeyID, s3err.InvalidAccessKeyID.Message},
		{v4Form(good), "x-amz-credential", exampleID + "/20130524/other/s3/aws4_request", s3err.SignatureDoesNotMatch, noMatch},
		{v4Form(good), "x-amz-signature", "incorrect_signature", s3err.SignatureDoesNotMatch, noMatch},
		{v4Form(good), "policy", good + " ", s3err.SignatureDoesNotMatch, noMatch},
		{v4Form(good), "x-amz-security-token", "other", s3err.InvalidToken, s3err.InvalidToken.Message},
		{v2Form(good), "policy", "", s3err.InvalidArgument, missing("policy")},
		{v2Form(good), "awsaccesskeyid", "", s3err.InvalidArgument, missing("AWSAccessKeyId")},
		{v2Form(good), "signature", "", s3err.InvalidArgument, missing("signature")},
		{v2Form(good), "awsaccesskeyid", "nobody", s3err.InvalidAccessKeyID, s3err.InvalidAccessKeyID.Message},
		{v2Form(good), "signature", signV2("other", good), s3err.SignatureDoesNotMatch, noMatch},
		{v2Form(good), "policy", good[4:], s3err.SignatureDoesNotMatch, noMatch},
	} {
		form := maps.Clone(c.form)
		form[c.name] = c.change
		if c.change == "" {
			delete(form, c.name)
		}
		_, err := checkForm(t, form)
		if err == nil {
			t.Errorf("%s=%s: accepted", c.name, c.change)
		} else if e := rowed(t, err); e.Code != c.row || e.Message() != c.message {
			t.Errorf("%s=%s: %v, want %s: %s", c.name, c.change, e, c.row.Code, c.message)
		}
	}

	form := v4Form(good)
	form["x-amz-signature"] = "incorrect_signature"
	_, err := checkForm(t, form)
	if e := s3err.From(err); field(e, "StringToSign") != good || field(e, "CanonicalRequest") != "" ||
		field(e, "SignatureProvided") != "incorrect_signature" || field(e, "StringToSignBytes") != hexBytes([]byte(good)) {
		t.Error(e.Fields)
	}
	v := exampleVerifier()
	v.Region = "elsewhere"
	if _, err := v.VerifyPOST(t.Context(), v4Form(good), exampleTime); s3err.From(err).Message() != `the region "r" is wrong; expecting "elsewhere"` {
		t.Error(err)
	}
}

func TestPolicyDocuments(t *testing.T) {
	with := func(conditions ...any) string {
		return policyOf(t, map[string]any{"expiration": "2013-05-24T01:00:00Z", "conditions": conditions})
	}
	raw := func(document string) string { return base64.StdEncoding.EncodeToString([]byte(document)) }
	list := func(items ...any) []any { return append([]any{}, items...) }
	for _, c := range []struct{ policy, message string }{
		{"", "Invalid Policy: Expecting '{' but found End-of-Input"},
		{"invalid_base64", "Invalid Policy: invalid Base64 encoding."},
		{raw("invalid json"), "Invalid Policy: Invalid JSON."},
		{raw("[]"), "Invalid Policy: Invalid JSON."},
		{raw("null"), "Invalid Policy: Policy missing expiration."},
		{raw(`{"conditions": []}`), "Invalid Policy: Policy missing expiration."},
		{raw(`{"EXPIRATION": "2013-05-24T01:00:00Z", "conditions": []}`), "Invalid Policy: Policy missing expiration."},
		{raw(`{"expiration": true, "conditions": []}`), "Invalid Policy: Invalid JSON."},
		{raw(`{"expiration": "invalid", "conditions": []}`), "Invalid Policy: Invalid 'expiration' value: 'invalid'"},
		{raw(`{"expiration": "2013-05-24 01:00:00+00:00", "conditions": []}`), "Invalid Policy: Invalid 'expiration' value: '2013-05-24 01:00:00+00:00'"},
		{raw(`{"expiration": "2013-05-24T01:00:00Z"}`), "Invalid Policy: Policy missing conditions."},
		{raw(`{"expiration": "2013-05-24T01:00:00Z", "CONDITIONS": []}`), "Invalid Policy: Policy missing conditions."},
		{raw(`{"expiration": "2013-05-24T01:00:00Z", "conditions": true}`), "Invalid Policy: Invalid 'conditions' value: must be a List."},
		{raw(`{"expiration": "2013-05-24T01:00:00Z", "conditions": null}`), "Invalid Policy: Invalid 'conditions' value: must be a List."},
		{raw(`{"expiration": "2013-05-24T01:00:00Z", "conditions": [], "extra": 1}`), `Invalid Policy: Unexpected: "extra"`},
		{with(true), "Invalid Policy: Invalid condition test: must be a List or Object."},
		{with(nil), "Invalid Policy: Invalid condition test: must be a List or Object."},
		{with(map[string]string{}), "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		{with(map[string]string{"a": "1", "b": "2"}), "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		{with(map[string]bool{"a": true}), "Invalid Policy: Invalid Simple-Condition: value must be a string."},
		{with(list()), "Invalid Policy: Invalid Condition: missing operation identifier."},
		{with(list(1, "$a", "b")), "Invalid Policy: Invalid JSON."},
		{with(list("invalid", "$a", "b")), "Invalid Policy: Invalid Condition: unknown operation 'invalid'."},
		{with(list("eq", "$a", "b", "c")), "Invalid Policy: Invalid eq: wrong number of arguments."},
		{with(list("content-length-range", 0)), "Invalid Policy: Invalid content-length-range: wrong number of arguments."},
		{with(list("eq", false, "b")), "Invalid Policy: Invalid JSON."},
		{with(list("eq", "$a", true)), "Invalid Policy: Invalid JSON."},
		{with(list("content-length-range", 12, false)), "Invalid Policy: Invalid JSON."},
		{with(list("content-length-range", "invalid", "14")), "Invalid Policy: Invalid JSON."},
		{with(list("content-length-range", 1.5, 14)), "Invalid Policy: Invalid JSON."},
		{with(list("content-length-range", -1, 0)), "Invalid Policy: Invalid content-length-range: lengths must not be negative."},
	} {
		for _, form := range []map[string]string{v4Form(c.policy), v2Form(c.policy)} {
			_, err := checkForm(t, form)
			if err == nil {
				t.Errorf("%s: accepted", c.message)
			} else if e := rowed(t, err); e.Code != s3err.InvalidPolicyDocument || e.Message() != c.message {
				t.Errorf("%v, want %s", e, c.message)
			}
		}
	}
}

func TestPolicyConditions(t *testing.T) {
	list := func(items ...any) []any { return append([]any{}, items...) }
	bucket := map[string]string{"bucket": "b"}
	failed := func(condition string) string {
		return "Invalid according to Policy: Policy Condition failed: " + condition
	}
	extra := func(names string) string { return "Invalid according to Policy: Extra input fields: " + names }
	for _, c := range []struct {
		conditions []any
		fields     string // "name=value;…"
		message    string // "": allowed
	}{
		{list(bucket), "", ""},
		{list(list("eq", "$bucket", "b")), "bucket=other", ""}, // the bucket is the request's
		{list(list("starts-with", "$bucket", "")), "", ""},
		{list(bucket, list("eq", "$content-type", "text/plain")), "content-type=text/plain", ""},
		{list(map[string]string{"bUcKeT": "b"}, list("StArTs-WiTh", "$KeY", "foo"), map[string]string{"AcL": "private"}), "key=foo.txt;acl=private", ""},
		{list(bucket, list("starts-with", "$x-amz-meta-tag", "")), "x-amz-meta-tag=any", ""},
		{list(bucket, list("starts-with", "$key", `\$foo`)), `key=\$foo.txt`, ""},
		{list(bucket, list("starts-with", "$content-type", "text/")), "content-type=text/plain, text/html", ""},
		{list(bucket, list("content-length-range", "1", 100)), "x-ignore-me=1;file=x", ""},
		{list(bucket), "x-amz-checksum-crc32=MSpqpg==", ""},
		{list(bucket, list("eq", "$x-amz-checksum-crc32", "a")), "x-amz-checksum-crc32=b", failed(`["eq","$x-amz-checksum-crc32","a"]`)},
		{list(bucket, list("eq", "$success_action_status", 200)), "success_action_status=200", ""},
		{list(bucket, list("eq", "$content-type", "text/plain")), "content-type=image/jpeg", failed(`["eq","$content-type","text/plain"]`)},
		{list(bucket, list("starts-with", "$x-amz-meta-path", "allowed/")), "x-amz-meta-path=forbidden/", failed(`["starts-with","$x-amz-meta-path","allowed/"]`)},
		{list(bucket, list("starts-with", "$content-type", "text/")), "content-type=text/plain, image/jpeg", failed(`["starts-with","$content-type","text/"]`)},
		{list(list("eq", "$bucket", "other")), "bucket=other", failed(`["eq","$bucket","other"]`)},
		{list(bucket, map[string]string{"content-type": "a/b"}), "content-type=text/html", failed(`["eq", "$content-type", "a/b"]`)},
		{list(bucket, list("eq", "$x-amz-meta-a", "")), "", failed(`["eq","$x-amz-meta-a",""]`)},
		{list(bucket, list("eq", "$key", "expected")), "key=other", failed(`["eq","$key","expected"]`)},
		{list(bucket, list("eq", "content-type", "a")), "content-type=a", failed(`["eq","content-type","a"]`)},
		{list(bucket, list("eq", "$", "a")), "", failed(`["eq","$","a"]`)},
		{list(bucket), "x-amz-meta-custom=1;content-type=a", extra("content-type, x-amz-meta-custom")},
		{list(), "", extra("bucket")},
	} {
		form := v2Form(policyOf(t, map[string]any{"expiration": "2013-05-24T01:00:00.000Z", "conditions": c.conditions}))
		for pair := range strings.SplitSeq(c.fields, ";") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				form[name] = value
			}
		}
		_, err := checkForm(t, form)
		switch {
		case c.message == "" && err != nil:
			t.Errorf("%v: %v", c.conditions, err)
		case c.message != "" && err == nil:
			t.Errorf("%v: accepted", c.conditions)
		case c.message != "":
			if e := rowed(t, err); e.Code != s3err.AccessDenied || e.Message() != c.message {
				t.Errorf("%v\nwant %s", e, c.message)
			}
		}
	}
}

func TestPolicyEnds(t *testing.T) {
	policy := policyOf(t, map[string]any{"expiration": "2013-05-24T00:00:00Z", "conditions": []any{map[string]string{"bucket": "b"}}})
	if _, err := checkForm(t, v2Form(policy)); err != nil {
		t.Error(err)
	}
	_, err := exampleVerifier().VerifyPOST(t.Context(), v2Form(policy), exampleTime.Add(time.Second))
	if e := rowed(t, err); e.Code != s3err.AccessDenied || e.Message() != "Invalid according to Policy: Policy expired." {
		t.Error(e)
	}
}

func TestPolicyRangesHoldTogether(t *testing.T) {
	policy := policyOf(t, map[string]any{"expiration": "2013-05-24T01:00:00Z", "conditions": []any{
		map[string]string{"bucket": "b"}, []any{"content-length-range", 5, 100}, []any{"content-length-range", 1, 50}}})
	auth, err := checkForm(t, v2Form(policy))
	if err != nil {
		t.Fatal(err)
	}
	if least, most, ok := auth.Policy.LengthRange(); least != 5 || most != 50 || !ok {
		t.Error(least, most, ok)
	}
}
