package s3

import (
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

func showPutObject(s *testServer) {
	r := s.want(200, "main", "PUT", "/bkt/a/b", "hello", "Content-Type", "text/x", "Cache-Control", "no-cache", "Content-Disposition", "inline",
		"Content-Encoding", "identity", "Content-Language", "fr", "Expires", "Wed, 21 Oct 2099 07:28:00 GMT", "X-Amz-Meta-One", "1", "X-Amz-Tagging", "t=1",
		"X-Amz-Acl", "public-read", "X-Amz-Storage-Class", "STANDARD_IA", "X-Amz-Website-Redirect-Location", "/x", "If-None-Match", "*", "Content-Md5", md5Header("hello"))
	s.shows(r, "Etag", `"`+helloMD5+`"`, "X-Amz-Checksum-Crc64nvme", sumOf("CRC64NVME", "hello"), "X-Amz-Checksum-Type", "FULL_OBJECT", "X-Amz-Request-Id", "*")
	s.want(200, "", "GET", "/bkt/a/b", "")
	s.shows(s.want(200, "main", "GET", "/bkt/a/b", ""), "Content-Type", "text/x", "Cache-Control", "no-cache", "Content-Disposition", "inline",
		"Content-Encoding", "identity", "Content-Language", "fr", "Expires", "Wed, 21 Oct 2099 07:28:00 GMT", "X-Amz-Meta-One", "1", "X-Amz-Tagging-Count", "1",
		"X-Amz-Storage-Class", "STANDARD_IA", "X-Amz-Website-Redirect-Location", "/x")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/a/b", "other", "If-None-Match", "*")
	s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/a/b", "other", "X-Amz-Write-Offset-Bytes", "5")
	s.has("/bkt/a/b", "hello")
}

func showGetObject(s *testServer) {
	s.versioned()
	first := s.want(200, "main", "PUT", "/bkt/k", "hello").header.Get("X-Amz-Version-Id")
	s.want(200, "main", "PUT", "/bkt/k", strings.Repeat("0123456789", 30000)) // above what is inlined
	r := s.want(200, "main", "GET", "/bkt/k", "", "X-Amz-Checksum-Mode", "ENABLED")
	s.shows(r, "Content-Length", "300000", "Accept-Ranges", "bytes", "Last-Modified", "*", "X-Amz-Version-Id", "*", "X-Amz-Checksum-Crc64nvme", sumOf("CRC64NVME", r.body))
	if r := s.want(206, "main", "GET", "/bkt/k", "", "Range", "bytes=100000-100009"); r.body != "0123456789" {
		s.t.Errorf("range: %q", r.body)
	}
	s.has("/bkt/k?versionId="+first, "hello")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/none", "")
}

func showHeadObject(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Meta-A", "1")
	r := s.want(200, "main", "HEAD", "/bkt/k", "")
	s.shows(r, "Content-Length", "5", "Etag", `"`+helloMD5+`"`, "X-Amz-Meta-A", "1", "Last-Modified", "*")
	if r.body != "" {
		s.t.Error("HEAD with a body")
	}
	s.want(304, "main", "HEAD", "/bkt/k", "", "If-None-Match", helloMD5)
	s.fails(s3err.NoSuchKey, "main", "HEAD", "/bkt/none", "")
}

func showDeleteObject(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k", "", "If-Match", `"other"`)
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k", "", "X-Amz-If-Match-Size", "6")
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k", "", "X-Amz-If-Match-Last-Modified-Time", "Wed, 01 May 2002 12:00:00 GMT")
	s.want(204, "main", "DELETE", "/bkt/k", "", "If-Match", `"`+helloMD5+`"`)
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
	s.want(204, "main", "DELETE", "/bkt/k", "")
	s.versioned()
	v := s.want(200, "main", "PUT", "/bkt/k", "two").header.Get("X-Amz-Version-Id")
	d := s.want(204, "main", "DELETE", "/bkt/k", "")
	s.shows(d, "X-Amz-Delete-Marker", "true", "X-Amz-Version-Id", "*")
	s.want(204, "main", "DELETE", "/bkt/k?versionId="+d.header.Get("X-Amz-Version-Id"), "")
	s.has("/bkt/k", "two")
	s.want(204, "main", "DELETE", "/bkt/k?versionId="+v, "")
	s.fails(s3err.NoSuchVersion, "main", "GET", "/bkt/k?versionId="+v, "")
}

func showDeleteObjects(s *testServer) {
	for _, k := range []string{"a", "b", "c"} {
		s.want(200, "main", "PUT", "/bkt/"+k, "hello")
	}
	body := "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><ETag>other</ETag></Object><Object><Key>none</Key></Object></Delete>"
	s.holds(s.want(200, "main", "POST", "/bkt?delete", body, "Content-Md5", md5Header(body)),
		"<Deleted><Key>a</Key></Deleted>", "<Error><Key>b</Key><Code>PreconditionFailed</Code>", "<Deleted><Key>none</Key></Deleted>")
	s.has("/bkt/b", "hello")
	body = "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object><Object><Key>c</Key></Object></Delete>"
	if r := s.want(200, "main", "POST", "/bkt?delete", body, "X-Amz-Checksum-Crc32c", sumOf("CRC32C", body)); strings.Contains(r.body, "<Key>") {
		s.t.Error(r.body)
	}
	s.want(204, "main", "DELETE", "/bkt", "")
}

func showCopyObject(s *testServer) {
	s.versioned()
	v := s.want(200, "main", "PUT", "/bkt/a%20b", "hello", "X-Amz-Meta-A", "1", "X-Amz-Tagging", "t=1").header.Get("X-Amz-Version-Id")
	s.holds(s.want(200, "main", "PUT", "/bkt/c", "", "X-Amz-Copy-Source", "/bkt/a%20b"), "<CopyObjectResult", helloMD5)
	s.shows(s.want(200, "main", "GET", "/bkt/c", ""), "X-Amz-Meta-A", "1", "X-Amz-Tagging-Count", "1")
	s.want(200, "main", "PUT", "/bkt/a%20b", "two")
	s.shows(s.want(200, "main", "PUT", "/bkt/c", "", "X-Amz-Copy-Source", "bkt/a%20b?versionId="+v, "X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Meta-B", "2",
		"X-Amz-Tagging-Directive", "REPLACE", "X-Amz-Tagging", "u=2&v=3"), "X-Amz-Copy-Source-Version-Id", v)
	s.shows(s.want(200, "main", "GET", "/bkt/c", ""), "X-Amz-Meta-A", "", "X-Amz-Meta-B", "2", "X-Amz-Tagging-Count", "2")
	s.want(200, "main", "PUT", "/bkt/c", "", "X-Amz-Copy-Source", "bkt/c", "X-Amz-Metadata-Directive", "REPLACE", "Content-Type", "text/x")
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/c", "", "X-Amz-Copy-Source", "bkt/c")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/d", "", "X-Amz-Copy-Source", "bkt/c", "X-Amz-Copy-Source-If-None-Match", helloMD5)
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/c", "", "X-Amz-Copy-Source", "bkt/a%20b", "If-None-Match", "*")
	s.has("/bkt/c", "hello")
}

