package s3

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// level tells what an address names.
type level uint8

// The levels.
const (
	service level = iota
	bucket
	object
)

// operation is one S3 operation and how a request for it is known.
type operation struct {
	name   string // as S3 spells it
	method string
	level  level
	// query is the sub-resource that selects the operation ("versioning"), ""
	// for the plain one.
	query string
	// match further selects, by header or parameter; nil matches always.
	match func(*call) bool
	// action is authorized before handle is called; when "" handle does it itself.
	action string
	// noBucket: the bucket's record is not read.
	noBucket bool
	// unsigned: whatever signature the request has is not looked at, and call.auth
	// is nil: a CORS preflight carries the signature of the request to come.
	unsigned bool
	// body: handle reads the payload. Of other operations the server discards it.
	body    bool
	handle  func(c *call) error
	logName string // as in S3's access logs, see makeLogName
}

// routes finds operations: by level, method and sub-resource. Those with a
// match come first.
type routes [object + 1]map[string]map[string][]*operation

// theRoutes is the closed list of what the front can do; it never changes.
var theRoutes = makeRoutes(objectOperations(), configOperations)

// makeRoutes indexes operations.
func makeRoutes(lists ...[]operation) *routes {
	rs := new(routes)
	for i := range rs {
		rs[i] = map[string]map[string][]*operation{}
	}
	for _, list := range lists {
		for i := range list {
			rs.add(&list[i])
		}
	}
	return rs
}

func (rs *routes) add(op *operation) {
	op.logName = makeLogName(op)
	m := rs[op.level][op.method]
	if m == nil {
		m = map[string][]*operation{}
		rs[op.level][op.method] = m
	}
	if op.match != nil {
		m[op.query] = slices.Insert(m[op.query], 0, op)
	} else {
		m[op.query] = append(m[op.query], op)
	}
}

// subresources are the query parameters that select an operation, including
// those of operations this front does not have: they must never be taken for
// the plain operation.
var subresources = makeSet(
	"abac", "accelerate", "acl", "analytics", "annotation", "annotations", "append", "attributes", "cors", "delete", "encryption",
	"intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging",
	"metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
	"metadataTable", "metrics", "notification", "object-lock", "ownershipControls",
	"policy", "policyStatus", "publicAccessBlock", "renameObject", "replication",
	"requestPayment", "restore", "retention", "select", "session", "tagging",
	"torrent", "uploadId", "uploads", "versioning", "versions", "website",
)

// parameters are query parameters without a value that do not select anything.
var parameters = makeSet(
	"bypass", "continuation-token", "delimiter", "encoding-type", "fetch-owner", "id", "key-marker",
	"list-type", "marker", "max-buckets", "max-keys", "max-parts", "max-uploads",
	"part-number-marker", "partNumber", "prefix", "response-cache-control",
	"response-content-disposition", "response-content-encoding",
	"response-content-language", "response-content-type", "response-expires",
	"start-after", "upload-id-marker", "version-id-marker", "versionId", "x-id",
	"allow-unordered", "bucket-region", "select-type",
)

func makeSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// address takes bucket, key and parameters from the URL. net/http has decoded
// the path exactly once and cleaned nothing.
func (c *call) address() (err error) {
	path := c.r.URL.Path
	if !strings.HasPrefix(path, "/") {
		return s3err.InvalidURI
	}
	c.bucket, c.key = splitAddress(c.f.Domains, c.r.Host, path)
	if c.query, err = parseQuery(c.r.URL.RawQuery); err != nil {
		return err
	}
	switch {
	case c.bucket == "" && c.key != "":
		return s3err.InvalidURI
	case !utf8.ValidString(path):
		c.bucket, c.key = strings.ToValidUTF8(c.bucket, "?"), strings.ToValidUTF8(c.key, "?")
		return s3err.InvalidURI
	case len(c.key) > repo.MaxKeyBytes:
		size := len(c.key)
		c.key = strings.ToValidUTF8(c.key[:repo.MaxKeyBytes], "")
		return s3err.KeyTooLong.Field("Size", strconv.Itoa(size)).
			Field("MaxSizeAllowed", strconv.Itoa(repo.MaxKeyBytes))
	}
	return nil
}

// splitAddress tells bucket and key of a host and a decoded path that begins
// with a slash.
func splitAddress(domains []string, host, path string) (bucket, key string) {
	path = path[1:]
	if b := bucketOfHost(domains, host); b != "" {
		return b, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// HostBucket is the bucket that a Host header names, "" when it names none.
func (f *Front) HostBucket(host string) string { return bucketOfHost(f.Domains, host) }

// bucketOfHost is the bucket that a host names, "" when it names none.
func bucketOfHost(domains []string, host string) string {
	if len(domains) == 0 {
		return ""
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	for _, d := range domains {
		if host == d { // bucket.DOMAIN may itself be a domain of the list
			return ""
		}
	}
	for _, d := range domains {
		if b, ok := strings.CutSuffix(host, "."+d); ok && b != "" {
			return b
		}
	}
	return ""
}

// level tells what the address names.
func (c *call) level() level {
	switch {
	case c.bucket == "":
		return service
	case c.key == "":
		return bucket
	}
	return object
}

// route finds the operation: MethodNotAllowed or NotImplemented when there is none.
func (c *call) route() error {
	lv := c.level()
	sub, err := c.query.selector()
	if err != nil {
		return err
	}
	if c.r.Method == http.MethodOptions {
		sub = "" // a preflight asks about any operation
	}
	for _, op := range theRoutes[lv][c.r.Method][sub] {
		if op.match == nil || op.match(c) {
			c.op = op
			break
		}
	}
	if isCopy(c) && c.r.Method != http.MethodPut {
		return badArgument(copySourceHeader, c.r.Header.Get("X-Amz-Copy-Source"), "You can only specify a copy source header for copy requests.")
	}
	if c.op != nil {
		return nil
	}
	return c.noRoute(lv, sub)
}

// noRoute tells why there is no operation.
func (c *call) noRoute(lv level, sub string) error {
	if lv == object && c.r.Method == http.MethodGet {
		switch sub {
		case "uploads":
			return s3err.InvalidRequest.Say("Key is not expected for the GET method ?uploads subresource")
		case "versions":
			return s3err.InvalidRequest.Say("There is no such thing as the ?versions sub-resource for a key")
		}
	}
	if sub != "" && !theRoutes.hasSub(lv, sub) {
		return s3err.NotImplemented.Field("Header", sub)
	}
	types := [...]string{"SERVICE", "BUCKET", "OBJECT"}
	resource := types[lv]
	if sub != "" {
		resource = strings.ToUpper(sub)
	}
	return s3err.MethodNotAllowed.Field("Method", c.r.Method).Field("ResourceType", resource)
}

// hasSub tells whether any method has an operation on the sub-resource.
func (rs *routes) hasSub(lv level, sub string) bool {
	for _, m := range rs[lv] {
		if len(m[sub]) > 0 {
			return true
		}
	}
	return false
}
