package access

import (
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

func TestScope(t *testing.T) {
	owner := &catalog.Account{ID: "me", State: catalog.Active}
	box := &catalog.Bucket{Name: "box", Owner: "me"}
	other := &catalog.Bucket{Name: "other", Owner: "me"}
	grant := func(bucket, prefix string, a catalog.Access) catalog.Scope {
		return catalog.Scope{{Bucket: bucket, Prefix: prefix, Access: a}}
	}
	stored := &catalog.Object{Owner: "me", ModTime: time.Unix(1, 0)}
	prefixed := func(p string) map[string][]string { return map[string][]string{"s3:prefix": {p}} }
	for _, c := range []struct {
		name  string
		scope catalog.Scope
		q     Request
		allow bool
	}{
		{"no scope", nil, Request{Action: "s3:PutBucketPolicy", Bucket: box}, true},
		{"read reads", grant("box", "", "read"), Request{Action: "s3:GetObject", Bucket: box, Key: "k"}, true},
		{"read lists", grant("box", "", "read"), Request{Action: "s3:ListBucket", Bucket: box}, true},
		{"read does not write", grant("box", "", "read"), Request{Action: "s3:PutObject", Bucket: box, Key: "k"}, false},
		{"read does not delete", grant("box", "", "read"), Request{Action: "s3:DeleteObject", Bucket: box, Key: "k"}, false},
		{"another bucket", grant("box", "", "readwrite"), Request{Action: "s3:GetObject", Bucket: other, Key: "k"}, false},
		{"every bucket", grant("*", "", "readwrite"), Request{Action: "s3:GetObject", Bucket: other, Key: "k"}, true},
		{"write writes", grant("box", "", "write"), Request{Action: "s3:PutObject", Bucket: box, Key: "k"}, true},
		{"write looks at its parts", grant("box", "", "write"), Request{Action: "s3:ListMultipartUploadParts", Bucket: box, Key: "k"}, true},
		{"write does not read", grant("box", "", "write"), Request{Action: "s3:GetObject", Bucket: box, Key: "k"}, false},
		{"write does not list", grant("box", "", "write"), Request{Action: "s3:ListBucket", Bucket: box}, false},
		{"write gives an ACL to what it writes", grant("box", "", "write"), Request{Action: "s3:PutObjectAcl", Bucket: box, Key: "k", Object: &catalog.Object{Owner: "me"}}, true},
		{"write gives none to what is there", grant("box", "", "write"), Request{Action: "s3:PutObjectAcl", Bucket: box, Key: "k", Object: stored}, false},
		{"nor to a version", grant("box", "", "write"), Request{Action: "s3:PutObjectVersionAcl", Bucket: box, Key: "k", Object: stored}, false},
		{"who reads, too, does", grant("box", "", "readwrite"), Request{Action: "s3:PutObjectAcl", Bucket: box, Key: "k", Object: stored}, true},
		{"by another grant, too", catalog.Scope{{Bucket: "*", Access: "read"}, {Bucket: "box", Access: "write"}}, Request{Action: "s3:PutObjectAcl", Bucket: box, Key: "k", Object: stored}, true},
		{"under the prefix", grant("box", "run/", "readwrite"), Request{Action: "s3:PutObject", Bucket: box, Key: "run/1"}, true},
		{"beside the prefix", grant("box", "run/", "readwrite"), Request{Action: "s3:PutObject", Bucket: box, Key: "run"}, false},
		{"lists the prefix", grant("box", "run/", "read"), Request{Action: "s3:ListBucket", Bucket: box, Context: prefixed("run/1/")}, true},
		{"lists above the prefix", grant("box", "run/", "read"), Request{Action: "s3:ListBucket", Bucket: box, Context: prefixed("ru")}, false},
		{"lists all", grant("box", "run/", "read"), Request{Action: "s3:ListBucket", Bucket: box}, false},
		{"settings are not in scope", grant("*", "", "readwrite"), Request{Action: "s3:PutBucketPolicy", Bucket: box}, false},
		{"nor deleting buckets", grant("*", "", "readwrite"), Request{Action: "s3:DeleteBucket", Bucket: box}, false},
		{"nor breaking locks", grant("*", "", "readwrite"), Request{Action: "s3:BypassGovernanceRetention", Bucket: box, Key: "k"}, false},
		{"reads settings", grant("box", "", "read"), Request{Action: "s3:GetLifecycleConfiguration", Bucket: box}, true},
		{"makes its bucket", grant("new", "", "readwrite"), Request{Action: "s3:CreateBucket", NewBucket: "new"}, true},
		{"makes no other", grant("new", "", "readwrite"), Request{Action: "s3:CreateBucket", NewBucket: "newer"}, false},
		{"list of buckets", grant("box", "", "write"), Request{Action: "s3:ListAllMyBuckets"}, true},
		{"one of two grants", catalog.Scope{{Bucket: "box", Access: "read"}, {Bucket: "box", Prefix: "in/", Access: "write"}}, Request{Action: "s3:PutObject", Bucket: box, Key: "in/x"}, true},
	} {
		c.q.Principal = &catalog.Principal{Account: owner, Scope: c.scope}
		d := Site{}.Decide(c.q)
		if d.Allow != c.allow {
			t.Errorf("%s: %+v", c.name, d)
		}
		if !c.allow && !strings.Contains(d.Reason, "scope") {
			t.Errorf("%s: reason %q", c.name, d.Reason)
		}
	}
	// A scope takes from an operator, too, and gives nobody anything.
	op := &catalog.Account{ID: "op", State: catalog.Active, Role: catalog.Operator}
	if (Site{}).Decide(Request{Principal: &catalog.Principal{Account: op, Scope: grant("box", "", "read")}, Action: "s3:PutObject", Bucket: box, Key: "k"}).Allow {
		t.Error("an operator's scoped key writes")
	}
	stranger := &catalog.Account{ID: "you", State: catalog.Active}
	if (Site{}).Decide(Request{Principal: &catalog.Principal{Account: stranger, Scope: grant("box", "", "read")}, Action: "s3:GetObject", Bucket: box, Key: "k"}).Allow {
		t.Error("a scope gives what its account has not")
	}
	if !InScope(grant("box", "", "read"), "box") || InScope(grant("box", "", "read"), "other") || !InScope(nil, "other") || !InScope(grant("*", "", "read"), "other") {
		t.Error("InScope")
	}
}

// Every session policy must let a request pass.
func TestSessionPolicies(t *testing.T) {
	owner := &catalog.Account{ID: "me", State: catalog.Active}
	box := &catalog.Bucket{Name: "box", Owner: "me"}
	all := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	reading := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::box/*"}}`
	for _, policies := range [][]string{{all, reading}, {reading, all}} {
		p := &catalog.Principal{Account: owner, SessionPolicies: policies}
		if d := (Site{}).Decide(Request{Principal: p, Action: "s3:GetObject", Bucket: box, Key: "k"}); !d.Allow {
			t.Errorf("read: %+v", d)
		}
		if d := (Site{}).Decide(Request{Principal: p, Action: "s3:PutObject", Bucket: box, Key: "k"}); d.Allow {
			t.Errorf("write: %+v", d)
		}
	}
}
