package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

func presignedGet(t testing.TB, expires time.Duration) string {
	return Presign(sent(t, "GET", "http://s3.example.org/bucket/key%20%2B?versionId=1", ""), exampleCredentials(), "mucura", expires, exampleTime)
}

// changed is u with one parameter of its query set, or deleted if value is "".
func changed(t testing.TB, u, name, value string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	q := parsed.Query()
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	parsed.RawQuery = q.Encode()
	return parsed.String()
}

func TestQueryRefusals(t *testing.T) {
	const (
		missing = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
		parsing = "Error parsing the X-Amz-Credential parameter; "
		week    = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
		scope   = "/20130524/mucura/s3/aws4_request"
	)
	for _, c := range []struct {
		name, value string
		row         *s3err.Code
		message     string
	}{
		{"X-Amz-Algorithm", "", s3err.AuthorizationQueryParametersErr, missing},
		{"X-Amz-Credential", "", s3err.AuthorizationQueryParametersErr, missing},
		{"X-Amz-Date", "", s3err.AuthorizationQueryParametersErr, missing},
		{"X-Amz-Expires", "", s3err.AuthorizationQueryParametersErr, missing},
		{"X-Amz-SignedHeaders", "", s3err.AuthorizationQueryParametersErr, missing},
		{"X-Amz-Signature", "", s3err.AuthorizationQueryParametersErr, missing},
		{"X-Amz-Algorithm", "AWS4-SHA256", s3err.AuthorizationQueryParametersErr, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`},
		{"X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256", s3err.AuthorizationQueryParametersErr, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`},
		{"X-Amz-Credential", "access/hello/world", s3err.AuthorizationQueryParametersErr, parsing + `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`},
		{"X-Amz-Credential", exampleID + "/20130524/mucura/s3/aws5_request", s3err.AuthorizationQueryParametersErr, parsing + `incorrect terminal "aws5_request". This endpoint uses "aws4_request".`},
		{"X-Amz-Credential", exampleID + "/20130524/mucura/sns/aws4_request", s3err.AuthorizationQueryParametersErr, parsing + `incorrect service "sns". This endpoint belongs to "s3".`},
		{"X-Amz-Credential", exampleID + "/32234Z34/mucura/s3/aws4_request", s3err.AuthorizationQueryParametersErr, parsing + `incorrect date format "32234Z34". This date in the credential must be in the format "yyyyMMdd".`},
		{"X-Amz-Credential", exampleID + "/20060102/mucura/s3/aws4_request", s3err.AuthorizationQueryParametersErr, `Invalid credential date "20060102". This date is not the same as X-Amz-Date: "20130524".`},
		{"X-Amz-Date", "Fri, 24 May 2013 00:00:00 GMT", s3err.AuthorizationQueryParametersErr, `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`},
		{"X-Amz-Expires", "invalid_value", s3err.AuthorizationQueryParametersErr, "X-Amz-Expires should be a number"},
		{"X-Amz-Expires", "-3", s3err.AuthorizationQueryParametersErr, "X-Amz-Expires must be non-negative"},
		{"X-Amz-Expires", "604801", s3err.AuthorizationQueryParametersErr, week},
		{"X-Amz-Expires", "99999999999999999999", s3err.AuthorizationQueryParametersErr, week},
		{"X-Amz-Credential", "nobody" + scope, s3err.InvalidAccessKeyID, s3err.InvalidAccessKeyID.Message},
		{"X-Amz-Security-Token", "other", s3err.InvalidToken, s3err.InvalidToken.Message},
		{"X-Amz-Security-Token", exampleToken, s3err.SignatureDoesNotMatch, noMatch},
		{"X-Amz-SignedHeaders", "range", s3err.AccessDenied, notSigned},
		{"X-Amz-Expires", "3601", s3err.SignatureDoesNotMatch, noMatch},
		{"X-Amz-Signature", strings.Repeat("0", 64), s3err.SignatureDoesNotMatch, noMatch},
		{"versionId", "2", s3err.SignatureDoesNotMatch, noMatch},
		{"more", "1", s3err.SignatureDoesNotMatch, noMatch},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			u := changed(t, presignedGet(t, time.Hour), c.name, c.value)
			e := refused(t, exampleVerifier(), transmit(t, sent(t, "GET", u, "")))
			if e.Code != c.row || e.Message() != c.message {
				t.Errorf("%v, want %s: %s", e, c.row.Code, c.message)
			}
		})
	}
}

