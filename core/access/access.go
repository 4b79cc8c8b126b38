// Package access decides whether a principal may do something: one function,
// Decide, over owner, role, bucket policy, ACL, public access block and object
// ownership. It reads nothing from any store.
package access

import "github.com/mucura/mucura/core/catalog"

// Request is one question.
type Request struct {
	Principal *catalog.Principal // nil or Account nil: anonymous
	// Action is the S3 action: "s3:GetObject".
	Action string
	Bucket *catalog.Bucket // nil for service-level actions (s3:ListAllMyBuckets, s3:CreateBucket)
	// NewBucket is the bucket to be made (s3:CreateBucket).
	NewBucket string
	Key       string // "" for bucket-level actions
	// Object is the version concerned, when there is one: its owner, ACL and tags count.
	Object *catalog.Object
	// Initiator is the account ID that began the multipart upload concerned,
	// when there is one: it may list and abort its own uploads.
	Initiator string
	// Context holds the condition keys of the request, names in lower case:
	// "aws:sourceip", "s3:prefix", …. Keys absent from the request are absent here.
	// What follows the slash of "s3:requestobjecttag/…" keeps its case.
	// "s3:existingobjecttag/…" are taken from Object by Decide.
	Context map[string][]string
}

// Site is what the operator set for all buckets.
type Site struct {
	// DefaultOwnership holds for buckets that configured none.
	DefaultOwnership catalog.Ownership
	// BlockPublicAccess forbids every public grant, whatever a bucket says.
	BlockPublicAccess bool
	// Policies keeps parsed policies between requests; nil parses each time.
	Policies *PolicyCache
}

// Decision is the answer, and why, for the log.
type Decision struct {
	Allow bool
	// Reason names what decided: "owner", "policy statement \"x\" allows", "no grant".
	Reason string
	// ExplicitDeny names the kind of policy whose statement denied the action,
	// as S3's message does: "a resource-based policy", "a session policy"; else "".
	ExplicitDeny string
}

// Decide answers one question. An explicit deny in the bucket policy or session
// policy always wins (over the operator role too, except that the bucket's
// owner and operators can always read, put and delete the bucket policy; a
// session policy narrows even that).
func (s Site) Decide(q Request) Decision { return s.decide(q) }
