package s3

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/s3err"
)

// What a policy judges must be what is done: a header sent twice may not show one
// value to the policy and another to the operation.
func TestPolicyJudgesWhatIsDone(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/box", "")
	s.want(200, "main", "PUT", "/box/there", "mine")

	// As the scope storage.create of a token gives it: only what is not there yet.
	s.session("creator", accounts.SessionSpec{Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:PutObjectTagging"],
		"Resource":"arn:aws:s3:::box/*","Condition":{"StringEquals":{"s3:if-none-match":["*"]}}}]}`}})
	s.want(200, "creator", "PUT", "/box/new", "x", "If-None-Match", "*")
	s.fails(s3err.PreconditionFailed, "creator", "PUT", "/box/there", "x", "If-None-Match", "*")
	s.fails(s3err.AccessDenied, "creator", "PUT", "/box/there", "x", "If-None-Match", `"0"`, "If-None-Match", "*")
	s.fails(s3err.PreconditionFailed, "creator", "PUT", "/box/there", "x", "If-None-Match", "*", "If-None-Match", `"0"`)

	tags := "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
	s.fails(s3err.AccessDenied, "creator", "PUT", "/box/there?tagging", tags, "If-None-Match", "*")
	s.want(200, "creator", "PUT", "/box/tagged", "x", "If-None-Match", "*", "X-Amz-Tagging", "a=b")

	// Whoever may write private objects only.
	policy := func(effect, condition string) {
		s.want(204, "main", "PUT", "/box?policy", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":%q},"Action":["s3:PutObject","s3:PutObjectAcl"],"Resource":"arn:aws:s3:::box/*"},
			{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::box/*","Condition":%s}]}`, s.users["alt"].ID, condition))
	}
	policy("Deny", `{"StringNotEquals":{"s3:x-amz-acl":"private"}}`)
	s.want(200, "alt", "PUT", "/box/a", "x", "X-Amz-Acl", "private")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/box/a", "x", "X-Amz-Acl", "public-read", "X-Amz-Acl", "private")
	policy("Deny", `{"StringEquals":{"s3:x-amz-acl":"public-read"}}`)
	s.fails(s3err.AccessDenied, "alt", "PUT", "/box/a", "x", "X-Amz-Acl", "public-read", "X-Amz-Acl", "private")

	// Every grant header counts.
	main, op := `id="`+strings.Repeat("m", 64)+`"`, `id="`+strings.Repeat("o", 64)+`"`
	policy("Deny", fmt.Sprintf(`{"StringNotEquals":{"s3:x-amz-grant-read":%q}}`, main))
	s.want(200, "alt", "PUT", "/box/g", "x", "X-Amz-Grant-Read", main)
	s.fails(s3err.AccessDenied, "alt", "PUT", "/box/g", "x", "X-Amz-Grant-Read", main, "X-Amz-Grant-Read", op)
	policy("Deny", fmt.Sprintf(`{"StringLike":{"s3:x-amz-grant-read":"*%s*"}}`, strings.Repeat("o", 64)))
	s.fails(s3err.AccessDenied, "alt", "PUT", "/box/g", "x", "X-Amz-Grant-Read", main, "X-Amz-Grant-Read", op)
}

// s3:VersionId is the version that is acted upon, wherever the request names it.
func TestPolicyJudgesTheVersion(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/box", "")
	s.want(200, "main", "PUT", "/box?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	open := s.want(200, "main", "PUT", "/box/k", "open").header.Get("X-Amz-Version-Id")
	shut := s.want(200, "main", "PUT", "/box/k", "shut").header.Get("X-Amz-Version-Id")
	s.want(204, "main", "PUT", "/box?policy", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},
		"Action":["s3:GetObjectVersion","s3:DeleteObjectVersion"],"Resource":"arn:aws:s3:::box/*","Condition":{"StringEquals":{"s3:VersionId":%q}}}]}`,
		s.users["alt"].ID, open))
	s.want(200, "alt", "PUT", "/mine", "")
	s.want(200, "alt", "GET", "/box/k?versionId="+open, "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/box/k?versionId="+shut, "")
	copyOf := func(v string) []string { return []string{"X-Amz-Copy-Source", "/box/k?versionId=" + v} }
	s.want(200, "alt", "PUT", "/mine/copy", "", copyOf(open)...)
	s.fails(s3err.AccessDenied, "alt", "PUT", "/mine/copy", "", copyOf(shut)...)
	s.fails(s3err.AccessDenied, "alt", "PUT", "/mine/copy?versionId="+open, "", copyOf(shut)...)
	list := func(v string) string {
		return `<Delete><Object><Key>k</Key><VersionId>` + v + `</VersionId></Object></Delete>`
	}
	remove := func(query, v string) *reply {
		body := list(v)
		return s.want(200, "alt", "POST", "/box?delete"+query, body, "Content-Md5", md5Header(body))
	}
	if r := remove("&versionId="+open, shut); r.code() != "AccessDenied" {
		t.Errorf("deleted a version that the query does not name: %s", r.body)
	}
	if r := remove("", open); r.code() != "" {
		t.Errorf("the version that the policy allows: %s", r.body)
	}
}
