package access

import (
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// Ownership is the object ownership setting in force for a bucket: its own,
// else the site's, else BucketOwnerEnforced, as S3 has for new buckets
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html).
func (s Site) Ownership(b *catalog.Bucket) catalog.Ownership {
	switch {
	case b.Ownership != "":
		return b.Ownership
	case s.DefaultOwnership != "":
		return s.DefaultOwnership
	}
	return catalog.BucketOwnerEnforced
}

// Block is the public access block in force for a bucket.
func (s Site) Block(b *catalog.Bucket) catalog.PublicAccessBlock {
	if s.BlockPublicAccess {
		return catalog.PublicAccessBlock{BlockPublicACLs: true, IgnorePublicACLs: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
	}
	if b.Block == nil {
		return catalog.PublicAccessBlock{}
	}
	return *b.Block
}

// ObjectOwner is the account that owns an object in b: where ownership is
// enforced the bucket's owner, whoever wrote it, and when.
func (s Site) ObjectOwner(b *catalog.Bucket, o *catalog.Object) string {
	if o == nil || o.Owner == "" || s.Ownership(b) == catalog.BucketOwnerEnforced {
		return b.Owner
	}
	return o.Owner
}

// NewOwner is the account that will own what p writes to b. canned is the
// upload's x-amz-acl. What nobody signed for belongs to the bucket's owner.
func (s Site) NewOwner(b *catalog.Bucket, p *catalog.Principal, canned string) string {
	switch s.Ownership(b) {
	case catalog.ObjectWriter:
	case catalog.BucketOwnerPreferred:
		if canned == BucketOwnerFullControl {
			return b.Owner
		}
	default:
		return b.Owner
	}
	if p.Anonymous() {
		return b.Owner
	}
	return p.ID()
}

// CheckUploadACL tells whether an upload (PutObject, CopyObject,
// CreateMultipartUpload, PostObject) may ask for an ACL, given as canned name
// or as grants; with neither, do not ask. Where ACLs are disabled only
// bucket-owner-full-control, or a grant that says the same, passes; S3 refuses
// even private there, with s3err.AccessControlListNotSupported. A public ACL
// that is blocked gives s3err.AccessDenied.
func (s Site) CheckUploadACL(b *catalog.Bucket, canned string, acl *catalog.ACL) error {
	if s.Ownership(b) == catalog.BucketOwnerEnforced {
		if canned == BucketOwnerFullControl || canned == "" && fullToOwnerOnly(acl, b.Owner) {
			return nil
		}
		return s3err.AccessControlListNotSupported
	}
	return s.checkPublic(b, acl)
}

// CheckSetACL tells whether PutBucketAcl or PutObjectAcl may set an ACL. Where
// ACLs are disabled none may: s3err.AccessControlListNotSupported. A public ACL
// that is blocked gives s3err.AccessDenied.
func (s Site) CheckSetACL(b *catalog.Bucket, acl *catalog.ACL) error {
	if s.Ownership(b) == catalog.BucketOwnerEnforced {
		return s3err.AccessControlListNotSupported
	}
	return s.checkPublic(b, acl)
}

// CheckCreateACL tells whether a bucket may be created with an ACL: with ACLs
// disabled only when it grants nothing to others, else
// s3err.InvalidBucketACLWithOwnership. It serves PutBucketOwnershipControls, too.
func (s Site) CheckCreateACL(b *catalog.Bucket, acl *catalog.ACL) error {
	if s.Ownership(b) == catalog.BucketOwnerEnforced && !privateACL(acl, b.Owner) {
		return s3err.InvalidBucketACLWithOwnership
	}
	return s.checkPublic(b, acl)
}

// CheckPolicy tells whether the bucket's public access block lets a policy be
// put: s3err.AccessDenied when it is public and such are blocked.
func (s Site) CheckPolicy(b *catalog.Bucket, p *Policy) error {
	if p.public && s.Block(b).BlockPublicPolicy {
		return s3err.AccessDenied
	}
	return nil
}

func (s Site) checkPublic(b *catalog.Bucket, acl *catalog.ACL) error {
	if IsPublicACL(acl) && s.Block(b).BlockPublicACLs {
		return s3err.AccessDenied
	}
	return nil
}

func privateACL(acl *catalog.ACL, owner string) bool {
	if acl == nil {
		return true
	}
	for i := range acl.Grants {
		if acl.Grants[i].Account != owner {
			return false
		}
	}
	return true
}

func fullToOwnerOnly(acl *catalog.ACL, owner string) bool {
	return acl != nil && len(acl.Grants) == 1 &&
		acl.Grants[0] == catalog.Grant{Account: owner, Permission: catalog.PermFullControl}
}