func TestQueryUnsignedHeaders(t *testing.T) {
	r := sent(t, "GET", presignedGet(t, time.Hour), "")
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("X-Custom", "1")
	verified(t, exampleVerifier(), transmit(t, r))
	r.Header.Set("X-Amz-Copy-Source", "b/k")
	if e := refused(t, exampleVerifier(), transmit(t, r)); field(e, "HeadersNotSigned") != "x-amz-copy-source" {
		t.Error(e, e.Fields)
	}
}

func TestExpiry(t *testing.T) {
	at := func(d time.Duration) *Verifier {
		v := exampleVerifier()
		v.Now = func() time.Time { return exampleTime.Add(d) }
		return v
	}
	get := func(expires time.Duration) *http.Request {
		return transmit(t, sent(t, "GET", presignedGet(t, expires), ""))
	}
	verified(t, at(time.Hour), get(time.Hour))
	verified(t, at(7*24*time.Hour), get(7*24*time.Hour))
	verified(t, at(-15*time.Minute), get(time.Hour))

	e := refused(t, at(time.Hour+time.Second), get(time.Hour))
	if e.Code != s3err.RequestExpired || fmt.Sprint(e.Fields) != "[[X-Amz-Expires 3600] [Expires 2013-05-24T01:00:00Z] [ServerTime 2013-05-24T01:00:01Z]]" {
		t.Error(e, e.Fields)
	}
	e = refused(t, at(-16*time.Minute), get(time.Hour))
	if e.Code != s3err.AccessDenied || e.Message() != "Request is not yet valid" ||
		fmt.Sprint(e.Fields) != "[[X-Amz-Date 1369353600000] [Expires 2013-05-24T01:00:00Z] [ServerTime 2013-05-23T23:44:00Z]]" {
		t.Error(e, e.Fields)
	}
}

// Clients may name a hash in a presigned request's query or header, and send a
// token in its query.
func TestPresignedExtras(t *testing.T) {
	c := exampleCredentials()
	c.SessionToken = exampleToken
	u := Presign(sent(t, "PUT", "http://s3.example.org/b/k", ""), c, "r", time.Hour, exampleTime)
	req, body := verified(t, exampleVerifier(), transmit(t, sent(t, "PUT", u, "body")))
	if req.Key.Owner != exampleToken || body != "body" || req.Length != 4 {
		t.Errorf("%+v", req)
	}

	for _, place := range []string{"query", "header"} {
		r := sent(t, "PUT", "http://s3.example.org/b/k", "")
		signed := "host"
		if place == "header" {
			r.Header.Set("X-Amz-Content-Sha256", sha("body"))
			signed = "host;x-amz-content-sha256"
		}
		seed := newSeed(exampleCredentials(), "r", service, exampleTime)
		r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(exampleID+"/"+seed.scope) +
			"&X-Amz-Date=" + seed.stamp + "&X-Amz-Expires=60&X-Amz-SignedHeaders=" + url.QueryEscape(signed)
		if place == "query" {
			r.URL.RawQuery += "&X-Amz-Content-Sha256=" + sha("body")
		}
		seed.signRequest(r, signed, sha("body"))
		send := func(body string) *http.Request {
			again := sent(t, "PUT", r.URL.String()+"&X-Amz-Signature="+seed.signature, body)
			again.Header = r.Header
			return transmit(t, again)
		}
		if req, _ := verified(t, exampleVerifier(), send("body")); req.ContentSHA256 != sha("body") {
			t.Errorf("%s: %+v", place, req)
		}
		if e := refused(t, exampleVerifier(), send("nobody")); e.Code != s3err.XAmzContentSHA256Mismatch {
			t.Errorf("%s: %v", place, e)
		}
	}
}

