package s3

import (
	"net/url"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// param is one query parameter, decoded.
type param struct{ name, value string }

// query holds the parameters of a request in their order. There are few, so it
// is searched, not hashed.
type query []param

// get is the value of the first parameter of that name, "" when there is none.
func (q query) get(name string) string {
	for i := range q {
		if q[i].name == name {
			return q[i].value
		}
	}
	return ""
}

// has tells whether there is a parameter of that name, with or without value.
func (q query) has(name string) bool {
	for i := range q {
		if q[i].name == name {
			return true
		}
	}
	return false
}

// maxParams bounds the parameters of a request, because they are searched one
// by one. A presigned request with every override has about 20.
const maxParams = 64

// parseQuery decodes a raw query once: "+" is a space, as S3 takes it in
// queries, and a name may go without "=".
func parseQuery(raw string) (query, error) {
	if raw == "" {
		return nil, nil
	}
	n := strings.Count(raw, "&") + 1
	if n > maxParams {
		return nil, s3err.InvalidURI
	}
	q := make(query, 0, n)
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := decodeParam(name)
		if err != nil {
			return nil, err
		}
		if value, err = decodeParam(value); err != nil {
			return nil, err
		}
		q = append(q, param{name, value})
	}
	return q, nil
}

// decodeParam undoes percent-encoding, without a copy where there is none.
func decodeParam(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, nil
	}
	d, err := url.QueryUnescape(s)
	if err != nil {
		return "", s3err.InvalidURI.With(err)
	}
	return d, nil
}

// selector is the sub-resource that selects the operation, "" for the plain
// one. A parameter that is unknown and has no value could be a sub-resource of
// S3 that came after this code, so it is NotImplemented, never taken for the
// plain operation.
func (q query) selector() (string, error) {
	sel := ""
	for i := range q {
		name := q[i].name
		switch {
		case subresources[name]:
			if sel != "" && sel != name {
				return "", conflictingParams(sel, name)
			}
			sel = name
		case q[i].value == "" && !parameters[name] && !strings.HasPrefix(strings.ToLower(name), "x-amz-"):
			return "", s3err.NotImplemented.Field("Header", name)
		}
	}
	return sel, nil
}

func conflictingParams(a, b string) error {
	return s3err.InvalidArgument.Say("Conflicting query string parameters: %s, %s", a, b).
		Field("ArgumentName", "ResourceType").Field("ArgumentValue", a)
}
