package s3

import (
	"net/http"
	"strings"
)

// Software development kits put headers that begin with x-amz- into the query
// of a URL they presign, so that whoever gets the URL need not send them
// ("hoisting"), and S3 takes such a parameter for the header. It takes
// conditions so, too. Version 4 signs the whole query, so they can be trusted;
// Version 2 signs only some parameters, so none is taken.

// hoistsHeader tells whether a signed query has a header as a parameter: before
// the signature is verified, to find the operation.
func (c *call) hoistsHeader(name string) bool {
	if len(c.query) == 0 || !c.query.has("X-Amz-Signature") {
		return false
	}
	for i := range c.query {
		if strings.EqualFold(c.query[i].name, name) {
			return true
		}
	}
	return false
}

// takeHoisted makes headers of the parameters of a presigned request that stand
// for some. A header that was sent counts more.
func (c *call) takeHoisted() {
	if !c.auth.Presigned || c.auth.SignatureVersion != signatureV4 {
		return
	}
	var h http.Header
	for i := range c.query {
		name := http.CanonicalHeaderKey(c.query[i].name)
		if !hoistable(name) || c.r.Header[name] != nil && strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if h == nil {
			h = c.r.Header.Clone()
			r := *c.r
			r.Header = h
			c.r = &r
		}
		h[name] = []string{c.query[i].value}
	}
}

// signatureV4 is how package sigv4 names Version 4.
const signatureV4 = "AWS4-HMAC-SHA256"

// notHoisted are parameters that sign the request, and those about a payload
// that was not there yet when the URL was made: as S3 does, the checksum that
// some kits compute then, of nothing, is not believed.
var notHoisted = makeSet(
	"X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
	"X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-Signedheaders",
)

// hoistable tells whether a parameter, its name in canonical form, is a header.
func hoistable(name string) bool {
	switch name {
	case ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince:
		return true
	}
	if !strings.HasPrefix(name, "X-Amz-") || notHoisted[name] {
		return false
	}
	return !strings.HasPrefix(name, "X-Amz-Checksum-") || name == "X-Amz-Checksum-Mode"
}
