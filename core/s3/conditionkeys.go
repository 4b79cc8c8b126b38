package s3

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// headerKeys are request headers that are condition keys
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
var headerKeys = [...][2]string{
	{"User-Agent", "aws:useragent"},
	{"Referer", "aws:referer"},
	{"X-Amz-Acl", "s3:x-amz-acl"},
	{"X-Amz-Grant-Read", "s3:x-amz-grant-read"},
	{"X-Amz-Grant-Write", "s3:x-amz-grant-write"},
	{"X-Amz-Grant-Read-Acp", "s3:x-amz-grant-read-acp"},
	{"X-Amz-Grant-Write-Acp", "s3:x-amz-grant-write-acp"},
	{"X-Amz-Grant-Full-Control", "s3:x-amz-grant-full-control"},
	{"X-Amz-Copy-Source", "s3:x-amz-copy-source"},
	{"X-Amz-Metadata-Directive", "s3:x-amz-metadata-directive"},
	{"X-Amz-Server-Side-Encryption", "s3:x-amz-server-side-encryption"},
	{"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "s3:x-amz-server-side-encryption-aws-kms-key-id"},
	{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "s3:x-amz-server-side-encryption-customer-algorithm"},
	{"X-Amz-Storage-Class", "s3:x-amz-storage-class"},
	{"X-Amz-Website-Redirect-Location", "s3:x-amz-website-redirect-location"},
	{"X-Amz-Object-Ownership", "s3:x-amz-object-ownership"},
	{"X-Amz-Object-Lock-Mode", "s3:object-lock-mode"},
	{"X-Amz-Object-Lock-Retain-Until-Date", "s3:object-lock-retain-until-date"},
	{"X-Amz-Object-Lock-Legal-Hold", "s3:object-lock-legal-hold"},
	{"If-Match", "s3:if-match"},
	{"If-None-Match", "s3:if-none-match"},
}

// grantPrefix begins the headers with explicit grants.
const grantPrefix = "X-Amz-Grant-"

// queryKeys are query parameters that are condition keys.
var queryKeys = [...][2]string{
	{"prefix", "s3:prefix"},
	{"delimiter", "s3:delimiter"},
	{"max-keys", "s3:max-keys"},
	{"versionId", "s3:versionid"},
}

// conditionKeys gives the condition keys of the request, and the extra ones.
func (c *call) conditionKeys(extra []map[string][]string) map[string][]string {
	if c.context == nil {
		c.context = c.makeConditionKeys()
	}
	keys := c.context
	for _, more := range extra {
		if len(more) == 0 {
			continue
		}
		merged := make(map[string][]string, len(keys)+len(more))
		for k, v := range keys {
			merged[k] = v
		}
		for k, v := range more {
			merged[k] = v
		}
		keys = merged
	}
	return keys
}

// versionKey is the condition key of a version that the query does not name: that
// of a copy's source, or of one of several deletions. A versionId of the query says
// nothing about it.
func versionKey(version string) map[string][]string {
	if version == "" {
		return map[string][]string{"s3:versionid": nil}
	}
	return map[string][]string{"s3:versionid": {version}}
}

func (c *call) makeConditionKeys() map[string][]string {
	keys := map[string][]string{
		"aws:sourceip":        {c.remoteIP()},
		"aws:securetransport": {strconv.FormatBool(c.r.TLS != nil)},
		"aws:currenttime":     {c.now.UTC().Format(time.RFC3339)},
		"aws:epochtime":       {strconv.FormatInt(c.now.Unix(), 10)},
	}
	for _, k := range headerKeys {
		switch v := c.r.Header[k[0]]; {
		case len(v) > 1 && strings.HasPrefix(k[0], grantPrefix): // all of them count
			keys[k[1]] = []string{strings.Join(v, ", ")}
		case len(v) > 0: // the first is what is done
			keys[k[1]] = v[:1]
		}
	}
	if v := keys["s3:x-amz-copy-source"]; v != nil {
		if s, err := url.PathUnescape(v[0]); err == nil { // policies are written with plain names
			keys["s3:x-amz-copy-source"] = []string{strings.TrimPrefix(s, "/")}
		}
	}
	for _, k := range queryKeys {
		if c.query.has(k[0]) {
			keys[k[1]] = []string{c.query.get(k[0])}
		}
	}
	if c.op != nil {
		switch c.op.query {
		case "tagging", "acl", "retention", "legal-hold":
			// These change what is there, whatever condition a header names.
			delete(keys, "s3:if-match")
			delete(keys, "s3:if-none-match")
		}
	}
	c.addTagKeys(keys)
	c.addAuthKeys(keys)
	return keys
}

// addTagKeys adds the tags that x-amz-tagging asks for.
func (c *call) addTagKeys(keys map[string][]string) {
	tags, err := url.ParseQuery(c.r.Header.Get("X-Amz-Tagging"))
	if err != nil || len(tags) == 0 {
		return
	}
	for k, v := range tags {
		keys["s3:requestobjecttag/"+k] = v
		keys["s3:requestobjecttagkeys"] = append(keys["s3:requestobjecttagkeys"], k)
	}
}

// addAuthKeys adds how the request was signed.
func (c *call) addAuthKeys(keys map[string][]string) {
	if c.auth == nil || c.auth.Anonymous {
		return
	}
	keys["s3:signatureversion"] = []string{c.auth.SignatureVersion}
	keys["s3:authtype"] = []string{c.auth.AuthType}
	if c.auth.ContentSHA256 != "" {
		keys["s3:x-amz-content-sha256"] = []string{c.auth.ContentSHA256}
	}
	if !c.auth.Time.IsZero() {
		keys["s3:signatureage"] = []string{strconv.FormatInt(c.now.Sub(c.auth.Time).Milliseconds(), 10)}
	}
}
