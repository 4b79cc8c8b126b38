package sigv4

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// maxSkew is how far a request's time may be from the server's.
const maxSkew = 15 * time.Minute

// headerClaim reads the claim of a request signed in its Authorization header.
func (v *Verifier) headerClaim(r *http.Request, authorization string, now time.Time) (claim, error) {
	c, err := parseAuthorization(authorization, v.service())
	if err != nil {
		return c, err
	}
	if err := v.checkRegion(c.credential, headerMalformed); err != nil {
		return c, err
	}
	if c.stamp, c.time, err = requestTime(r.Header); err != nil {
		return c, err
	}
	if d := now.Sub(c.time); d > maxSkew || d < -maxSkew {
		return c, s3err.RequestTimeTooSkewed.
			Field("RequestTime", c.stamp).
			Field("ServerTime", isoTime(now)).
			Field("MaxAllowedSkewMilliseconds", strconv.FormatInt(maxSkew.Milliseconds(), 10))
	}
	if c.stamp[:len(dayLayout)] != c.day {
		return c, headerMalformed("Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	c.payload = first(r.Header, "X-Amz-Content-Sha256")
	if c.payload == "" && v.service() == service {
		return c, s3err.InvalidRequest.Say("Missing required header for this request: x-amz-content-sha256")
	}
	c.token = first(r.Header, "X-Amz-Security-Token")
	return c, nil
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
// Signature=…", with or without spaces about the commas.
func parseAuthorization(value, service string) (claim, error) {
	var c claim
	scheme, rest, found := strings.Cut(strings.TrimSpace(value), " ")
	if !found {
		return c, invalidArgument("Authorization", value,
			"Authorization header is invalid -- one and only one ' ' (space) required.")
	}
	if scheme == "AWS" {
		return c, refuseV2Header(rest)
	}
	if scheme != algorithm {
		return c, invalidArgument("Authorization", scheme, "Unsupported Authorization Type")
	}
	var haveCredential, haveHeaders, haveSignature bool
	var count int
	for part := range strings.SplitSeq(rest, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		count++
		name, value, found := strings.Cut(part, "=")
		if !found {
			return c, headerMalformed("the authorization component %q is malformed.", part)
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch name {
		case "Credential":
			var err error
			if c.credential, err = parseCredential(value, service, headerMalformed); err != nil {
				return c, err
			}
			haveCredential = true
		case "SignedHeaders":
			c.signedHeaders, haveHeaders = value, value != ""
		case "Signature":
			c.signature, haveSignature = value, value != ""
		}
	}
	switch {
	case count != 3:
		return c, headerMalformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	case !haveCredential:
		return c, headerMalformed("missing Credential.")
	case !haveHeaders:
		return c, headerMalformed("missing SignedHeaders.")
	case !haveSignature:
		return c, headerMalformed("missing Signature.")
	}
	return c, nil
}

// requestTime is the time of a request signed in its headers: x-amz-date or,
// failing that, Date.
func requestTime(h http.Header) (stamp string, t time.Time, err error) {
	value := first(h, "X-Amz-Date")
	if value == "" {
		value = first(h, "Date")
	}
	if t, ok := parseStamp(value); ok {
		return value, t, nil
	}
	if t, err := http.ParseTime(value); err == nil && t.Unix() >= 0 {
		t = t.UTC()
		return t.Format(stampLayout), t, nil
	}
	return "", t, s3err.AccessDenied.Say("AWS authentication requires a valid Date or x-amz-date header.")
}

// first is Header.Get for a name in canonical form.
func first(h http.Header, key string) string {
	if values := h[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func invalidArgument(name, value, text string) error {
	return s3err.InvalidArgument.Say("%s", text).Field("ArgumentName", name).Field("ArgumentValue", value)
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
