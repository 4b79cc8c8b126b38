package s3

import (
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

func TestExplicitDeny(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(204, "main", "PUT", "/bkt?policy", `{"Version":"2012-10-17","Statement":[`+
		`{"Effect":"Allow","Principal":"*","Action":["s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::bkt","arn:aws:s3:::bkt/*"]},`+
		`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/no*"},`+
		`{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/hidden"}]}`)
	s.want(200, "alt", "PUT", "/bkt/yes", "x")
	r := s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/no%22", "x")
	want := `User: alt is not authorized to perform: s3:PutObject on resource: &quot;arn:aws:s3:::bkt/no&quot;&quot; with an explicit deny in a resource-based policy`
	if got := r.element("Message"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if r := s.fails(s3err.AccessDenied, "", "PUT", "/bkt/no", "x"); r.element("Message") != s3err.AccessDenied.Message {
		t.Error(r.body)
	}
	s.fails(s3err.NoSuchKey, "alt", "GET", "/bkt/none", "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/hidden", "")
}
