package s3

import (
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// getBucketACL is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html
func getBucketACL(c *call) error {
	return c.showACL(c.b.ACL, c.b.Owner)
}

// getObjectACL is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
func getObjectACL(c *call) error {
	h, err := c.openFor("s3:GetObjectAcl", "s3:GetObjectVersionAcl")
	if err != nil {
		return err
	}
	c.showVersion(h.Object)
	return c.showACL(h.ACL, c.f.Site.ObjectOwner(c.b, h.Object))
}

// showACL answers with an ACL. Where ACLs are disabled S3 shows what holds: the
// owner's full control.
func (c *call) showACL(acl *catalog.ACL, owner string) error {
	if c.f.Site.Ownership(c.b) == catalog.BucketOwnerEnforced {
		acl = nil
	}
	doc, err := c.aclDocument(acl, owner)
	if err != nil {
		return err
	}
	return c.xml(http.StatusOK, doc)
}

// putBucketACL is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
func putBucketACL(c *call) error {
	acl, err := c.newACL(c.b.Owner)
	if err != nil {
		return err
	}
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		if err := c.f.Site.CheckSetACL(b, acl); err != nil {
			return err
		}
		b.ACL = acl
		return nil
	})
}

// putObjectACL is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html
func putObjectACL(c *call) error {
	h, err := c.openFor("s3:PutObjectAcl", "s3:PutObjectVersionAcl")
	if err != nil {
		return err
	}
	owner := c.f.Site.ObjectOwner(c.b, h.Object)
	acl, err := c.newACL(owner)
	if err != nil {
		return err
	}
	if err := c.f.Site.CheckSetACL(c.b, acl); err != nil {
		return err
	}
	return c.changeObject(http.StatusOK, func(o *catalog.Object) error {
		if c.f.Site.ObjectOwner(c.b, o) != owner {
			return s3err.OperationAborted // replaced by another writer since it was read
		}
		o.ACL = acl
		return nil
	})
}

// newACL reads the ACL that a request sets, from headers or body, for something
// that belongs to the account owner. That ACLs are disabled comes before all else.
func (c *call) newACL(owner string) (*catalog.ACL, error) {
	if err := c.f.Site.CheckSetACL(c.b, nil); err != nil {
		return nil, err
	}
	body, err := c.readBody(maxACLDoc)
	if err != nil {
		return nil, err
	}
	acl, given, err := c.requestedACL(owner, c.b.Owner)
	switch {
	case err != nil:
		return nil, err
	case given && len(body) > 0:
		return nil, s3err.UnexpectedContent
	case given:
		return acl, nil
	case len(body) == 0:
		return nil, s3err.MissingSecurityHeader.Field("MissingHeaderName", "x-amz-acl")
	}
	return c.aclFromXML(body, owner)
}
