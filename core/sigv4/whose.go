package sigv4

import (
	"net/http"
	"strings"
)

// AccessKeyID is the access key ID that a request names in its Authorization
// header or query, without looking at anything else; "" when it names none. It is
// the one that Verify would look up, if any.
func AccessKeyID(r *http.Request) string {
	if a := first(r.Header, "Authorization"); a != "" {
		_, rest, _ := strings.Cut(strings.TrimSpace(a), " ")
		credential := ""
		for part := range strings.SplitSeq(rest, ",") { // as parseAuthorization does
			if name, value, _ := strings.Cut(part, "="); strings.TrimSpace(name) == "Credential" {
				credential = strings.TrimSpace(value)
			}
		}
		return idOf(credential)
	}
	q := parseQueryAuth(r.URL.RawQuery)
	if q.v4 {
		return idOf(q.credential)
	}
	return q.v2ID
}

// AccessKeyIDOfForm is AccessKeyID for the fields of a browser's form.
func AccessKeyIDOfForm(fields map[string]string) string {
	if hasAny(fields, formFieldsV4[:]...) {
		return idOf(fields["x-amz-credential"])
	}
	return fields["awsaccesskeyid"]
}

func idOf(credential string) string {
	id, _, _ := strings.Cut(credential, "/")
	return id
}
