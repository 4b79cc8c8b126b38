package sigv4

import (
	"net/http"
	"strings"
)

// AccessKeyID is the access key ID that a request names in its Authorization
// header or query, without looking at anything else; "" when it names none.
func AccessKeyID(r *http.Request) string {
	if a := first(r.Header, "Authorization"); a != "" {
		_, rest, ok := strings.Cut(a, "Credential=")
		if !ok {
			return ""
		}
		id, _, _ := strings.Cut(rest, "/")
		return strings.TrimSpace(id)
	}
	q := parseQueryAuth(r.URL.RawQuery)
	if q.v4 {
		id, _, _ := strings.Cut(q.credential, "/")
		return id
	}
	return q.v2ID
}
