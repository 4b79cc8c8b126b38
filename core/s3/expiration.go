package s3

import (
	"net/http"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/lifecycle"
)

// lifecycleRules reads the bucket's lifecycle configuration; nil when there is
// none, or none that can be read: what will happen some day is shown beside
// what was asked for, and is not worth failing.
func (c *call) lifecycleRules() *lifecycle.Config {
	if !c.b.HasLifecycle {
		return nil
	}
	doc, err := c.f.Repo.BucketDoc(c.ctx, c.b, catalog.DocLifecycle)
	if err != nil || doc == nil {
		return nil
	}
	rules, err := lifecycle.Parse(doc)
	if err != nil {
		return nil
	}
	return rules
}

// showExpiration sets x-amz-expiration when a rule will expire the current
// version.
func (c *call) showExpiration(o *catalog.Object) {
	if !c.b.HasLifecycle || o.DeleteMarker || c.query.has("versionId") {
		return
	}
	if rules := c.lifecycleRules(); rules != nil {
		if at, rule, ok := rules.ExpirationHeader(c.key, o.Size, o.Tags, o.ModTime); ok {
			c.set("X-Amz-Expiration", lifecycle.FormatExpiration(at, rule))
		}
	}
}

// showAbort tells when a rule will abort the upload.
func (c *call) showAbort(initiated time.Time) {
	if rules := c.lifecycleRules(); rules != nil {
		if at, rule, ok := rules.AbortDate(c.key, initiated); ok {
			c.set("X-Amz-Abort-Date", at.UTC().Format(http.TimeFormat))
			c.set("X-Amz-Abort-Rule-Id", rule)
		}
	}
}
