package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// metaPrefix begins the headers of user metadata, as S3 spells it in answers;
// canonicalMeta as net/http gives it in requests.
const (
	metaPrefix    = "x-amz-meta-"
	canonicalMeta = "X-Amz-Meta-"
)

// maxRedirect bounds x-amz-website-redirect-location, bytes.
const maxRedirect = 2048

// objectFromHeaders makes the object that the headers of PutObject,
// CreateMultipartUpload and CopyObject describe.
func (c *call) objectFromHeaders() (o catalog.Object, err error) {
	if err = c.metadataFromHeaders(&o); err != nil {
		return o, err
	}
	if err = c.settingsFromHeaders(&o); err != nil {
		return o, err
	}
	o.Tags, err = c.tagsFromHeaders()
	return o, err
}

// tagsFromHeaders reads x-amz-tagging, which needs a permission of its own: who
// may write to somebody's bucket may not tag there unless its owner says so.
func (c *call) tagsFromHeaders() ([]catalog.Tag, error) {
	tags, err := parseTaggingHeader(c.r.Header.Get("X-Amz-Tagging"))
	if err != nil || len(tags) == 0 {
		return nil, err
	}
	return tags, c.mayGive("s3:PutObjectTagging", nil)
}

// mayGive authorizes giving an ACL or tags to the version being written. Nobody
// owns what an anonymous request writes, so where the bucket's ACL lets everyone
// write, that is enough, unless a policy denies it.
func (c *call) mayGive(action string, o *catalog.Object) error {
	d := c.decide(action, c.key, o)
	if d.Allow || (c.principal.Anonymous() && d.ExplicitDeny == "" && c.everyoneWrites()) {
		return nil
	}
	return s3err.AccessDenied
}

// everyoneWrites tells whether the bucket's ACL, where ACLs count, lets everyone
// write. That public grants may be ignored was judged with s3:PutObject.
func (c *call) everyoneWrites() bool {
	if c.b.ACL == nil || c.f.Site.Ownership(c.b) == catalog.BucketOwnerEnforced {
		return false
	}
	for _, g := range c.b.ACL.Grants {
		if g.Group == catalog.AllUsers && (g.Permission == catalog.PermWrite || g.Permission == catalog.PermFullControl) {
			return true
		}
	}
	return false
}

// ownObject stands for the version about to be written: the writer's own, so
// that she may give it an ACL with it unless a policy denies that.
func (c *call) ownObject() *catalog.Object {
	return &catalog.Object{Owner: c.principal.ID()}
}

// settingsFromHeaders reads what never comes from a copy's source: owner, ACL,
// lock, storage class, redirect.
func (c *call) settingsFromHeaders(o *catalog.Object) (err error) {
	h := c.r.Header
	if o.Owner, o.ACL, err = c.ownerAndACL(); err != nil {
		return err
	}
	if o.Retention, o.LegalHold, err = lockFromHeaders(c); err != nil {
		return err
	}
	if o.StorageClass, err = parseStorageClass(h.Get("X-Amz-Storage-Class")); err != nil {
		return err
	}
	if o.Redirect = h.Get("X-Amz-Website-Redirect-Location"); !validRedirect(o.Redirect) {
		return s3err.InvalidRedirectLocation
	}
	return nil
}

// metadataFromHeaders reads system and user metadata.
func (c *call) metadataFromHeaders(o *catalog.Object) (err error) {
	h := c.r.Header
	o.ContentType = h.Get("Content-Type")
	o.CacheControl = h.Get("Cache-Control")
	o.ContentDisposition = h.Get("Content-Disposition")
	o.ContentLanguage = h.Get("Content-Language")
	o.ContentEncoding = storedEncoding(h["Content-Encoding"])
	o.Expires = h.Get("Expires")
	o.UserMeta, err = userMeta(h)
	return err
}

// storedEncoding is Content-Encoding without aws-chunked, which describes the
// transfer and not the object.
func storedEncoding(values []string) string {
	if len(values) == 0 {
		return ""
	}
	all := strings.Join(values, ",")
	if !strings.Contains(strings.ToLower(all), "aws-chunked") {
		return all
	}
	kept := make([]string, 0, 2)
	for e := range strings.SplitSeq(all, ",") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "aws-chunked") {
			kept = append(kept, e)
		}
	}
	return strings.Join(kept, ",")
}

// userMeta gathers x-amz-meta- headers: names in lower case and in order,
// values of one name joined by commas. MetadataTooLarge above 2 KB.
func userMeta(h http.Header) (meta []catalog.Tag, err error) {
	size := 0
	for name, values := range h {
		if len(name) <= len(canonicalMeta) || !strings.EqualFold(name[:len(canonicalMeta)], canonicalMeta) {
			continue
		}
		m := catalog.Tag{Key: strings.ToLower(name[len(canonicalMeta):]), Value: decodeMeta(strings.Join(values, ","))}
		size += len(m.Key) + len(m.Value)
		meta = append(meta, m)
	}
	if size > repo.MaxUserMeta {
		return nil, s3err.MetadataTooLarge.Field("Size", strconv.Itoa(size)).
			Field("MaxSizeAllowed", strconv.Itoa(repo.MaxUserMeta))
	}
	slices.SortFunc(meta, func(a, b catalog.Tag) int { return strings.Compare(a.Key, b.Key) })
	return meta, nil
}

// validRedirect tells whether a redirect location has a form S3 accepts.
func validRedirect(s string) bool {
	if s == "" {
		return true
	}
	return len(s) <= maxRedirect && (s[0] == '/' || strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://"))
}

// parseStorageClass accepts the classes whose objects can be read at once, and
// keeps them as a label. The archive classes are refused: an object in one
// cannot be read before a restore, which is not offered.
func parseStorageClass(s string) (string, error) {
	switch s {
	case "", "STANDARD":
		return "", nil
	case "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR", "EXPRESS_ONEZONE":
		return s, nil
	}
	return "", s3err.InvalidStorageClass.Field("StorageClassRequested", s)
}
