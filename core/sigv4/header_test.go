package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// goodPut is a signed PUT, as received, whose parts a test may spoil.
func goodPut(t testing.TB) *http.Request {
	r := sent(t, "PUT", "http://s3.example.org:9000/bucket/key%20%2B?x=1&b=2", "Welcome to Amazon S3.")
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("X-Amz-Meta-A", "one  two")
	Sign(r, exampleCredentials(), "mucura", sha("Welcome to Amazon S3."), exampleTime)
	return transmit(t, r)
}

const (
	malformed   = "The authorization header is malformed; "
	badSHA256   = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
	noDate      = "AWS authentication requires a valid Date or x-amz-date header."
	notSigned   = "There were headers present in the request which were not signed"
	noMatch     = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	onlyOne     = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
	tooSkewed   = "The difference between the request time and the current time is too large."
	threeThings = "the authorization header requires three components: Credential, SignedHeaders, and Signature."
)

func TestHeaderRefusals(t *testing.T) {
	authorization := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	replace := func(pattern, with string) func(*http.Request) {
		return func(r *http.Request) {
			h := regexp.MustCompile(pattern).ReplaceAllString(r.Header.Get("Authorization"), with)
			r.Header.Set("Authorization", h)
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		name    string
		spoil   func(*http.Request)
		row     *s3err.Code
		message string
		field   [2]string
	}{
		{"no space", authorization("invalid_header"), s3err.InvalidArgument, "Authorization header is invalid -- one and only one ' ' (space) required.", [2]string{"ArgumentValue", "invalid_header"}},
		{"other scheme", replace("^AWS4-HMAC-SHA256", "AWS2-HMAC-SHA1"), s3err.InvalidArgument, "Unsupported Authorization Type", [2]string{"ArgumentValue", "AWS2-HMAC-SHA1"}},
		{"basic", authorization("Basic dTpwYXNzd29yZA=="), s3err.InvalidArgument, "Unsupported Authorization Type", [2]string{"ArgumentValue", "Basic"}},
		{"two components", replace(",SignedHeaders=[^,]*", ""), s3err.AuthorizationHeaderMalformed, malformed + threeThings, [2]string{}},
		{"four components", replace("$", ",More=1"), s3err.AuthorizationHeaderMalformed, malformed + threeThings, [2]string{}},
		{"no equals sign", replace("SignedHeaders=[^,]*", "SignedHeaders-host"), s3err.AuthorizationHeaderMalformed, malformed + `the authorization component "SignedHeaders-host" is malformed.`, [2]string{}},
		{"no credential", replace("Credential=", "missing="), s3err.AuthorizationHeaderMalformed, malformed + "missing Credential.", [2]string{}},
		{"no signed headers", replace("SignedHeaders=", "missing="), s3err.AuthorizationHeaderMalformed, malformed + "missing SignedHeaders.", [2]string{}},
		{"no signature", replace("Signature=", "missing="), s3err.AuthorizationHeaderMalformed, malformed + "missing Signature.", [2]string{}},
		{"empty signature", replace("Signature=.*", "Signature="), s3err.AuthorizationHeaderMalformed, malformed + "missing Signature.", [2]string{}},
		{"six parts", replace("Credential=[^,]+", "Credential=access/32234/us-east-1/s3/extra/things"), s3err.AuthorizationHeaderMalformed, malformed + `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`, [2]string{}},
		{"no ID", replace("Credential=[^/]+", "Credential="), s3err.AuthorizationHeaderMalformed, malformed + `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`, [2]string{}},
		{"empty credential", replace("Credential=[^,]+", "Credential="), s3err.AuthorizationHeaderMalformed, malformed + `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`, [2]string{}},
		{"terminal", replace("/20130524/mucura/s3/aws4_request", "/32234/mucura/s3/aws_request"), s3err.AuthorizationHeaderMalformed, malformed + `incorrect terminal "aws_request". This endpoint uses "aws4_request".`, [2]string{}},
		{"service", replace("/s3/", "/ec2/"), s3err.AuthorizationHeaderMalformed, malformed + `incorrect service "ec2". This endpoint belongs to "s3".`, [2]string{}},
		{"day", replace("20130524", "3223423234"), s3err.AuthorizationHeaderMalformed, malformed + `incorrect date format "3223423234". This date in the credential must be in the format "yyyyMMdd".`, [2]string{}},
		{"other day", replace("20130524", "20130523"), s3err.AuthorizationHeaderMalformed, malformed + "Invalid credential date. Date is not the same as X-Amz-Date.", [2]string{}},
		{"empty date", header("X-Amz-Date", ""), s3err.AccessDenied, noDate, [2]string{}},
		{"short date", header("X-Amz-Date", "03032006"), s3err.AccessDenied, noDate, [2]string{}},
		{"date before the epoch", header("X-Amz-Date", "19500707T215304Z"), s3err.AccessDenied, noDate, [2]string{}},
		{"old", header("X-Amz-Date", "20100707T215304Z"), s3err.RequestTimeTooSkewed, tooSkewed, [2]string{"RequestTime", "20100707T215304Z"}},
		{"future", header("X-Amz-Date", "20300707T215304Z"), s3err.RequestTimeTooSkewed, tooSkewed, [2]string{"ServerTime", "2013-05-24T00:00:00Z"}},
		{"far future", header("X-Amz-Date", "99990707T215304Z"), s3err.RequestTimeTooSkewed, tooSkewed, [2]string{"MaxAllowedSkewMilliseconds", "900000"}},
		{"no hash", header("X-Amz-Content-Sha256", ""), s3err.InvalidRequest, "Missing required header for this request: x-amz-content-sha256", [2]string{}},
		{"bad hash", header("X-Amz-Content-Sha256", "invalid_sha256"), s3err.InvalidArgument, badSHA256, [2]string{"ArgumentValue", "invalid_sha256"}},
		{"long hash", header("X-Amz-Content-Sha256", EmptyPayload+"00"), s3err.InvalidArgument, badSHA256, [2]string{"ArgumentName", "x-amz-content-sha256"}},
		{"ECDSA", header("X-Amz-Content-Sha256", ecdsaChunks), s3err.NotImplemented, s3err.NotImplemented.Message, [2]string{}},
		{"host not signed", replace(";host;", ";"), s3err.AccessDenied, notSigned, [2]string{"HeadersNotSigned", "host"}},
		{"headers not signed", func(r *http.Request) {
			r.Header.Set("X-Amz-Tagging", "a=b")
			r.Header.Set("X-Amz-Copy-Source", "b/k")
		}, s3err.AccessDenied, notSigned, [2]string{"HeadersNotSigned", "x-amz-copy-source, x-amz-tagging"}},
		{"token not signed", header("X-Amz-Security-Token", exampleToken), s3err.AccessDenied, notSigned, [2]string{"HeadersNotSigned", "x-amz-security-token"}},
		{"unknown ID", replace("Credential=[^/]+", "Credential=nobody"), s3err.InvalidAccessKeyID, s3err.InvalidAccessKeyID.Message, [2]string{"AWSAccessKeyId", "nobody"}},
		{"both", func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Algorithm=AWS4-HMAC-SHA256" }, s3err.InvalidArgument, onlyOne, [2]string{"ArgumentName", "Authorization"}},
		{"both, V2", func(r *http.Request) { r.URL.RawQuery += "&Signature=x" }, s3err.InvalidArgument, onlyOne, [2]string{"ArgumentName", "Authorization"}},
		{"V2", authorization("AWS seed_signature"), s3err.InvalidRequest, unsupportedV2, [2]string{}},
		{"short signature", replace("Signature=.*", "Signature=abc"), s3err.SignatureDoesNotMatch, noMatch, [2]string{"SignatureProvided", "abc"}},
		{"two hosts in one", func(r *http.Request) { r.Host = "s3.example.org" }, s3err.SignatureDoesNotMatch, noMatch, [2]string{"AWSAccessKeyId", exampleID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := goodPut(t)
			c.spoil(r)
			e := refused(t, exampleVerifier(), r)
			if e.Code != c.row || e.Message() != c.message {
				t.Errorf("%v, want %s: %s", e, c.row.Code, c.message)
			}
			if c.field[0] != "" && field(e, c.field[0]) != c.field[1] {
				t.Errorf("fields %v, want %v", e.Fields, c.field)
			}
		})
	}
}

// Advice goes to what a V2 client made, after S3's own words.
func TestV2Advice(t *testing.T) {
	r := goodPut(t)
	r.Header.Set("Authorization", "AWS "+exampleID+":NpgCjnDzrM+WFzoENXmpNDUsSn8=")
	e := refused(t, exampleVerifier(), r)
	if e.Code != s3err.InvalidRequest || !strings.HasPrefix(e.Message(), unsupportedV2+" ") || !strings.Contains(e.Message(), "--s3region") {
		t.Error(e)
	}
}

// What a mismatch tells is what the server signed.
func TestMismatchTellsWhatWasSigned(t *testing.T) {
	r := goodPut(t)
	r.Header.Set("X-Amz-Meta-A", "changed")
	e := refused(t, exampleVerifier(), r)
	canonical := "PUT\n/bucket/key%20%2B\nb=2&x=1\ncontent-type:text/plain\nhost:s3.example.org:9000\n" +
		"x-amz-content-sha256:" + sha("Welcome to Amazon S3.") + "\nx-amz-date:20130524T000000Z\nx-amz-meta-a:changed\n\n" +
		"content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a\n" + sha("Welcome to Amazon S3.")
	for name, want := range map[string]string{
		"CanonicalRequest":      canonical,
		"CanonicalRequestBytes": hexBytes([]byte(canonical)),
		"StringToSign":          "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/mucura/s3/aws4_request\n" + sha(canonical),
		"AWSAccessKeyId":        exampleID,
	} {
		if got := field(e, name); got != want {
			t.Errorf("%s: %q\nwant %q", name, got, want)
		}
	}
	if !strings.HasPrefix(field(e, "StringToSignBytes"), "41 57 53 34") || len(field(e, "SignatureProvided")) != 64 {
		t.Error(e.Fields)
	}
}

func TestHeaderTolerance(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"spaces":         func(r *http.Request) { respace(r, ",", " , ") },
		"space before":   func(r *http.Request) { respace(r, "AWS4-HMAC-SHA256 ", " AWS4-HMAC-SHA256   ") },
		"trailing comma": func(r *http.Request) { respace(r, ",", ",,") },
		"other order": func(r *http.Request) {
			parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ",")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+parts[2]+", "+parts[0]+", "+parts[1])
		},
		"unsigned headers of others": func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
			r.Header.Set("X-Amzn-Trace-Id", "1")
		},
		"edge of the skew": func(r *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := goodPut(t)
			change(r)
			v := exampleVerifier()
			v.Now = func() time.Time { return exampleTime.Add(15 * time.Minute) }
			verified(t, v, r)
		})
	}
}