func TestQueryRegion(t *testing.T) {
	v := exampleVerifier()
	v.Region = "lab-1"
	e := refused(t, v, transmit(t, sent(t, "GET", presignedGet(t, time.Hour), "")))
	if e.Code != s3err.AuthorizationQueryParametersErr || e.Message() != `Error parsing the X-Amz-Credential parameter; the region "mucura" is wrong; expecting "lab-1"` {
		t.Error(e)
	}
}

func v2URL(path, query, method, amz, resource string, expires int64, secret string) string {
	toSign := fmt.Sprintf("%s\n\n\n%d\n%s%s", method, expires, amz, path+resource)
	if query != "" {
		query += "&"
	}
	return "http://s3.example.org" + path + "?" + query + "AWSAccessKeyId=" + exampleID + "&Signature=" +
		url.QueryEscape(signV2(secret, toSign)) + fmt.Sprintf("&Expires=%d", expires)
}

func TestV2Query(t *testing.T) {
	v := exampleVerifier()
	v.AllowV2Query = true
	expires := exampleTime.Unix() + 60
	get := func(u string) *http.Request { return transmit(t, sent(t, "GET", u, "")) }
	good := v2URL("/b/a%20b%2F%C3%A9", "versionId=x%2By&response-content-type=text%2Fplain&other=1&acl", "GET", "",
		"?acl&response-content-type=text/plain&versionId=x+y", expires, exampleSecret)
	verified(t, v, get(good))
	verified(t, v, transmit(t, sent(t, "HEAD", v2URL("/b/k", "", "HEAD", "", "", expires, exampleSecret), "")))
	token := v2URL("/b/k", "x-amz-security-token="+url.QueryEscape(exampleToken), "GET", "x-amz-security-token:"+exampleToken+"\n", "", expires, exampleSecret)
	if req, _ := verified(t, v, get(token)); req.Key.Owner != exampleToken {
		t.Errorf("%+v", req)
	}

	for _, c := range []struct {
		name string
		r    *http.Request
		row  *s3err.Code
	}{
		{"other version", get(changed(t, good, "versionId", "2")), s3err.SignatureDoesNotMatch},
		{"added sub-resource", get(changed(t, good, "uploads", "1")), s3err.SignatureDoesNotMatch},
		{"other key", get(strings.Replace(good, "/b/", "/c/", 1)), s3err.SignatureDoesNotMatch},
		{"later", get(changed(t, good, "Expires", "9999999999")), s3err.SignatureDoesNotMatch},
		{"token added", get(good + "&x-amz-security-token=" + url.QueryEscape(exampleToken)), s3err.SignatureDoesNotMatch},
		{"wrong secret", get(v2URL("/b/k", "", "GET", "", "", expires, "other")), s3err.SignatureDoesNotMatch},
		{"expired", get(v2URL("/b/k", "", "GET", "", "", expires-61, exampleSecret)), s3err.RequestExpired},
		{"no number", get(changed(t, good, "Expires", "soon")), s3err.AccessDenied},
		{"no expiry", get(changed(t, good, "Expires", "")), s3err.AccessDenied},
		{"nobody", get(changed(t, good, "AWSAccessKeyId", "nobody")), s3err.InvalidAccessKeyID},
		{"PUT", transmit(t, sent(t, "PUT", v2URL("/b/k", "", "PUT", "", "", expires, exampleSecret), "x")), s3err.InvalidRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			if e := refused(t, v, c.r); e.Code != c.row {
				t.Errorf("%v, want %s", e, c.row.Code)
			}
		})
	}

	v.AllowV2Query = false
	if e := refused(t, v, get(good)); e.Code != s3err.InvalidRequest || !strings.Contains(e.Message(), "us-east-1") {
		t.Error(e)
	}
	if e := refused(t, v, get("http://s3.example.org/b/k?AWSAccessKeyId=a&Signature=my-signature&Expires=1")); e.Message() != unsupportedV2 {
		t.Error(e)
	}
}
