package s3

import (
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

func TestBuckets(t *testing.T) {
	s := newTestServer(t)
	if r := s.want(200, "main", "PUT", "/bkt-a", ""); r.header.Get("Location") != "/bkt-a" {
		t.Errorf("%v", r.header)
	}
	s.want(200, "main", "PUT", "/bkt-b", `<CreateBucketConfiguration><LocationConstraint>mucura</LocationConstraint></CreateBucketConfiguration>`)
	s.want(200, "main", "PUT", "/other", "")
	s.want(200, "alt", "PUT", "/alt", "")
	s.fails(s3err.BucketAlreadyOwnedByYou, "main", "PUT", "/bkt-a", "")
	s.fails(s3err.BucketAlreadyExists, "alt", "PUT", "/bkt-a", "")
	s.fails(s3err.InvalidBucketName, "main", "PUT", "/Nope_", "")
	s.fails(s3err.InvalidLocationConstraint, "main", "PUT", "/new", `<CreateBucketConfiguration><LocationConstraint>mars</LocationConstraint></CreateBucketConfiguration>`)
	s.fails(s3err.MalformedXML, "main", "PUT", "/new", `<Create`)
	s.fails(s3err.InvalidArgument, "main", "PUT", "/new", "", "X-Amz-Object-Ownership", "Nobody")
	s.fails(s3err.AccessDenied, "", "PUT", "/new", "")

	l := s.want(200, "main", "GET", "/", "")
	if strings.Count(l.body, "<Bucket>") != 3 || strings.Contains(l.body, "<Name>alt") || l.element("DisplayName") != "The main" || l.element("BucketRegion") != testRegion {
		t.Error(l.body)
	}
	p := s.want(200, "main", "GET", "/?max-buckets=1&prefix=bkt-", "")
	if p.element("Name") != "bkt-a" || p.element("ContinuationToken") != "bkt-a" || p.element("Prefix") != "bkt-" {
		t.Error(p.body)
	}
	if p := s.want(200, "main", "GET", "/?max-buckets=5&prefix=bkt-&continuation-token=bkt-a", ""); p.element("Name") != "bkt-b" || strings.Contains(p.body, "ContinuationToken") {
		t.Error(p.body)
	}
	s.fails(s3err.InvalidArgument, "main", "GET", "/?max-buckets=0", "")
	s.fails(s3err.AccessDenied, "", "GET", "/", "")

	if r := s.want(200, "main", "HEAD", "/bkt-a", ""); r.header.Get("X-Amz-Bucket-Region") != testRegion {
		t.Errorf("%v", r.header)
	}
	s.fails(s3err.AccessDenied, "alt", "HEAD", "/bkt-a", "")
	s.fails(s3err.NoSuchBucket, "main", "HEAD", "/none", "")
	if r := s.want(200, "main", "GET", "/bkt-a?location", ""); r.body != xmlHeader+`<LocationConstraint xmlns="`+namespace+`">mucura</LocationConstraint>` {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", "/bkt-a/k", "x")
	s.fails(s3err.BucketNotEmpty, "main", "DELETE", "/bkt-a", "")
	s.fails(s3err.AccessDenied, "alt", "DELETE", "/bkt-a", "")
	s.want(204, "main", "DELETE", "/bkt-a/k", "")
	s.want(204, "main", "DELETE", "/bkt-a", "")
	s.fails(s3err.NoSuchBucket, "main", "DELETE", "/bkt-a", "")
}

func TestListObjects(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, k := range []string{"a/1", "a/2", "b", "c%20d", "e/f/g"} {
		s.want(200, "main", "PUT", "/bkt/"+k, "hello")
	}
	empty := s.want(200, "main", "GET", "/bkt?prefix=&marker=&delimiter=", "").body
	for _, part := range []string{"<Name>bkt</Name>", "<Prefix></Prefix>", "<Marker></Marker>", "<MaxKeys>1000</MaxKeys>", "<IsTruncated>false</IsTruncated>", "<Key>c d</Key>"} {
		if !strings.Contains(empty, part) {
			t.Errorf("%s is missing in %s", part, empty)
		}
	}
	if strings.Contains(empty, "Delimiter") || strings.Count(empty, "<Contents>") != 5 || strings.Count(empty, "<Owner>") != 5 {
		t.Error(empty)
	}
	p1 := s.want(200, "main", "GET", "/bkt?delimiter=/&max-keys=2", "")
	if p1.element("NextMarker") != "b" || p1.element("IsTruncated") != "true" || p1.element("Key") != "b" || !strings.Contains(p1.body, "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>") {
		t.Error(p1.body)
	}
	p2 := s.want(200, "main", "GET", "/bkt?delimiter=/&max-keys=2&marker=b", "")
	if p2.element("IsTruncated") != "false" || p2.element("Key") != "c d" || !strings.Contains(p2.body, "<Prefix>e/</Prefix>") {
		t.Error(p2.body)
	}
	v2 := s.want(200, "main", "GET", "/bkt?list-type=2&max-keys=2&start-after=a/1", "")
	if v2.element("KeyCount") != "2" || v2.element("NextContinuationToken") != "b" || v2.element("StartAfter") != "a/1" || strings.Contains(v2.body, "<Owner>") || strings.Contains(v2.body, "<ContinuationToken>") {
		t.Error(v2.body)
	}
	v2 = s.want(200, "main", "GET", "/bkt?list-type=2&continuation-token=b&fetch-owner=true", "")
	if v2.element("ContinuationToken") != "b" || v2.element("KeyCount") != "2" || strings.Count(v2.body, "<Owner>") != 2 {
		t.Error(v2.body)
	}
	if v2 := s.want(200, "main", "GET", "/bkt?list-type=2&continuation-token=b&start-after=zzz", ""); v2.element("KeyCount") != "2" {
		t.Error("start-after counts beside a token:", v2.body)
	}
	if v2 := s.want(200, "main", "GET", "/bkt?list-type=2&continuation-token=", ""); !strings.Contains(v2.body, "<ContinuationToken></ContinuationToken>") {
		t.Error(v2.body)
	}
	if none := s.want(200, "main", "GET", "/bkt?list-type=2&max-keys=0", ""); none.element("IsTruncated") != "false" || none.element("KeyCount") != "0" {
		t.Error(none.body)
	}
	if r := s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?max-keys=blah", ""); r.element("Message") != "Provided max-keys not an integer or within integer range" {
		t.Error(r.body)
	}
	for _, list := range []string{"", "list-type=2&", "versions&", "uploads&"} {
		s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?"+list+"encoding-type=base64", "")
		s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?"+list+"encoding-type=", "")
	}
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?list-type=3", "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt", "")
	s.fails(s3err.AccessDenied, "", "GET", "/bkt?list-type=2", "")
	s.want(200, "op", "GET", "/bkt", "")
}
