package access

import (
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/catalog"
)

// The scope of an access key narrows what the account may do to reading or
// writing objects of some buckets. Settings of a bucket are nobody's to change
// with such a key: they would outlive it.

// outOfScope tells why an access key is not good for a request, "" when it is.
func outOfScope(q *Request) string {
	if inScope(q) {
		if !exposes(q) {
			return ""
		}
		read := *q
		if read.Action = "s3:GetObject"; inScope(&read) {
			return ""
		}
	}
	where := "the service"
	switch {
	case q.Key != "":
		where = q.bucketName() + "/" + q.Key
	case q.bucketName() != "":
		where = q.bucketName()
	}
	return fmt.Sprintf("access key's scope does not give %s on %s", q.Action, where)
}

func inScope(q *Request) bool {
	for i := range q.Principal.Scope {
		if grants(&q.Principal.Scope[i], q) {
			return true
		}
	}
	return false
}

// exposes tells whether an action gives others what is stored already, by its ACL:
// a key that only writes could have everyone read it, and so itself.
func exposes(q *Request) bool {
	switch q.Action {
	case "s3:PutObjectAcl", "s3:PutObjectVersionAcl":
		return q.Object != nil && !q.Object.ModTime.IsZero()
	}
	return false
}

// bucketName is the bucket the question is about, "" when it is about none.
func (q *Request) bucketName() string {
	if q.Bucket != nil {
		return q.Bucket.Name
	}
	return q.NewBucket
}

// grants tells whether one grant of a scope covers a request.
func grants(g *catalog.ScopeGrant, q *Request) bool {
	if q.Action == "s3:ListAllMyBuckets" { // names only, of those in scope: see InScope
		return true
	}
	if g.Bucket != "*" && g.Bucket != q.bucketName() {
		return false
	}
	switch {
	case q.Bucket == nil:
		return q.Action == "s3:CreateBucket" && writes(g)
	case q.Key != "":
		return strings.HasPrefix(q.Key, g.Prefix) && (reads(g) && readsObject(q.Action) || writes(g) && writesObject(q.Action))
	}
	return onBucketItself(g, q)
}

// onBucketItself decides on actions on a bucket. What lists keys must ask for
// those with the prefix.
func onBucketItself(g *catalog.ScopeGrant, q *Request) bool {
	switch q.Action {
	case "s3:GetBucketLocation", "s3:GetBucketVersioning":
		return true
	case "s3:ListBucket", "s3:ListBucketVersions":
		return reads(g) && asksPrefix(g, q)
	case "s3:ListBucketMultipartUploads":
		return asksPrefix(g, q)
	}
	return reads(g) && g.Prefix == "" && strings.HasPrefix(q.Action, "s3:Get")
}

func asksPrefix(g *catalog.ScopeGrant, q *Request) bool {
	if g.Prefix == "" {
		return true
	}
	asked := q.Context["s3:prefix"]
	return len(asked) == 1 && strings.HasPrefix(asked[0], g.Prefix)
}

func reads(g *catalog.ScopeGrant) bool  { return g.Access != catalog.WriteOnly }
func writes(g *catalog.ScopeGrant) bool { return g.Access != catalog.ReadOnly }

func readsObject(action string) bool {
	return strings.HasPrefix(action, "s3:Get") || action == "s3:ListMultipartUploadParts"
}

// writesObject: whoever uploads in parts also looks which ones have arrived.
// What a retention holds is not for such a key to break.
func writesObject(action string) bool {
	return !strings.HasPrefix(action, "s3:Get") && action != "s3:BypassGovernanceRetention"
}

// InScope tells whether an access key with this scope is good for anything in
// a bucket, so that it shows in a list of buckets.
func InScope(scope catalog.Scope, bucket string) bool {
	for i := range scope {
		if scope[i].Bucket == "*" || scope[i].Bucket == bucket {
			return true
		}
	}
	return len(scope) == 0
}
