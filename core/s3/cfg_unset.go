package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/mucura/mucura/core/s3err"
)

// Settings this front does not offer. Reading them gives what S3 says of a
// bucket on which they were never set, so clients that look at everything
// (consoles, Terraform, sync tools) work; setting them is NotImplemented.

// emptyDocument answers with an element that has no content.
func emptyDocument(element string) func(*call) error {
	doc := []byte(xmlHeader + "<" + element + ` xmlns="` + namespace + `"></` + element + ">")
	return func(c *call) error { return c.document(http.StatusOK, doc) }
}

// emptyList answers with a list of configurations that is empty and complete;
// a single configuration, asked for by id, is not there.
func emptyList(element string) func(*call) error {
	doc := []byte(xmlHeader + "<" + element + ` xmlns="` + namespace + `"><IsTruncated>false</IsTruncated></` + element + ">")
	return func(c *call) error {
		if c.query.has("id") {
			return s3err.NoSuchConfiguration.Field("BucketName", c.bucket)
		}
		return c.document(http.StatusOK, doc)
	}
}

// notThere answers with a row of the error table that names the bucket.
func notThere(row *s3err.Code) func(*call) error {
	return func(c *call) error { return row.Field("BucketName", c.bucket) }
}

// gone answers a deletion of what is never there.
func gone(c *call) error { return c.empty(http.StatusNoContent) }

// notOffered refuses, naming the sub-resource.
func notOffered(c *call) error { return s3err.NotImplemented.Field("Header", c.op.query) }

// paymentXML is the body of the request payment operations.
type paymentXML struct {
	XMLName xml.Name `xml:"RequestPaymentConfiguration"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Payer   string
}

// getRequestPayment is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html
func getRequestPayment(c *call) error {
	return c.xml(http.StatusOK, &paymentXML{Xmlns: namespace, Payer: "BucketOwner"})
}

// putRequestPayment accepts what holds anyway
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketRequestPayment.html).
func putRequestPayment(c *call) error {
	var doc paymentXML
	if err := c.readXML(&doc, maxConfigDoc); err != nil {
		return err
	}
	switch doc.Payer {
	case "BucketOwner":
		return c.empty(http.StatusOK)
	case "Requester":
		return s3err.NotImplemented.Say("Requester pays is not implemented.")
	}
	return s3err.MalformedXML
}

// statusXML is a document of which only the presence of elements matters, or a
// Status.
type statusXML struct {
	XMLName  xml.Name
	Status   string       `xml:"Status"`
	Elements []anyElement `xml:",any"`
}

type anyElement struct{ XMLName xml.Name }

// putIfEmpty accepts a document that switches everything off, which is how it
// is: notifications and logging without a target, acceleration suspended.
func putIfEmpty(element string) func(*call) error {
	return func(c *call) error {
		var doc statusXML
		if err := c.readXML(&doc, maxConfigDoc); err != nil {
			return err
		}
		switch {
		case doc.XMLName.Local != element:
			return s3err.MalformedXML
		case len(doc.Elements) > 0 || (doc.Status != "" && doc.Status != "Suspended"):
			return notOffered(c)
		}
		return c.empty(http.StatusOK)
	}
}

// restoreObject is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html
// Nothing is ever archived, so there is nothing to restore.
func restoreObject(c *call) error {
	if _, err := c.openFor("s3:RestoreObject", "s3:RestoreObject"); err != nil {
		return err
	}
	return s3err.InvalidObjectState.Say("Restore is not allowed for the object's current storage class")
}