func showRename(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/old", "hello", "X-Amz-Meta-A", "1")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/new?renameObject", "", "X-Amz-Rename-Source", "/bkt/old", "X-Amz-Rename-Source-If-Match", "x")
	s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/new?renameObject", "", "X-Amz-Rename-Source", "/bkt/old", "X-Amz-Rename-Source-If-None-Match", "x")
	s.want(200, "main", "PUT", "/bkt/new?renameObject", "", "X-Amz-Rename-Source", "/bkt/old")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/old", "")
	s.shows(s.want(200, "main", "GET", "/bkt/new", ""), "X-Amz-Meta-A", "1", "Etag", `"`+helloMD5+`"`)
	s.versioned()
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/old?renameObject", "", "X-Amz-Rename-Source", "/bkt/new")
}

func showAttributes(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Checksum-Sha256", sumOf("SHA256", "hello"))
	s.holds(s.want(200, "main", "GET", "/bkt/k?attributes", "", "X-Amz-Object-Attributes", "ETag,Checksum,StorageClass,ObjectSize"),
		"<ETag>"+helloMD5+"</ETag>", "<ChecksumSHA256>"+sumOf("SHA256", "hello")+"</ChecksumSHA256>", "<ChecksumType>FULL_OBJECT</ChecksumType>", "<StorageClass>STANDARD</StorageClass>", "<ObjectSize>5</ObjectSize>")
	path := s.multipart("/bkt/big")
	s.holds(s.want(200, "main", "GET", path+"?attributes", "", "X-Amz-Object-Attributes", "ObjectParts", "X-Amz-Max-Parts", "1"),
		"<PartsCount>2</PartsCount>", "<NextPartNumberMarker>1</NextPartNumberMarker>", "<IsTruncated>true</IsTruncated>")
}

