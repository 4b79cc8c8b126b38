package s3

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// deleteObject deletes an object or one version
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html).
func (c *call) deleteObject() error {
	version, err := c.askedVersion()
	if err != nil {
		return err
	}
	if err := c.authorize(deleteAction(version), c.key, nil, nil); err != nil {
		return err
	}
	cond, err := c.deleteCondition()
	if err != nil {
		return err
	}
	res, err := c.f.Repo.DeleteObject(c.ctx, repo.DeleteInput{
		Bucket: c.b, Key: c.key, VersionID: version, Cond: cond,
		Owner: c.principal.ID(), BypassGovernance: c.mayBypass(c.key, version),
	})
	if err != nil {
		return err
	}
	c.set("X-Amz-Version-Id", res.VersionID)
	if res.DeleteMarker {
		c.set("X-Amz-Delete-Marker", "true")
	}
	return c.empty(http.StatusNoContent)
}

// deleteAction is the action of deleting a version, or the current one.
func deleteAction(version string) string {
	if version == "" {
		return "s3:DeleteObject"
	}
	return "s3:DeleteObjectVersion"
}

// mayBypass tells whether the request wants to delete under GOVERNANCE
// retention, and may.
func (c *call) mayBypass(key, version string) bool {
	return strings.EqualFold(c.r.Header.Get("X-Amz-Bypass-Governance-Retention"), "true") &&
		c.decide("s3:BypassGovernanceRetention", key, nil, versionKey(version)).Allow
}

// deleteCondition reads the conditions of a deletion.
func (c *call) deleteCondition() (w repo.WriteCond, err error) {
	h := c.r.Header
	w.IfMatch = unquoted(h.Get("If-Match"))
	if v := h.Get("X-Amz-If-Match-Last-Modified-Time"); v != "" {
		t, ok := parseDate(v)
		if !ok {
			return w, badArgument("x-amz-if-match-last-modified-time", v, "Invalid date")
		}
		w.IfMatchModified = t
	}
	if v := h.Get("X-Amz-If-Match-Size"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return w, badArgument("x-amz-if-match-size", v, "Invalid size")
		}
		w.IfMatchSize = &n
	}
	if h["If-None-Match"] != nil {
		return w, s3err.NotImplemented.Field("Header", "If-None-Match")
	}
	return w, nil
}
