package s3

import (
	"errors"
	"strings"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// aclFromHeaders reads the ACL that x-amz-acl or the x-amz-grant-… headers ask
// for, on what ownerID will own: the bucket being created, or an object being
// written to c.b. given tells whether there was any such header; the ACL is nil
// for private. It keeps the rules of object ownership and public access block.
// Errors: InvalidArgument, InvalidRequest, UnresolvableGrantByEmailAddress,
// AccessControlListNotSupported, InvalidBucketAclWithObjectOwnership, AccessDenied.
func (c *call) aclFromHeaders(isBucket bool, ownerID string) (acl *catalog.ACL, given bool, err error) {
	if isBucket {
		b := &catalog.Bucket{Owner: ownerID, Ownership: catalog.Ownership(c.r.Header.Get("X-Amz-Object-Ownership"))}
		acl, given, err = c.requestedACL(ownerID, ownerID)
		if err != nil || !given {
			return nil, given, err
		}
		return acl, true, c.f.Site.CheckCreateACL(b, acl)
	}
	canned := c.r.Header.Get("X-Amz-Acl")
	acl, given, err = c.requestedACL(ownerID, c.b.Owner)
	if !given {
		return nil, false, err
	}
	if err != nil && c.f.Site.Ownership(c.b) == catalog.BucketOwnerEnforced {
		err = s3err.AccessControlListNotSupported
	}
	if err != nil {
		return nil, true, err
	}
	return acl, true, c.f.Site.CheckUploadACL(c.b, canned, acl)
}

// requestedACL reads the headers without judging what they ask for.
func (c *call) requestedACL(owner, bucketOwner string) (acl *catalog.ACL, given bool, err error) {
	canned := c.r.Header.Get("X-Amz-Acl")
	granting := c.hasGrantHeader()
	switch {
	case canned != "" && granting:
		return nil, true, s3err.InvalidRequest.Say("Specifying both Canned ACLs and Header Grants is not allowed.")
	case canned != "":
		acl, err = access.CannedACL(canned, owner, bucketOwner)
		return acl, true, err
	case granting:
		acl, err = c.grantsFromHeaders()
		return acl, true, err
	}
	return nil, false, nil
}

// grantOrder is the order in which S3 documents the grant headers, with the
// one that comprises the others last.
var grantOrder = func() (order [5]access.GrantHeader) {
	all := access.GrantHeaders()
	n := 0
	for _, g := range all {
		if g.Permission != catalog.PermFullControl {
			order[n] = g
			n++
		} else {
			order[len(all)-1] = g
		}
	}
	return order
}()

func (c *call) hasGrantHeader() bool {
	for i := range grantOrder {
		if c.r.Header[grantOrder[i].Header] != nil {
			return true
		}
	}
	return false
}

// grantsFromHeaders makes the ACL of the grant headers. It holds what they say
// and nothing else, so the owner is in it only when they name her.
func (c *call) grantsFromHeaders() (*catalog.ACL, error) {
	acl := &catalog.ACL{}
	for _, g := range grantOrder {
		for _, value := range c.r.Header[g.Header] {
			grantees, err := access.ParseGrantHeader(g.Header, value)
			if err != nil {
				return nil, err
			}
			for _, who := range grantees {
				grant, err := c.resolve(who, strings.ToLower(g.Header))
				if err != nil {
					return nil, err
				}
				grant.Permission = g.Permission
				acl.Grants = append(acl.Grants, grant)
			}
		}
	}
	if len(acl.Grants) > access.MaxGrants {
		return nil, s3err.InvalidRequest.Say("The request must not grant more than %d permissions.", access.MaxGrants)
	}
	return acl, nil
}

// resolve finds the account or group of a grant. argument names what holds the
// ID, for the error.
func (c *call) resolve(who access.Grantee, argument string) (g catalog.Grant, err error) {
	var a *catalog.Account
	switch {
	case who.URI != "":
		g.Group = who.URI
		return g, nil
	case who.Email != "":
		a, err = c.f.Accounts.ByEmail(c.ctx, who.Email)
		if errors.Is(err, meta.ErrNotFound) {
			err = s3err.UnresolvableGrantByEmail.Field("EmailAddress", who.Email)
		}
	default:
		a, err = c.f.Accounts.ByCanonicalID(c.ctx, who.CanonicalID)
		if errors.Is(err, meta.ErrNotFound) {
			err = badArgument(argument, who.CanonicalID, "Invalid id")
		}
	}
	if err != nil {
		return g, err
	}
	g.Account = a.ID
	return g, nil
}
