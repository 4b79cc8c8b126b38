package s3

import (
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/lifecycle"
	"github.com/mucura/mucura/core/s3err"
)

// transitionSize is the header that says which small objects move to another
// storage class. There is one class here, so it is only kept and shown.
const (
	transitionSize        = "X-Amz-Transition-Default-Minimum-Object-Size"
	defaultTransitionSize = "all_storage_classes_128K"
)

// getLifecycle is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
func getLifecycle(c *call) error {
	doc, err := c.f.Repo.BucketDoc(c.ctx, c.b, catalog.DocLifecycle)
	if err != nil {
		return err
	}
	if doc == nil {
		return s3err.NoSuchLifecycleConfiguration.Field("BucketName", c.bucket)
	}
	c.showTransitionSize(c.b.TransitionSize)
	return c.document(http.StatusOK, doc)
}

func (c *call) showTransitionSize(v string) {
	if v == "" {
		v = defaultTransitionSize
	}
	c.set(transitionSize, v)
}

// putLifecycle keeps the configuration in the form in which it is read again
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html).
func putLifecycle(c *call) error {
	body, err := c.readBody(lifecycle.MaxSize)
	if err != nil {
		return err
	}
	cfg, err := lifecycle.Parse(body)
	if err != nil {
		return err
	}
	size := c.r.Header.Get(transitionSize)
	switch size {
	case "", defaultTransitionSize, "varies_by_storage_class":
	default:
		return s3err.InvalidRequest.Say("Invalid TransitionDefaultMinimumObjectSize found: %s", size)
	}
	doc, err := cfg.Encode()
	if err != nil {
		return s3err.InternalError.With(err)
	}
	if err := c.f.Repo.SetBucketDoc(c.ctx, c.b, catalog.DocLifecycle, doc); err != nil {
		return err
	}
	c.showTransitionSize(size)
	if size == c.b.TransitionSize {
		return c.empty(http.StatusOK)
	}
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		b.TransitionSize = size
		return nil
	})
}

// deleteLifecycle is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketLifecycle.html
func deleteLifecycle(c *call) error {
	if err := c.f.Repo.SetBucketDoc(c.ctx, c.b, catalog.DocLifecycle, nil); err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}
