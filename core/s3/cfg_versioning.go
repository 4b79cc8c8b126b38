package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// versioningXML is the body of the versioning operations. MFA delete is not
// offered, so MfaDelete is never shown.
type versioningXML struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Xmlns     string   `xml:"xmlns,attr,omitempty"`
	Status    *string  `xml:",omitempty"`
	MfaDelete *string  `xml:",omitempty"`
}

// state checks the document and gives the state it asks for.
func (v *versioningXML) state() (catalog.Versioning, error) {
	if v.MfaDelete != nil && *v.MfaDelete != "Disabled" {
		if *v.MfaDelete == "Enabled" {
			return "", s3err.NotImplemented.Say("MFA delete is not implemented.")
		}
		return "", s3err.MalformedXML
	}
	if v.Status == nil {
		return "", s3err.IllegalVersioningConfiguration
	}
	state := catalog.Versioning(*v.Status)
	if state != catalog.VersioningEnabled && state != catalog.VersioningSuspended {
		return "", s3err.MalformedXML
	}
	return state, nil
}

// getBucketVersioning is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
func getBucketVersioning(c *call) error {
	doc := versioningXML{Xmlns: namespace}
	if c.b.Versioning != catalog.Unversioned {
		doc.Status = (*string)(&c.b.Versioning)
	}
	return c.xml(http.StatusOK, &doc)
}

// putBucketVersioning is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
func putBucketVersioning(c *call) error {
	var doc versioningXML
	if err := c.readXML(&doc, maxConfigDoc); err != nil {
		return err
	}
	state, err := doc.state()
	if err != nil {
		return err
	}
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		if state == catalog.VersioningSuspended && b.Lock != nil && b.Lock.Enabled {
			return s3err.InvalidBucketState.Say("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		b.Versioning = state
		return nil
	})
}
