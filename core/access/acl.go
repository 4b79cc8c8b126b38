package access

import "github.com/mucura/mucura/core/catalog"

// MaxGrants is the most grants of one ACL
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html).
const MaxGrants = 100

// aclPermission gives the permission that allows an action, and whether the
// bucket's ACL or the object's must grant it: the mapping of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html.
// "" when no ACL can.
func aclPermission(action string) (perm catalog.Permission, ofObject bool) {
	switch action {
	case "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads":
		return catalog.PermRead, false
	case "s3:PutObject", "s3:DeleteObject":
		return catalog.PermWrite, false
	case "s3:GetBucketAcl":
		return catalog.PermReadACP, false
	case "s3:PutBucketAcl":
		return catalog.PermWriteACP, false
	case "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTorrent", "s3:GetObjectVersionTorrent":
		return catalog.PermRead, true
	case "s3:GetObjectAcl", "s3:GetObjectVersionAcl":
		return catalog.PermReadACP, true
	case "s3:PutObjectAcl", "s3:PutObjectVersionAcl":
		return catalog.PermWriteACP, true
	}
	return "", false
}

// granted tells whether an ACL gives the principal a permission, and to whom it
// does: the principal itself, or a group. Public grants count unless ignored.
func granted(acl *catalog.ACL, p *catalog.Principal, perm catalog.Permission, ignorePublic bool) (bool, string) {
	if acl == nil || perm == "" {
		return false, ""
	}
	ignored := ""
	for i := range acl.Grants {
		g := &acl.Grants[i]
		if g.Permission != perm && g.Permission != catalog.PermFullControl {
			continue
		}
		switch {
		case g.Account != "":
			if g.Account == p.ID() {
				return true, "ACL grants to the account"
			}
		case g.Group == catalog.AllUsers, g.Group == catalog.AuthenticatedUsers && !p.Anonymous():
			if !ignorePublic {
				return true, "ACL grants to " + groupName(g.Group)
			}
			ignored = "public ACL is ignored"
		}
	}
	return false, ignored
}

func groupName(uri string) string {
	if uri == catalog.AllUsers {
		return "everyone"
	}
	return "every account"
}
