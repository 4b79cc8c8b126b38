package sigv4

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// maxExpires is how long a presigned request may live.
const maxExpires = 7 * 24 * time.Hour

// queryAuth is what a query holds of a signature, decoded, of either version.
// Of a parameter given twice the first counts; both are signed.
type queryAuth struct {
	v4, v2 bool

	algorithm, credential, date, expires, signedHeaders string
	signature, token, payload                           string

	v2ID, v2Expires, v2Signature string
}

func parseQueryAuth(raw string) queryAuth {
	var q queryAuth
	for raw != "" {
		var parameter string
		parameter, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(parameter, "=")
		q.take(decodeParameter(name), value)
	}
	return q
}

func (q *queryAuth) take(name, value string) {
	var field *string
	switch name {
	case "X-Amz-Algorithm":
		field, q.v4 = &q.algorithm, true
	case "X-Amz-Credential":
		field, q.v4 = &q.credential, true
	case "X-Amz-Expires":
		field, q.v4 = &q.expires, true
	case "X-Amz-SignedHeaders":
		field, q.v4 = &q.signedHeaders, true
	case "X-Amz-Signature":
		field, q.v4 = &q.signature, true
	case "X-Amz-Date":
		field = &q.date
	case "X-Amz-Security-Token":
		field = &q.token
	case "X-Amz-Content-Sha256":
		field = &q.payload
	case "AWSAccessKeyId":
		field, q.v2 = &q.v2ID, true
	case "Signature":
		field, q.v2 = &q.v2Signature, true
	case "Expires":
		field = &q.v2Expires
	default:
		return
	}
	if *field == "" {
		*field = decodeParameter(value)
	}
}

// decodeParameter is the meaning of a name or value of the query.
func decodeParameter(raw string) string {
	if !strings.ContainsAny(raw, "%+") {
		return raw
	}
	return string(appendDecoded(make([]byte, 0, len(raw)), raw))
}

// queryClaim reads the claim of a presigned request
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
func (v *Verifier) queryClaim(q *queryAuth, now time.Time) (claim, error) {
	c := claim{presigned: true, signedHeaders: q.signedHeaders, signature: q.signature, token: q.token, payload: q.payload}
	if q.algorithm == "" || q.credential == "" {
		return c, missingParameters()
	}
	if q.algorithm == "AWS4-ECDSA-P256-SHA256" { // which S3 knows, and we do not
		return c, queryMalformed(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	if q.algorithm != algorithm {
		return c, queryMalformed(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	}
	var err error
	if c.credential, err = parseCredential(q.credential, v.service(), queryCredentialMalformed); err != nil {
		return c, err
	}
	if err := v.checkRegion(c.credential, queryCredentialMalformed); err != nil {
		return c, err
	}
	if q.date == "" || q.signature == "" || q.signedHeaders == "" || q.expires == "" {
		return c, missingParameters()
	}
	var ok bool
	if c.time, ok = parseStamp(q.date); !ok {
		return c, queryMalformed(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	c.stamp = q.date
	if day := c.stamp[:len(dayLayout)]; day != c.day {
		return c, queryMalformed("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.day, day)
	}
	return c, checkExpiry(q.expires, c.time, now)
}

func missingParameters() error {
	return queryMalformed("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
}

// checkExpiry refuses a presigned request whose lifetime is wrong, over, or
// begins later than clocks differ.
func checkExpiry(value string, signed, now time.Time) error {
	seconds, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return queryMalformed("X-Amz-Expires should be a number")
	case seconds < 0:
		return queryMalformed("X-Amz-Expires must be non-negative")
	case seconds > int64(maxExpires/time.Second):
		return queryMalformed("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	expires := signed.Add(time.Duration(seconds) * time.Second)
	if now.After(expires) {
		return s3err.RequestExpired.
			Field("X-Amz-Expires", value).
			Field("Expires", isoTime(expires)).
			Field("ServerTime", isoTime(now))
	}
	if signed.Sub(now) > maxSkew {
		return s3err.AccessDenied.Say("Request is not yet valid").
			Field("X-Amz-Date", strconv.FormatInt(signed.UnixMilli(), 10)).
			Field("Expires", isoTime(expires)).
			Field("ServerTime", isoTime(now))
	}
	return nil
}
