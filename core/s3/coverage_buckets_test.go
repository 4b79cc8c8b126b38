package s3

import (
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// holds sees that an answer's body has all the parts.
func (s *testServer) holds(r *reply, parts ...string) {
	s.t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.body, p) {
			s.t.Errorf("%q is missing in %s", p, r.body)
		}
	}
}

// shows sees that an answer has headers: pairs of name and value, where "*" is any.
func (s *testServer) shows(r *reply, headers ...string) {
	s.t.Helper()
	for i := 0; i < len(headers); i += 2 {
		got := r.header.Get(headers[i])
		if got != headers[i+1] && (headers[i+1] != "*" || got == "") {
			s.t.Errorf("%s is %q, want %q", headers[i], got, headers[i+1])
		}
	}
}

// has sees what an object holds.
func (s *testServer) has(path, body string) {
	s.t.Helper()
	if r := s.want(200, "main", "GET", path, ""); r.body != body {
		s.t.Errorf("%s holds %.100q, want %.100q", path, r.body, body)
	}
}

// versioned switches versioning on.
func (s *testServer) versioned() {
	s.t.Helper()
	s.want(200, "main", "PUT", "/bkt?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
}

func showListBuckets(s *testServer) {
	s.want(200, "main", "PUT", "/bkt-2", "")
	s.want(200, "alt", "PUT", "/others", "")
	all := s.want(200, "main", "GET", "/", "")
	s.holds(all, "<Name>bkt</Name>", "<Name>bkt-2</Name>", "<CreationDate>", "<DisplayName>The main</DisplayName>")
	if strings.Contains(all.body, "others") {
		s.t.Error("somebody else's bucket is listed")
	}
	page := s.want(200, "main", "GET", "/?prefix=bkt&max-buckets=1&bucket-region="+testRegion, "")
	s.holds(page, "<Name>bkt</Name>", "<ContinuationToken>")
	s.holds(s.want(200, "main", "GET", "/?prefix=bkt&max-buckets=1&continuation-token="+page.element("ContinuationToken"), ""), "<Name>bkt-2</Name>")
}

func showCreateBucket(s *testServer) {
	s.shows(s.want(200, "main", "PUT", "/new", "<CreateBucketConfiguration><LocationConstraint>"+testRegion+"</LocationConstraint></CreateBucketConfiguration>",
		"X-Amz-Acl", "public-read", "X-Amz-Bucket-Object-Lock-Enabled", "true", "X-Amz-Object-Ownership", "ObjectWriter"), "Location", "/new")
	s.want(200, "", "GET", "/new", "")
	s.holds(s.want(200, "main", "GET", "/new?object-lock", ""), "Enabled")
	s.holds(s.want(200, "main", "GET", "/new?ownershipControls", ""), "ObjectWriter")
	s.fails(s3err.BucketAlreadyOwnedByYou, "main", "PUT", "/new", "")
	s.fails(s3err.BucketAlreadyExists, "alt", "PUT", "/new", "")
	s.fails(s3err.InvalidBucketName, "main", "PUT", "/a..b", "")
}

func showHeadBucket(s *testServer) {
	s.shows(s.want(200, "main", "HEAD", "/bkt", ""), "X-Amz-Bucket-Region", testRegion)
	s.fails(s3err.AccessDenied, "alt", "HEAD", "/bkt", "")
	s.fails(s3err.NoSuchBucket, "main", "HEAD", "/none", "")
}

func showDeleteBucket(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "x")
	s.fails(s3err.BucketNotEmpty, "main", "DELETE", "/bkt", "")
	s.want(204, "main", "DELETE", "/bkt/k", "")
	s.fails(s3err.AccessDenied, "alt", "DELETE", "/bkt", "")
	s.want(204, "main", "DELETE", "/bkt", "")
	s.fails(s3err.NoSuchBucket, "main", "GET", "/bkt", "")
}

func showLocation(s *testServer) {
	s.holds(s.want(200, "main", "GET", "/bkt?location", ""), ">"+testRegion+"</LocationConstraint>")
}

func showDirectoryBuckets(s *testServer) {
	s.holds(s.want(200, "main", "GET", "/?x-id=ListDirectoryBuckets", ""), "<ListAllMyBucketsResult")
}

func showNoLambda(s *testServer) {
	if r := s.do("main", "POST", "/WriteGetObjectResponse", ""); r.status < 400 {
		s.t.Errorf("%d %s", r.status, r.body)
	}
}