func respace(r *http.Request, old, with string) {
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), old, with))
}

// A request may carry its time in Date alone.
func TestDateHeader(t *testing.T) {
	for _, date := range []string{"20130524T000000Z", "Fri, 24 May 2013 00:00:00 GMT"} {
		r := sent(t, "GET", "http://s3.example.org/b/k", "")
		r.Header.Set("Date", date)
		r.Header.Set("X-Amz-Content-Sha256", EmptyPayload)
		seed := newSeed(exampleCredentials(), "r", service, exampleTime)
		const signed = "date;host;x-amz-content-sha256"
		seed.signRequest(r, signed, EmptyPayload)
		r.Header.Set("Authorization", algorithm+" Credential="+exampleID+"/"+seed.scope+", SignedHeaders="+signed+", Signature="+seed.signature)
		req, _ := verified(t, exampleVerifier(), transmit(t, r))
		if !req.Time.Equal(exampleTime) {
			t.Error(req.Time)
		}
	}
}

// exampleRequest is signed with so many headers of user metadata.
func exampleRequest(t testing.TB, headers int) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://examplebucket.s3.amazonaws.com/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range headers {
		r.Header.Set(fmt.Sprintf("X-Amz-Meta-%d", i), "x")
	}
	Sign(r, exampleCredentials(), "us-east-1", emptySHA256, exampleTime)
	return r
}

