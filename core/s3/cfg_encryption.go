package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

// encryptionXML is the body of the default encryption operations.
type encryptionXML struct {
	XMLName xml.Name            `xml:"ServerSideEncryptionConfiguration"`
	Xmlns   string              `xml:"xmlns,attr,omitempty"`
	Rules   []encryptionRuleXML `xml:"Rule"`
}

type encryptionRuleXML struct {
	Default   *encryptionDefaultXML `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKey bool                  `xml:"BucketKeyEnabled"`
	Blocked   *encryptionTypesXML   `xml:"BlockedEncryptionTypes"`
}

type encryptionDefaultXML struct {
	SSEAlgorithm   string
	KMSMasterKeyID string `xml:",omitempty"`
}

type encryptionTypesXML struct {
	EncryptionType []string
}

// The values of EncryptionType.
const (
	blockedSSEC = "SSE-C"
	blockedNone = "NONE"
)

// getEncryption is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
// Unlike in S3 nothing is encrypted unless somebody asks for it, so a bucket
// whose default was not set has none to show.
func getEncryption(c *call) error {
	e := c.b.Encryption
	if e == nil {
		return s3err.ServerSideEncryptionNotFound.Field("BucketName", c.bucket)
	}
	rule := encryptionRuleXML{BucketKey: e.BucketKey}
	if e.Algorithm != "" {
		rule.Default = &encryptionDefaultXML{SSEAlgorithm: e.Algorithm}
	}
	if len(e.Blocked) > 0 {
		rule.Blocked = &encryptionTypesXML{e.Blocked}
	}
	return c.xml(http.StatusOK, &encryptionXML{Xmlns: namespace, Rules: []encryptionRuleXML{rule}})
}

// putEncryption is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
func putEncryption(c *call) error {
	var doc encryptionXML
	if err := c.readXML(&doc, maxConfigDoc); err != nil {
		return err
	}
	if len(doc.Rules) != 1 {
		return s3err.MalformedXML
	}
	e, err := doc.Rules[0].encryption()
	if err != nil {
		return err
	}
	if e.Algorithm != "" { // never promise what cannot be kept
		if _, err := c.f.Repo.SiteKey(""); err != nil {
			return err
		}
	}
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		b.Encryption = e
		return nil
	})
}

// encryption is what a rule says. NotImplemented for KMS, which is not offered.
func (r *encryptionRuleXML) encryption() (*catalog.BucketEncryption, error) {
	e := &catalog.BucketEncryption{BucketKey: r.BucketKey}
	if d := r.Default; d != nil {
		switch d.SSEAlgorithm {
		case sse.Algorithm:
			if d.KMSMasterKeyID != "" {
				return nil, s3err.InvalidArgument.Say("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse").
					Field("ArgumentName", "ApplyServerSideEncryptionByDefault")
			}
		case "aws:kms", "aws:kms:dsse":
			return nil, errKMS()
		default:
			return nil, s3err.MalformedXML
		}
		e.Algorithm = d.SSEAlgorithm
	}
	if r.Blocked != nil {
		for _, kind := range r.Blocked.EncryptionType {
			if kind != blockedSSEC && kind != blockedNone {
				return nil, s3err.MalformedXML
			}
		}
		e.Blocked = r.Blocked.EncryptionType
	}
	if r.Default == nil && len(e.Blocked) == 0 {
		return nil, s3err.MalformedXML
	}
	return e, nil
}

// deleteEncryption is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html
func deleteEncryption(c *call) error {
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		b.Encryption = nil
		return nil
	})
}
