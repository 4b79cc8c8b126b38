package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// blockXML is the body of the public access block operations.
type blockXML struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	Xmlns                 string   `xml:"xmlns,attr,omitempty"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

// getPublicAccessBlock is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html
func getPublicAccessBlock(c *call) error {
	p := c.b.Block
	if p == nil {
		return s3err.NoSuchPublicAccessBlock.Field("BucketName", c.bucket)
	}
	return c.xml(http.StatusOK, &blockXML{
		Xmlns:                 namespace,
		BlockPublicAcls:       p.BlockPublicACLs,
		IgnorePublicAcls:      p.IgnorePublicACLs,
		BlockPublicPolicy:     p.BlockPublicPolicy,
		RestrictPublicBuckets: p.RestrictPublicBuckets,
	})
}

// putPublicAccessBlock is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html
// What the document does not mention is off.
func putPublicAccessBlock(c *call) error {
	var doc blockXML
	if err := c.readXML(&doc, maxConfigDoc); err != nil {
		return err
	}
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		b.Block = &catalog.PublicAccessBlock{
			BlockPublicACLs:       doc.BlockPublicAcls,
			IgnorePublicACLs:      doc.IgnorePublicAcls,
			BlockPublicPolicy:     doc.BlockPublicPolicy,
			RestrictPublicBuckets: doc.RestrictPublicBuckets,
		}
		return nil
	})
}

// deletePublicAccessBlock is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html
func deletePublicAccessBlock(c *call) error {
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		b.Block = nil
		return nil
	})
}
