package s3

import (
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// getBucketTagging is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
func getBucketTagging(c *call) error {
	if len(c.b.Tags) == 0 {
		return s3err.NoSuchTagSet.Field("BucketName", c.bucket)
	}
	return c.xml(http.StatusOK, taggingOf(c.b.Tags))
}

// putBucketTagging replaces the whole set
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html).
func putBucketTagging(c *call) error {
	var doc taggingXML
	if err := c.readXML(&doc, maxTaggingDoc); err != nil {
		return err
	}
	tags, err := doc.tags(maxBucketTags)
	if err != nil {
		return err
	}
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		b.Tags = tags
		return nil
	})
}

// deleteBucketTagging is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketTagging.html
func deleteBucketTagging(c *call) error {
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		b.Tags = nil
		return nil
	})
}

// getObjectTagging is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
func getObjectTagging(c *call) error {
	h, err := c.openFor("s3:GetObjectTagging", "s3:GetObjectVersionTagging")
	if err != nil {
		return err
	}
	c.showVersion(h.Object)
	return c.xml(http.StatusOK, taggingOf(h.Tags))
}

// putObjectTagging replaces the whole set
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html).
func putObjectTagging(c *call) error {
	var doc taggingXML
	var tags []catalog.Tag
	bad := c.readXML(&doc, maxTaggingDoc)
	if bad == nil {
		tags, bad = doc.tags(repo.MaxTags)
	}
	err := c.mayChange("s3:PutObjectTagging", "s3:PutObjectVersionTagging", requestTagKeys(tags), bad)
	if err != nil {
		return err
	}
	return c.changeObject(http.StatusOK, func(o *catalog.Object) error {
		o.Tags = tags
		return nil
	})
}

// deleteObjectTagging is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html
func deleteObjectTagging(c *call) error {
	if err := c.mayChange("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", nil, nil); err != nil {
		return err
	}
	return c.changeObject(http.StatusNoContent, func(o *catalog.Object) error {
		o.Tags = nil
		return nil
	})
}

// requestTagKeys gives the condition keys of tags in a request.
func requestTagKeys(tags []catalog.Tag) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	keys := make(map[string][]string, len(tags)+1)
	for _, t := range tags {
		keys["s3:requestobjecttag/"+t.Key] = []string{t.Value}
		keys["s3:requestobjecttagkeys"] = append(keys["s3:requestobjecttagkeys"], t.Key)
	}
	return keys
}
