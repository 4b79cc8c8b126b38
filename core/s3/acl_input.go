package s3

import (
	"github.com/mucura/mucura/core/catalog"
)

// ownerAndACL tells who will own the object being written, and its ACL. To ask
// for one needs s3:PutObjectAcl, which a writer has on what becomes her own
// unless a policy denies it.
func (c *call) ownerAndACL() (owner string, acl *catalog.ACL, err error) {
	owner = c.f.Site.NewOwner(c.b, c.principal, c.r.Header.Get("X-Amz-Acl"))
	acl, given, err := c.aclFromHeaders(false, owner)
	if err != nil || !given {
		return owner, nil, err
	}
	return owner, acl, c.mayGive("s3:PutObjectAcl", c.ownObject())
}

// newBucketACL is the ACL of the bucket being created.
func (c *call) newBucketACL(in *catalog.Bucket) (*catalog.ACL, error) {
	acl, _, err := c.aclFromHeaders(true, in.Owner)
	return acl, err
}
