package sigv4

import (
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

const (
	stampLayout = "20060102T150405Z"
	dayLayout   = "20060102"
)

// claim is what a request says of its own signature.
type claim struct {
	credential
	signedHeaders string
	signature     string
	token         string
	payload       string // hash of the payload, or what stands in its place
	stamp         string // time as in the string to sign
	time          time.Time
	presigned     bool
}

// credential is X-Amz-Credential: whose key, for which day and region.
type credential struct {
	id, day, region string
	scope           string // "20130524/us-east-1/s3/aws4_request"
}

// refusal makes the error for a credential that is not well-formed. The text
// after its beginning is the same in header, query and form.
type refusal func(format string, args ...any) error

func headerMalformed(format string, args ...any) error {
	return s3err.AuthorizationHeaderMalformed.Say("The authorization header is malformed; "+format, args...)
}

func queryMalformed(format string, args ...any) error {
	return s3err.AuthorizationQueryParametersErr.Say(format, args...)
}

func queryCredentialMalformed(format string, args ...any) error {
	return queryMalformed("Error parsing the X-Amz-Credential parameter; "+format, args...)
}

// parseCredential takes "ID/20130524/us-east-1/s3/aws4_request" apart; it must
// be for the service.
func parseCredential(value, service string, refuse refusal) (credential, error) {
	var c credential
	if strings.Count(value, "/") != 4 || value[0] == '/' {
		return c, refuse(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	var rest, svc, end string
	c.id, c.scope, _ = strings.Cut(value, "/")
	c.day, rest, _ = strings.Cut(c.scope, "/")
	c.region, rest, _ = strings.Cut(rest, "/")
	svc, end, _ = strings.Cut(rest, "/")
	if svc != service {
		return c, refuse(`incorrect service %q. This endpoint belongs to %q.`, svc, service)
	}
	if end != terminal {
		return c, refuse(`incorrect terminal %q. This endpoint uses "aws4_request".`, end)
	}
	if _, err := time.Parse(dayLayout, c.day); err != nil {
		return c, refuse(`incorrect date format %q. This date in the credential must be in the format "yyyyMMdd".`, c.day)
	}
	return c, nil
}

// checkRegion refuses another region than the site's, if it insists on one.
func (v *Verifier) checkRegion(c credential, refuse refusal) error {
	if v.Region == "" || c.region == v.Region {
		return nil
	}
	err := refuse("the region %q is wrong; expecting %q", c.region, v.Region)
	if e := s3err.From(err); e.Code == s3err.AuthorizationHeaderMalformed {
		return e.Field("Region", v.Region)
	}
	return err
}

// parseStamp reads a time as 20060102T150405Z.
func parseStamp(s string) (time.Time, bool) {
	if len(s) != len(stampLayout) {
		return time.Time{}, false
	}
	t, err := time.Parse(stampLayout, s)
	return t, err == nil && t.Unix() >= 0
}
