package s3

import (
	"crypto/md5"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

// md5Header is the Content-MD5 of a body.
func md5Header(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestDeleteObjects(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, k := range []string{"a", "b&", "c", "d"} {
		s.want(200, "main", "PUT", "/bkt/"+k, "hello")
	}
	body := `<Delete xmlns="` + namespace + `"><Object><Key>a</Key></Object><Object><Key>b&amp;</Key><ETag>"` + helloMD5 + `"</ETag><Size>5</Size></Object>` +
		`<Object><Key>c</Key><ETag>x</ETag></Object><Object><Key>none</Key></Object><Object><Key></Key></Object></Delete>`
	r := s.want(200, "main", "POST", "/bkt?delete", body, "Content-Md5", md5Header(body))
	want := xmlHeader + `<DeleteResult xmlns="` + namespace + `"><Deleted><Key>a</Key></Deleted><Deleted><Key>b&amp;</Key></Deleted>` +
		`<Error><Key>c</Key><Code>PreconditionFailed</Code><Message>At least one of the pre-conditions you specified did not hold.</Message></Error>` +
		`<Deleted><Key>none</Key></Deleted><Error><Key></Key><Code>UserKeyMustBeSpecified</Code><Message>` + s3err.UserKeyMustBeSpecified.Message + `</Message></Error></DeleteResult>`
	if r.body != want {
		t.Errorf("got\n%s\nwant\n%s", r.body, want)
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/a", "")
	s.want(200, "main", "GET", "/bkt/c", "")
	quiet := `<Delete><Quiet>true</Quiet><Object><Key>c</Key></Object></Delete>`
	if r := s.want(200, "main", "POST", "/bkt?delete", quiet, "Content-Md5", md5Header(quiet)); strings.Contains(r.body, "<Key>") {
		t.Error(r.body)
	}
	one := `<Delete><Object><Key>d</Key></Object></Delete>`
	if r := s.want(200, "alt", "POST", "/bkt?delete", one, "Content-Md5", md5Header(one)); r.element("Code") != "AccessDenied" {
		t.Error(r.body)
	}
	s.want(200, "main", "GET", "/bkt/d", "")
	if r := s.fails(s3err.InvalidRequest, "main", "POST", "/bkt?delete", one); r.element("Message") != "Missing required header for this request: Content-MD5 OR x-amz-checksum-*" {
		t.Error(r.body)
	}
	s.fails(s3err.BadDigest, "main", "POST", "/bkt?delete", one, "Content-Md5", md5Header("other"))
	s.fails(s3err.BadDigest, "main", "POST", "/bkt?delete", one, "X-Amz-Checksum-Crc32", "AAAAAA==")
	for _, bad := range []string{"", "<Delete/>", "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>"} {
		s.fails(s3err.MalformedXML, "main", "POST", "/bkt?delete", bad, "Content-Md5", md5Header(bad))
	}
}

func TestDeleteObjectsVersions(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "X-Amz-Bucket-Object-Lock-Enabled", "true")
	v := s.want(200, "main", "PUT", "/bkt/k", "x").header.Get("X-Amz-Version-Id")
	body := `<Delete><Object><Key>k</Key></Object></Delete>`
	r := s.want(200, "main", "POST", "/bkt?delete", body, "Content-Md5", md5Header(body))
	if r.element("DeleteMarker") != "true" || r.element("DeleteMarkerVersionId") == "" {
		t.Error(r.body)
	}
	body = `<Delete><Object><Key>k</Key><VersionId>` + v + `</VersionId></Object></Delete>`
	r = s.want(200, "main", "POST", "/bkt?delete", body, "Content-Md5", md5Header(body))
	if r.element("VersionId") != v || r.element("DeleteMarker") != "" {
		t.Error(r.body)
	}
}

// A conditional deletion of what is not there succeeds and leaves no marker.
func TestConditionalDeleteOfNothing(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	for _, etag := range []string{"*", "other"} {
		r := s.want(204, "main", "DELETE", "/bkt/k", "", "If-Match", etag)
		if r.header.Get("X-Amz-Delete-Marker") != "" || r.header.Get("X-Amz-Version-Id") != "" {
			t.Error(r.header)
		}
	}
	if r := s.want(200, "main", "GET", "/bkt?versions", ""); r.element("DeleteMarker") != "" {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k", "", "If-Match", "other")
	if r := s.want(204, "main", "DELETE", "/bkt/k", "", "If-Match", helloMD5); r.header.Get("X-Amz-Delete-Marker") != "true" {
		t.Error(r.header)
	}
}