// fill puts objects to list.
func (s *testServer) fill() {
	s.t.Helper()
	for _, k := range []string{"a/1", "a/2", "b", "c%20d%2B", "e/f/g"} {
		s.want(200, "main", "PUT", "/bkt/"+k, "hello")
	}
}

func showListObjects(s *testServer) {
	s.fill()
	one := s.want(200, "main", "GET", "/bkt?delimiter=/&max-keys=2", "")
	s.holds(one, "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>", "<Key>b</Key>", "<IsTruncated>true</IsTruncated>", "<NextMarker>b</NextMarker>", "<Owner>")
	s.holds(s.want(200, "main", "GET", "/bkt?delimiter=/&marker=b&encoding-type=url", ""), "<Key>c%20d%2B</Key>", "<Prefix>e/</Prefix>", "<IsTruncated>false</IsTruncated>")
	s.holds(s.want(200, "main", "GET", "/bkt?prefix=a/&max-keys=1", ""), "<Key>a/1</Key>", "<Prefix>a/</Prefix>", "<MaxKeys>1</MaxKeys>")
}

func showListObjectsV2(s *testServer) {
	s.fill()
	one := s.want(200, "main", "GET", "/bkt?list-type=2&max-keys=2&start-after=a/1", "")
	s.holds(one, "<Key>a/2</Key>", "<Key>b</Key>", "<KeyCount>2</KeyCount>", "<StartAfter>a/1</StartAfter>")
	two := s.want(200, "main", "GET", "/bkt?list-type=2&fetch-owner=true&delimiter=/&continuation-token="+one.element("NextContinuationToken"), "")
	s.holds(two, "<Key>c d+</Key>", "<Prefix>e/</Prefix>", "<KeyCount>2</KeyCount>", "<Owner>")
	s.holds(s.want(200, "main", "GET", "/bkt?list-type=2&encoding-type=url&prefix=c", ""), "<Key>c%20d%2B</Key>", "<EncodingType>url</EncodingType>")
}

func showListVersions(s *testServer) {
	s.versioned()
	v1 := s.want(200, "main", "PUT", "/bkt/k", "one").header.Get("X-Amz-Version-Id")
	v2 := s.want(200, "main", "PUT", "/bkt/k", "two").header.Get("X-Amz-Version-Id")
	s.want(204, "main", "DELETE", "/bkt/k", "")
	l := s.want(200, "main", "GET", "/bkt?versions", "")
	s.holds(l, "<DeleteMarker><Key>k</Key>", "<VersionId>"+v1+"</VersionId><IsLatest>false</IsLatest>", "<VersionId>"+v2+"</VersionId><IsLatest>false</IsLatest>")
	s.holds(s.want(200, "main", "GET", "/bkt?versions&key-marker=k&version-id-marker="+v2+"&max-keys=1", ""), "<VersionId>"+v1+"</VersionId>")
}

func showRestore(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.fails(s3err.InvalidObjectState, "main", "POST", "/bkt/k?restore", "<RestoreRequest><Days>1</Days></RestoreRequest>")
}

func showPostObject(s *testServer) {
	form := s.signedForm("main", "bkt", map[string]string{"key": "up/${filename}", "Content-Type": "text/x", "success_action_status": "201"}, []any{"content-length-range", 1, 9})
	r := s.post("/bkt", "hello", form)
	if r.status != 201 {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	s.holds(r, "<PostResponse>", "<Key>up/my file.txt</Key>", helloMD5)
	s.has("/bkt/up/my%20file.txt", "hello")
	if r := s.post("/bkt", "much too long", form); r.code() != "EntityTooLarge" {
		s.t.Errorf("%d %s", r.status, r.body)
	}
}

func showPreflight(s *testServer) {
	s.want(200, "main", "PUT", "/bkt?cors", "<CORSConfiguration><CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://*.example</AllowedOrigin><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>")
	ask := func(origin string) *reply {
		return s.do("", "OPTIONS", "/bkt/k", "", "Origin", origin, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "x-amz-date")
	}
	r := ask("https://page.example")
	if r.status != http.StatusOK {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	s.shows(r, "Access-Control-Allow-Origin", "https://page.example", "Access-Control-Allow-Methods", "PUT", "Access-Control-Allow-Headers", "x-amz-date")
	if r := ask("https://elsewhere.org"); r.code() != "AccessForbidden" {
		s.t.Errorf("%d %s", r.status, r.body)
	}
}

// inTime is a date so many days ahead, as object lock takes it.
func inTime(days int) string {
	return time.Now().UTC().AddDate(0, 0, days).Truncate(time.Second).Format(time.RFC3339)
}
