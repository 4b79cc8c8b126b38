package access

import (
	"strings"

	"github.com/mucura/mucura/core/catalog"
)

// public tells whether the statement gives something to the public, in the
// sense of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
// ("The meaning of public"): it allows, to everyone or to everyone but some,
// and no condition binds it to fixed values of something that tells who asks.
func (st *statement) public() bool {
	if !st.allow || st.everybody {
		return false
	}
	open := st.notPrincipal
	for i := range st.principals {
		open = open || st.principals[i].everyone
	}
	if !open {
		return false
	}
	for i := range st.conditions {
		if st.conditions[i].binds() {
			return false
		}
	}
	return true
}

// binds tells whether the condition can only be met by requests with one of a
// few fixed values of a key that tells who or where the caller is.
func (c *condition) binds() bool {
	if c.negated || c.ifExists || c.set == setAll {
		return false // met when the key is absent, or by all but a few
	}
	switch c.kind {
	case kindAddress:
		return addressKey(c.key) && c.all(func(v *value) bool { return !wide(v) })
	case kindString, kindArn:
		return callerKey(c.key) && c.all(func(v *value) bool { return c.narrow(v) })
	}
	return false
}

func (c *condition) all(ok func(*value) bool) bool {
	for i := range c.values {
		if !ok(&c.values[i]) {
			return false
		}
	}
	return len(c.values) > 0
}

// narrow tells whether a value is fixed. An access point's ARN may have a
// wildcard in its name as long as the account, its fifth field, is fixed.
func (c *condition) narrow(v *value) bool {
	if c.key == "s3:dataaccesspointarn" && len(v.arn) == 6 {
		return v.arn[4].fixed() && v.arn[4].prefix != ""
	}
	return v.text.fixed() && !strings.EqualFold(v.text.prefix, anonymous)
}

// wide tells whether a block of addresses is most of the internet: 0.0.0.0/0,
// ::/0, or one of a few that add up to it.
func wide(v *value) bool {
	if v.net.Addr().Is4() {
		return v.net.Bits() < 8
	}
	return v.net.Bits() < 16
}

// callerKey tells whether a key's fixed value leaves out the public. Keys that
// are headers of the request are none, for anyone can send them.
func callerKey(key string) bool {
	if strings.HasPrefix(key, "aws:principaltag/") {
		return true
	}
	switch key {
	case "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
		"aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
		"aws:userid", "aws:username", "s3:dataaccesspointarn", "s3:dataaccesspointaccount":
		return true
	}
	return false
}

// IsPublicACL tells whether an ACL gives anything to everyone, or to everyone
// with an account: S3 calls either public.
func IsPublicACL(acl *catalog.ACL) bool {
	if acl == nil {
		return false
	}
	for i := range acl.Grants {
		if publicGroup(acl.Grants[i].Group) {
			return true
		}
	}
	return false
}

func publicGroup(uri string) bool {
	return uri == catalog.AllUsers || uri == catalog.AuthenticatedUsers
}

// IsPublic answers GetBucketPolicyStatus: whether the bucket is open to the
// public by its policy or its ACL, as far as public access is not blocked.
// A policy that cannot be read gives nothing to anyone.
func (s Site) IsPublic(b *catalog.Bucket) bool {
	block := s.Block(b)
	if !block.IgnorePublicACLs && s.Ownership(b) != catalog.BucketOwnerEnforced && IsPublicACL(b.ACL) {
		return true
	}
	if b.Policy == "" || block.RestrictPublicBuckets {
		return false
	}
	p, err := s.Policies.bucket(b.Policy)
	return err == nil && p.public
}