// A header that is named often would be signed as often.
func TestSignedHeadersAreDistinct(t *testing.T) {
	for _, signed := range []string{
		"host;x-amz-content-sha256;x-amz-date;x-big;x-big", "host;x-amz-content-sha256;x-amz-date;X-Big;x-big",
		"host;x-amz-content-sha256;x-amz-date" + strings.Repeat(";x-big", 4000),
		"host;x-amz-content-sha256;x-amz-date" + strings.Repeat(";", 4000),
	} {
		r := goodPut(t)
		r.Header.Set("X-Big", strings.Repeat("x", 16<<10))
		a := r.Header.Get("Authorization")
		r.Header.Set("Authorization", regexp.MustCompile("SignedHeaders=[^,]*").ReplaceAllString(a, "SignedHeaders="+signed))
		if _, err := exampleVerifier().Verify(r); !errors.Is(err, s3err.AccessDenied) {
			t.Errorf("%.60s: %v", signed, err)
		}
	}
	// Many that are different are taken, and each has to be there.
	long := exampleRequest(t, 200)
	if _, err := exampleVerifier().Verify(long); err != nil {
		t.Errorf("200 signed headers: %v", err)
	}
	long.Header.Set("X-Amz-Meta-More", "1")
	if _, err := exampleVerifier().Verify(long); !errors.Is(err, s3err.AccessDenied) {
		t.Errorf("one more, not signed: %v", err)
	}
	for list, want := range map[string]bool{
		"host": true, "host;x-amz-date": true, "x-amz-date;host": true, "Host;X-Amz-Date": true, "b;a;c": true, "b;a;B": false, "a;b;a": false, "a;": true,
	} {
		if got := distinct(list); got != want {
			t.Errorf("distinct(%q) = %v", list, got)
		}
	}
}

