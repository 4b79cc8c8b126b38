package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// ownershipXML is the body of the ownership controls operations.
type ownershipXML struct {
	XMLName xml.Name           `xml:"OwnershipControls"`
	Xmlns   string             `xml:"xmlns,attr,omitempty"`
	Rule    []ownershipRuleXML `xml:"Rule"`
}

type ownershipRuleXML struct {
	ObjectOwnership catalog.Ownership
}

// validOwnership tells whether o is one of S3's settings.
func validOwnership(o catalog.Ownership) bool {
	switch o {
	case catalog.BucketOwnerEnforced, catalog.BucketOwnerPreferred, catalog.ObjectWriter:
		return true
	}
	return false
}

// getOwnershipControls is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketOwnershipControls.html
func getOwnershipControls(c *call) error {
	if c.b.Ownership == "" {
		return s3err.OwnershipControlsNotFound.Field("BucketName", c.bucket)
	}
	return c.xml(http.StatusOK, &ownershipXML{Xmlns: namespace, Rule: []ownershipRuleXML{{c.b.Ownership}}})
}

// putOwnershipControls is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketOwnershipControls.html
func putOwnershipControls(c *call) error {
	var doc ownershipXML
	if err := c.readXML(&doc, maxConfigDoc); err != nil {
		return err
	}
	if len(doc.Rule) != 1 || !validOwnership(doc.Rule[0].ObjectOwnership) {
		return s3err.MalformedXML
	}
	setting := doc.Rule[0].ObjectOwnership
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		b.Ownership = setting
		if setting != catalog.BucketOwnerEnforced {
			return nil
		}
		return c.f.Site.CheckCreateACL(b, b.ACL)
	})
}

// deleteOwnershipControls is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketOwnershipControls.html
// The site's default holds again.
func deleteOwnershipControls(c *call) error {
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		b.Ownership = ""
		return nil
	})
}
