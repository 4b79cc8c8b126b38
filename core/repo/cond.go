package repo

import (
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

func (c *WriteCond) empty() bool {
	return c.IfMatch == "" && c.IfNoneMatch == "" && c.IfMatchModified.IsZero() && c.IfMatchSize == nil
}

// decidable refuses conditions on a store that cannot judge them exactly.
func (c *WriteCond) decidable(caps meta.Capabilities) error {
	if caps.CAS == meta.None && !c.empty() {
		return s3err.NotImplemented
	}
	return nil
}

// forWrite judges the condition of a write that replaces cur; nil is nothing
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
func (c *WriteCond) forWrite(cur *catalog.Object, key string) error {
	switch {
	case c.IfMatch != "" && cur == nil:
		return s3err.NoSuchKey.Field("Key", key)
	case c.IfMatch != "" && !sameETag(c.IfMatch, cur):
		return s3err.PreconditionFailed.Field("Condition", "If-Match")
	case c.IfNoneMatch != "" && cur != nil && sameETag(c.IfNoneMatch, cur):
		return s3err.PreconditionFailed.Field("Condition", "If-None-Match")
	}
	return nil
}

// forDelete judges the condition of a deletion of target, which may be a
// delete marker. Deleting what is not there succeeds whatever the condition
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html).
func (c *WriteCond) forDelete(target *catalog.Object) error {
	switch {
	case target == nil:
		return nil
	case c.IfMatch != "" && !sameETag(c.IfMatch, target):
		return s3err.PreconditionFailed.Field("Condition", "If-Match")
	case !c.IfMatchModified.IsZero() && !c.IfMatchModified.Truncate(time.Second).Equal(target.ModTime.Truncate(time.Second)):
		return s3err.PreconditionFailed.Field("Condition", "x-amz-if-match-last-modified-time")
	case c.IfMatchSize != nil && *c.IfMatchSize != target.Size:
		return s3err.PreconditionFailed.Field("Condition", "x-amz-if-match-size")
	}
	return nil
}

func sameETag(want string, o *catalog.Object) bool { return want == "*" || want == o.ETag }

// guard refuses to drop a version that object lock protects
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html).
func guard(o *catalog.Object, now time.Time, bypassGovernance bool) error {
	held := o.LegalHold
	if o.Retention.Until.After(now) {
		held = held || o.Retention.Mode != catalog.Governance || !bypassGovernance
	}
	if held && !o.DeleteMarker {
		return s3err.AccessDenied.Say("Access Denied because object protected by object lock.")
	}
	return nil
}
