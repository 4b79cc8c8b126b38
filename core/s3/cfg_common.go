package s3

import (
	"errors"
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// maxConfigDoc bounds the documents of settings, bytes.
const maxConfigDoc = 64 << 10

// changeBucket changes the bucket's record and answers without a body.
func (c *call) changeBucket(status int, change func(*catalog.Bucket) error) error {
	if _, err := c.f.Repo.UpdateBucket(c.ctx, c.bucket, change); err != nil {
		return err
	}
	return c.empty(status)
}

// openFor finds the version that the request names and authorizes an action on
// it: versionAction when the request has a versionId. That there is no such
// version is told only to those who may act.
func (c *call) openFor(action, versionAction string) (*repo.Handle, error) {
	return c.openWith(action, versionAction, nil, nil)
}

// mayChange is openFor for a change: extra are condition keys that the
// request's body gives, and bad is what is wrong with that body. It is reported
// after AccessDenied and before a missing version, as S3 does.
func (c *call) mayChange(action, versionAction string, extra map[string][]string, bad error) error {
	_, err := c.openWith(action, versionAction, extra, bad)
	return err
}

func (c *call) openWith(action, versionAction string, extra map[string][]string, bad error) (*repo.Handle, error) {
	version, err := c.askedVersion()
	if err != nil {
		return nil, err
	}
	if version != "" {
		action = versionAction
	}
	h, err := c.f.Repo.Open(c.ctx, c.b, c.key, version, false)
	if err != nil {
		err = c.missing(h, version, err)
		// S3 calls the key missing when the ACL is read, and nowhere else.
		if errors.Is(err, s3err.NoSuchKey) && h != nil && h.DeleteMarker && action != "s3:GetObjectAcl" {
			err = c.notOnMarker()
		}
		if bad == nil || errors.Is(err, s3err.AccessDenied) {
			return nil, err
		}
		return nil, bad
	}
	if err := c.authorize(action, c.key, h.Object, extra); err != nil {
		return nil, err
	}
	return h, bad
}

// notOnMarker refuses what a delete marker does not have: tags, an ACL, a lock.
func (c *call) notOnMarker() error {
	return s3err.MethodNotAllowed.Field("Method", c.r.Method).Field("ResourceType", "DeleteMarker")
}

// askedVersion is the version ID that the request names, "" for the current
// one. InvalidArgument for what cannot be a version ID. An empty one, which some
// programs send for none, is refused only where a version might be deleted in
// place of another.
func (c *call) askedVersion() (string, error) {
	id := c.query.get("versionId")
	if id == "" {
		if c.query.has("versionId") && c.r.Method == http.MethodDelete && c.b.Versioning != catalog.Unversioned {
			return "", badArgument("versionId", "", "Version id cannot be the empty string")
		}
		return "", nil
	}
	for i := range len(id) {
		if ch := id[i]; (ch < '0' || ch > '9') && (ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') {
			return "", badArgument("versionId", id, "Invalid version id specified")
		}
	}
	return id, nil
}

// badArgument is InvalidArgument about one named argument.
func badArgument(name, value, message string) error {
	return s3err.InvalidArgument.Say("%s", message).
		Field("ArgumentName", name).Field("ArgumentValue", value)
}

// changeObject changes the version that the request names, and answers without
// a body.
func (c *call) changeObject(status int, change func(*catalog.Object) error) error {
	o, err := c.f.Repo.Update(c.ctx, c.b, c.key, c.query.get("versionId"), change)
	if err != nil {
		return err
	}
	c.showVersion(o)
	return c.empty(status)
}

// showVersion names the version in the answer, where there are versions.
func (c *call) showVersion(o *catalog.Object) {
	if c.b.Versioning != catalog.Unversioned {
		c.set("X-Amz-Version-Id", o.VersionID())
	}
}
