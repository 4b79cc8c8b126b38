package access

import (
	"github.com/mucura/mucura/core/catalog"
)

func allow(reason string) Decision { return Decision{Allow: true, Reason: reason} }
func deny(reason string) Decision  { return Decision{Reason: reason} }

// decide asks, in this order: is the account active; is the access key good for
// it; does every session policy let it; is it the bucket policy that its owner must always reach; does the
// bucket policy deny; is it an operator, the bucket's owner, the object's owner,
// the upload's initiator; does the bucket policy allow; does an ACL.
func (s Site) decide(q Request) Decision {
	p := q.Principal
	if !p.Anonymous() {
		switch p.Account.State {
		case catalog.Requested, catalog.Suspended, catalog.Closing:
			return deny("account is " + string(p.Account.State))
		}
	}
	e := env{q: &q}
	if !p.Anonymous() {
		if len(p.Scope) > 0 {
			if why := outOfScope(&q); why != "" {
				return deny(why)
			}
		}
		for _, policy := range p.SessionPolicies {
			if d := s.session(&e, policy); !d.Allow {
				return d
			}
		}
	}
	if q.Bucket == nil {
		return service(&q)
	}
	return s.onBucket(&e)
}

// session tells whether a session policy lets the request pass.
func (s Site) session(e *env, document string) Decision {
	policy, err := s.Policies.session(document)
	if err != nil {
		return deny("session policy cannot be read: " + err.Error())
	}
	switch st := policy.evaluate(e); {
	case st == nil:
		return deny("session policy does not allow")
	case !st.allow:
		return Decision{Reason: "session policy" + st.denies, ExplicitDeny: "a session policy"}
	}
	return allow("")
}

// service decides on actions that concern no bucket there is: whoever has an
// account lists and makes its own buckets.
func service(q *Request) Decision {
	switch {
	case q.Principal.Anonymous():
		return deny("anonymous")
	case q.Action == "s3:ListAllMyBuckets", q.Action == "s3:CreateBucket":
		return allow("account")
	case q.Principal.IsOperator():
		return allow("operator")
	}
	return deny("not an operator")
}

func (s Site) onBucket(e *env) Decision {
	q := e.q
	mine := !q.Principal.Anonymous() && q.Principal.ID() == q.Bucket.Owner
	operator := q.Principal.IsOperator()
	if (mine || operator) && mendsPolicy(q.Action) {
		return allow("may always mend the bucket policy")
	}
	var policy *Policy
	var st *statement
	if q.Bucket.Policy != "" {
		var err error
		if policy, err = s.Policies.bucket(q.Bucket.Policy); err != nil {
			return deny("bucket policy cannot be read: " + err.Error())
		}
		if st = policy.evaluate(e); st != nil && !st.allow {
			return Decision{Reason: "bucket policy" + st.denies, ExplicitDeny: "a resource-based policy"}
		}
	}
	if operator {
		return allow("operator")
	}
	foreign := ofObjectOwner(q.Action) && s.ObjectOwner(q.Bucket, q.Object) != q.Bucket.Owner
	if d := s.byOwnership(q, mine, foreign); d.Allow {
		return d
	}
	return s.byGrant(e, policy, st, foreign)
}

// mendsPolicy tells whether an action is one that a mistaken policy must not
// take from the bucket's owner.
func mendsPolicy(action string) bool {
	switch action {
	case "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy":
		return true
	}
	return false
}

// byOwnership decides for owners. The owner of the bucket does not own what
// others wrote to it, unless object ownership says so (foreign); it can
// still delete and overwrite that.
func (s Site) byOwnership(q *Request, mine, foreign bool) Decision {
	id := q.Principal.ID()
	switch {
	case id == "":
	case mine && !foreign:
		return allow("bucket owner")
	case foreign && q.Object.Owner == id:
		return allow("object owner")
	case q.Initiator == id && (q.Action == "s3:AbortMultipartUpload" || q.Action == "s3:ListMultipartUploadParts"):
		return allow("began the upload")
	}
	return Decision{}
}

// byGrant decides by what the bucket policy and the ACLs give to others.
func (s Site) byGrant(e *env, policy *Policy, st *statement, foreign bool) Decision {
	q, why := e.q, ""
	block := s.Block(q.Bucket)
	if st != nil {
		switch {
		case foreign:
			why = "bucket policy" + st.allows + ", but the object is somebody else's"
		case block.RestrictPublicBuckets && policy.public:
			why = "bucket policy" + st.allows + ", but is public, which is restricted"
		default:
			return allow("bucket policy" + st.allows)
		}
	}
	if s.Ownership(q.Bucket) != catalog.BucketOwnerEnforced {
		perm, ofObject := aclPermission(q.Action)
		acl := q.Bucket.ACL
		if ofObject {
			acl = nil
			if q.Object != nil {
				acl = q.Object.ACL
			}
		}
		ok, reason := granted(acl, q.Principal, perm, block.IgnorePublicACLs)
		if ok {
			return allow(reason)
		}
		if why == "" {
			why = reason
		}
	}
	if why == "" {
		why = "no grant"
	}
	return deny(why)
}
