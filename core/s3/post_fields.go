package s3

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// formHeaders are the fields of a form that are headers of PutObject.
var formHeaders = makeSet(
	"cache-control", "content-disposition", "content-encoding", "content-language",
	"content-md5", "content-type", "expires", "x-amz-storage-class",
	"x-amz-website-redirect-location",
	"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp",
	"x-amz-grant-write", "x-amz-grant-write-acp",
)

// formPrefixes begin further such fields.
var formPrefixes = []string{metaPrefix, checksumPrefix, "x-amz-object-lock-", "x-amz-server-side-encryption"}

// requestHeaders are about the request and not the object, so they stay those
// of the request.
var requestHeaders = []string{"User-Agent", "Referer", "Origin"}

// header gives the headers of the PutObject that the form amounts to.
// MalformedXML, InvalidTag and BadRequest for its tagging document,
// InvalidRequest for a checksum of an unknown algorithm.
func (p *postForm) header(request http.Header) (http.Header, error) {
	h := make(http.Header, len(p.fields)+len(requestHeaders))
	for _, name := range requestHeaders {
		if v := request[name]; v != nil {
			h[name] = v
		}
	}
	for name, value := range p.fields {
		if !isFormHeader(name) {
			continue
		}
		if strings.HasPrefix(name, checksumPrefix) && algorithmOfHeader(name) == nil {
			switch name {
			case checksumPrefix + "algorithm", checksumPrefix + "type":
			default:
				return nil, s3err.InvalidRequest.Say("The algorithm type you specified in x-amz-checksum- header is invalid.")
			}
		}
		value = strings.TrimSpace(value)
		if !validHeader(name, value) {
			return nil, badArgument(name, value, "The field cannot be a header.")
		}
		h[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
	}
	if acl, ok := p.fields["acl"]; ok {
		h.Set("X-Amz-Acl", acl)
	} else if acl, ok := p.fields["x-amz-acl"]; ok {
		h.Set("X-Amz-Acl", acl)
	}
	if doc, ok := p.fields["tagging"]; ok {
		tags, err := parseTagging(doc)
		if err != nil {
			return nil, err
		}
		h.Set("X-Amz-Tagging", tagHeader(tags))
	}
	return h, nil
}

func isFormHeader(name string) bool {
	if formHeaders[name] {
		return true
	}
	for _, prefix := range formPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// validHeader tells whether a field can be a header: the answers to GET carry
// it as one. Names are tokens, values have no control characters.
func validHeader(name, value string) bool {
	for i := range len(name) {
		ch := name[i]
		if (ch < '0' || ch > '9') && (ch < 'a' || ch > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(ch)) {
			return false
		}
	}
	for i := range len(value) {
		if (value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f {
			return false
		}
	}
	return true
}
