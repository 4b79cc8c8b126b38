package access

import (
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// BucketOwnerFullControl is the canned ACL that gives an upload to the bucket's owner.
const BucketOwnerFullControl = "bucket-owner-full-control"

// CannedACL gives what a canned ACL (the value of x-amz-acl) stands for, on
// something that belongs to the account owner, in a bucket of the account
// bucketOwner: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl.
// nil is private to the owner. Of a bucket itself pass its owner twice: the
// canned ACLs about bucket owners then mean private, as S3 has it. Groups come
// before the owner, as other servers list them. s3err.InvalidArgument for
// any other name.
func CannedACL(name, owner, bucketOwner string) (*catalog.ACL, error) {
	full := catalog.Grant{Account: owner, Permission: catalog.PermFullControl}
	group := func(uri string, perms ...catalog.Permission) *catalog.ACL {
		acl := &catalog.ACL{}
		for _, p := range perms {
			acl.Grants = append(acl.Grants, catalog.Grant{Group: uri, Permission: p})
		}
		acl.Grants = append(acl.Grants, full)
		return acl
	}
	toBucketOwner := func(p catalog.Permission) *catalog.ACL {
		if owner == bucketOwner {
			return nil
		}
		return &catalog.ACL{Grants: []catalog.Grant{full, {Account: bucketOwner, Permission: p}}}
	}
	switch name {
	case "private", "aws-exec-read": // the latter is for Amazon EC2, which has no account here
		return nil, nil
	case "public-read":
		return group(catalog.AllUsers, catalog.PermRead), nil
	case "public-read-write":
		return group(catalog.AllUsers, catalog.PermRead, catalog.PermWrite), nil
	case "authenticated-read":
		return group(catalog.AuthenticatedUsers, catalog.PermRead), nil
	case "log-delivery-write":
		return group(catalog.LogDelivery, catalog.PermWrite, catalog.PermReadACP), nil
	case "bucket-owner-read":
		return toBucketOwner(catalog.PermRead), nil
	case BucketOwnerFullControl:
		return toBucketOwner(catalog.PermFullControl), nil
	}
	return nil, s3err.InvalidArgument.Field("ArgumentName", "x-amz-acl").Field("ArgumentValue", name)
}