// Headers that net/http moves out of the header map are signed all the same.
func TestMovedHeaders(t *testing.T) {
	r := sent(t, "PUT", "http://s3.example.org/b/k", "abc")
	r.Header.Set("Content-Length", "3")
	r.Header.Set("Connection", "keep-alive")
	r.Header.Set("X-Amz-Meta-List", "a")
	r.Header.Add("X-Amz-Meta-List", " b  c ")
	Sign(r, exampleCredentials(), "r", UnsignedPayload, exampleTime)
	if !strings.Contains(r.Header.Get("Authorization"), "=content-length;host;") {
		t.Fatal(r.Header)
	}
	got := transmit(t, r)
	got.Header.Del("Content-Length")
	verified(t, exampleVerifier(), got)

	r = sent(t, "PUT", "http://s3.example.org/b/k", "abc")
	r.TransferEncoding = []string{"chunked"}
	r.Header.Set("Expect", "100-continue")
	seed := newSeed(exampleCredentials(), "r", service, exampleTime)
	r.Header.Set("X-Amz-Date", seed.stamp)
	r.Header.Set("X-Amz-Content-Sha256", UnsignedPayload)
	const signed = "expect;host;transfer-encoding;x-amz-content-sha256;x-amz-date"
	seed.signRequest(r, signed, UnsignedPayload)
	r.Header.Set("Authorization", algorithm+" Credential="+exampleID+"/"+seed.scope+",SignedHeaders="+signed+",Signature="+seed.signature)
	req, body := verified(t, exampleVerifier(), transmit(t, r))
	if body != "abc" || req.Length != -1 {
		t.Errorf("%q, length %d", body, req.Length)
	}
}

func TestRegion(t *testing.T) {
	v := exampleVerifier()
	v.Region = "mucura"
	verified(t, v, goodPut(t))
	v.Region = "lab-1"
	e := refused(t, v, goodPut(t))
	if e.Code != s3err.AuthorizationHeaderMalformed || e.Message() != malformed+`the region "mucura" is wrong; expecting "lab-1"` ||
		field(e, "Region") != "lab-1" {
		t.Error(e, e.Fields)
	}
}

func TestToken(t *testing.T) {
	c := exampleCredentials()
	c.SessionToken = exampleToken
	r := sent(t, "GET", "http://s3.example.org/b/k", "")
	Sign(r, c, "r", EmptyPayload, exampleTime)
	req, _ := verified(t, exampleVerifier(), transmit(t, r))
	if req.Key.Owner != exampleToken {
		t.Error(req.Key)
	}
	c.SessionToken = "other"
	Sign(r, c, "r", EmptyPayload, exampleTime)
	if e := refused(t, exampleVerifier(), transmit(t, r)); e.Code != s3err.InvalidToken {
		t.Error(e)
	}
}

func TestAnonymous(t *testing.T) {
	put := func(sha256, body string) *http.Request {
		r := sent(t, "PUT", "http://s3.example.org/b/k?tagging", body)
		if sha256 != "" {
			r.Header.Set("X-Amz-Content-Sha256", sha256)
		}
		r.Header.Set("Authorization", "")
		return transmit(t, r)
	}
	for _, value := range []string{"", UnsignedPayload, sha("abc")} {
		req, body := verified(t, exampleVerifier(), put(value, "abc"))
		if !req.Anonymous || req.Key.ID != "" || req.AuthType != "" || body != "abc" || req.ContentSHA256 != value {
			t.Errorf("%+v %q", req, body)
		}
	}
	e := refused(t, exampleVerifier(), put("incorrect_hash", ""))
	if e.Code != s3err.XAmzContentSHA256Mismatch || field(e, "S3ComputedContentSHA256") != EmptyPayload || field(e, "ClientComputedContentSHA256") != "incorrect_hash" {
		t.Error(e, e.Fields)
	}
	if e := refused(t, exampleVerifier(), put("incorrect_hash", "abc")); e.Code != s3err.XAmzContentSHA256Mismatch {
		t.Error(e)
	}
	e = refused(t, exampleVerifier(), put(signedChunks, ""))
	if e.Code != s3err.InvalidRequest || !strings.HasPrefix(e.Message(), "Anonymous requests don't support this x-amz-content-sha256 value.") {
		t.Error(e)
	}
}
