package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/basepath"
	"github.com/mucura/mucura/core/s3err"
)

// Signature Version 2 is refused, with a word on what to set, but for GET and
// HEAD presigned with it where the site allows that: boto3 and the AWS CLI do
// so when their region is us-east-1
// (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html).

const unsupportedV2 = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."

// refuseV2Header is the error for "Authorization: AWS ID:signature". The advice
// is for what a V2 client made; anything else gets S3's plain words.
func refuseV2Header(credentials string) error {
	_, sig, _ := strings.Cut(credentials, ":")
	if !isV2Signature(sig) {
		return s3err.InvalidRequest.Say(unsupportedV2)
	}
	return s3err.InvalidRequest.Say(unsupportedV2 + " Your client signs with Signature Version 2: give davix and gfal2 a region (--s3region), set signature_v2 = False for s3cmd, signature_version = s3v4 for boto3 and the AWS CLI.")
}

func refuseV2Query(q *queryAuth) error {
	if !isV2Signature(q.v2Signature) {
		return s3err.InvalidRequest.Say(unsupportedV2)
	}
	return s3err.InvalidRequest.Say(unsupportedV2 + " This URL was presigned with Signature Version 2, which boto3 and the AWS CLI do when their region is us-east-1 or eu-west-1: set another region, or signature_version = s3v4. Give davix and gfal2 a region (--s3region).")
}

// isV2Signature says whether s looks like an HMAC-SHA1 in base64.
func isV2Signature(s string) bool {
	sum, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(sum) == sha1.Size
}

// signV2 is the signature of V2: an HMAC-SHA1 in base64.
func signV2(secret, toSign string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(toSign))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (v *Verifier) verifyV2Query(r *http.Request, q *queryAuth) (*Request, error) {
	if !v.AllowV2Query || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, refuseV2Query(q)
	}
	if q.v2ID == "" || q.v2Signature == "" || q.v2Expires == "" {
		return nil, s3err.AccessDenied.Say("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	seconds, err := strconv.ParseInt(q.v2Expires, 10, 64)
	if err != nil {
		return nil, s3err.AccessDenied.Say("Invalid date (should be seconds since epoch): %s", q.v2Expires)
	}
	if now := v.now(); now.Unix() > seconds {
		return nil, s3err.RequestExpired.
			Field("Expires", isoTime(time.Unix(seconds, 0))).
			Field("ServerTime", isoTime(now))
	}
	params := v2Parameters(r)
	token := params.amz["x-amz-security-token"]
	key, err := v.key(r.Context(), q.v2ID, token)
	if err != nil {
		return nil, err
	}
	toSign := v.v2ToSign(r, "", q.v2Expires, params)
	right := hmac.Equal([]byte(signV2(key.Secret, toSign)), []byte(q.v2Signature))
	if base := basepath.Of(r); !right && base != "" {
		right = hmac.Equal([]byte(signV2(key.Secret, v.v2ToSign(r, base, q.v2Expires, params))), []byte(q.v2Signature))
	}
	if !right {
		return nil, signatureMismatch(q.v2ID, q.v2Signature, []byte(toSign), nil)
	}
	req := &Request{
		Key: key, Presigned: true, AuthType: authQuery, SignatureVersion: "AWS",
		ContentSHA256: unsignedPayload,
	}
	return req, openBody(req, r, plain, chunkSeed{})
}

// v2Query is the query as V2 signs it.
type v2Query struct {
	resource []string          // sub-resources and response overrides: "uploadId=1"
	amz      map[string]string // Amazon's headers, from wherever
}

func v2Parameters(r *http.Request) v2Query {
	q := v2Query{amz: map[string]string{}}
	for parameter := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, hasValue := strings.Cut(parameter, "=")
		name = decodeParameter(name)
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, "x-amz-"): // headers that were moved into the query
			q.amz[lower] = decodeParameter(value)
		case !isV2Resource(name):
		case hasValue:
			q.resource = append(q.resource, name+"="+decodeParameter(value))
		default:
			q.resource = append(q.resource, name)
		}
	}
	slices.Sort(q.resource)
	for key, values := range r.Header {
		if strings.HasPrefix(key, "X-Amz-") {
			q.amz[strings.ToLower(key)] = strings.Join(values, ",")
		}
	}
	return q
}

// isV2Resource says whether a parameter is part of the resource that V2 signs.
func isV2Resource(name string) bool {
	switch name {
	case "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "inventory",
		"legal-hold", "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "partNumber",
		"policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "restore", "retention",
		"select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId",
		"versioning", "versions", "website",
		"response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires":
		return true
	}
	return false
}

// v2ToSign is the string to sign of a presigned request, whose path base goes before.
func (v *Verifier) v2ToSign(r *http.Request, base, expires string, q v2Query) string {
	var b strings.Builder
	for _, line := range []string{r.Method, first(r.Header, "Content-Md5"), first(r.Header, "Content-Type"), expires} {
		b.WriteString(line + "\n")
	}
	names := make([]string, 0, len(q.amz))
	for name := range q.amz {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(name + ":" + strings.TrimSpace(q.amz[name]) + "\n")
	}
	if v.HostBucket != nil {
		if bucket := v.HostBucket(r.Host); bucket != "" {
			b.WriteString("/" + bucket)
		}
	}
	b.WriteString(base + r.URL.EscapedPath())
	for i, resource := range q.resource {
		b.WriteString([]string{"?", "&"}[min(i, 1)] + resource)
	}
	return b.String()
}
