package s3

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/s3err"
)

// sumOf is a checksum as headers have it.
func sumOf(algorithm, body string) string {
	h := checksum.New(algorithm)
	h.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// begin begins an upload and gives its ID.
func (s *testServer) begin(path string, headers ...string) string {
	s.t.Helper()
	id := s.want(200, "main", "POST", path+"?uploads", "", headers...).element("UploadId")
	if id == "" {
		s.t.Fatal("no upload ID")
	}
	return id
}

// part uploads a part and gives its ETag.
func (s *testServer) part(path, id string, n int, body string, headers ...string) string {
	s.t.Helper()
	return s.want(200, "main", "PUT", fmt.Sprintf("%s?partNumber=%d&uploadId=%s", path, n, id), body, headers...).header.Get("Etag")
}

func complete(etags ...string) string {
	var b bytes.Buffer
	b.WriteString(`<CompleteMultipartUpload xmlns="` + namespace + `">`)
	for i, e := range etags {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, strings.ReplaceAll(e, `"`, "&quot;"))
	}
	return b.String() + "</CompleteMultipartUpload>"
}

func TestMultipartUpload(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	first, last := strings.Repeat("a", 5<<20), "tail"
	id := s.begin("/bkt/k", "Content-Type", "text/x", "X-Amz-Meta-A", "1")
	e1 := s.part("/bkt/k", id, 1, first)
	e2 := s.part("/bkt/k", id, 2, last, "X-Amz-Checksum-Crc32", sumOf("CRC32", last))
	s.fails(s3err.BadDigest, "main", "PUT", "/bkt/k?partNumber=2&uploadId="+id, last, "X-Amz-Checksum-Crc32", "AAAAAA==")

	l := s.want(200, "main", "GET", "/bkt?uploads", "")
	if l.element("Key") != "k" || l.element("UploadId") != id || l.element("StorageClass") != "STANDARD" {
		t.Error(l.body)
	}
	p := s.want(200, "main", "GET", "/bkt/k?max-parts=1&uploadId="+id, "")
	if p.element("PartNumber") != "1" || p.element("NextPartNumberMarker") != "1" || p.element("IsTruncated") != "true" || p.element("Size") != "5242880" {
		t.Error(p.body)
	}
	if p := s.want(200, "main", "GET", "/bkt/k?part-number-marker=1&uploadId="+id, ""); p.element("PartNumber") != "2" || p.element("IsTruncated") != "false" {
		t.Error(p.body)
	}
	c := s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(e1, e2))
	if !strings.HasSuffix(c.element("ETag"), "-2&quot;") || c.element("Key") != "k" || c.element("Location") != s.URL+"/bkt/k" || c.element("ChecksumCRC64NVME") == "" {
		t.Error(c.body)
	}
	if again := s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(e1, e2)); again.element("ETag") != c.element("ETag") {
		t.Error(again.body)
	}
	g := s.want(200, "main", "GET", "/bkt/k", "", "X-Amz-Checksum-Mode", "ENABLED")
	if g.body != first+last || g.header.Get("Content-Type") != "text/x" || g.header.Get("X-Amz-Meta-A") != "1" || g.header.Get("X-Amz-Checksum-Crc64nvme") != sumOf("CRC64NVME", first+last) {
		t.Errorf("%d bytes, %v", len(g.body), g.header)
	}
	g = s.want(206, "main", "GET", "/bkt/k?partNumber=2", "")
	if g.body != last || g.header.Get("X-Amz-Mp-Parts-Count") != "2" || g.header.Get("Content-Range") != "bytes 5242880-5242883/5242884" {
		t.Errorf("%q %v", g.body, g.header)
	}
	r := s.fails(s3err.InvalidPartNumber, "main", "GET", "/bkt/k?partNumber=3", "")
	if r.element("ActualPartCount") != "2" || r.element("PartNumberRequested") != "3" {
		t.Error(r.body)
	}
	a := s.want(200, "main", "GET", "/bkt/k?attributes", "", "X-Amz-Object-Attributes", "ETag,ObjectParts, ObjectSize,StorageClass,Checksum", "X-Amz-Max-Parts", "1", "X-Amz-Part-Number-Marker", "1")
	if a.element("ObjectSize") != "5242884" || a.element("PartsCount") != "2" || a.element("PartNumber") != "2" || a.element("NextPartNumberMarker") != "2" || a.element("IsTruncated") != "false" || strings.Contains(a.element("ETag"), "quot") {
		t.Error(a.body)
	}
	s.fails(s3err.InvalidRequest, "main", "GET", "/bkt/k?attributes", "")
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt/k?attributes", "", "X-Amz-Object-Attributes", "Colour")
}

func TestUploadRefuses(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	id := s.begin("/bkt/k")
	e := s.part("/bkt/k", id, 1, "small")
	s.part("/bkt/k", id, 2, "small")
	for body, want := range map[string]*s3err.Code{
		"":             s3err.MalformedXML,
		complete():     s3err.MalformedXML,
		complete("x"):  s3err.InvalidPart,
		complete(e, e): s3err.EntityTooSmall,
		`<CompleteMultipartUpload><Part><ETag>x</ETag></Part></CompleteMultipartUpload>`:                                                                                        s3err.MalformedXML,
		`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>`:                                                                            s3err.MalformedXML,
		`<CompleteMultipartUpload><Part><PartNumber>-4</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>`:                                                             s3err.InvalidArgument,
		`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>` + e + `</ETag><ChecksumCRC32>x</ChecksumCRC32></Part></CompleteMultipartUpload>`:                      s3err.InvalidArgument,
		`<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>` + e + `</ETag></Part><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>`: s3err.InvalidPartOrder,
	} {
		s.fails(want, "main", "POST", "/bkt/k?uploadId="+id, body)
	}
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, complete(e), "X-Amz-Mp-Object-Size", "-1")
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, complete(e), "X-Amz-Checksum-Crc32", "bad")
}

func TestUploadErrors(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	id := s.begin("/bkt/k")
	s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt/k?partNumber=0&uploadId="+id, "x")
	s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt/k?partNumber=10001&uploadId="+id, "x")
	s.fails(s3err.NoSuchUpload, "main", "PUT", "/bkt/other?partNumber=1&uploadId="+id, "x")
	s.fails(s3err.NoSuchUpload, "main", "GET", "/bkt/k?uploadId=nope", "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/k?uploadId="+id, "")
	s.fails(s3err.AccessDenied, "alt", "DELETE", "/bkt/k?uploadId="+id, "")
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt/k?max-parts=-1&uploadId="+id, "")
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?uploads&max-uploads=-1", "")
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?uploads&key-marker=k&upload-id-marker=x", "")
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k?uploadId="+id, "", "X-Amz-If-Match-Initiated-Time", "Wed, 01 May 2002 12:00:00 GMT")
	s.want(204, "main", "DELETE", "/bkt/k?uploadId="+id, "")
	s.fails(s3err.NoSuchUpload, "main", "DELETE", "/bkt/k?uploadId="+id, "")
	s.fails(s3err.AccessDenied, "", "POST", "/bkt/k?uploads", "")
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploads", "", "X-Amz-Checksum-Type", "COMPOSITE")
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploads", "", "X-Amz-Checksum-Algorithm", "CRC64NVME", "X-Amz-Checksum-Type", "COMPOSITE")
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploads", "", "X-Amz-Checksum-Algorithm", "SHA1", "X-Amz-Checksum-Type", "FULL_OBJECT")
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploads", "", "X-Amz-Checksum-Algorithm", "SHA1", "X-Amz-Checksum-Type", "x")
}

func TestUploadChecksums(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	first, last := strings.Repeat("a", 5<<20), "tail"
	id := s.begin("/bkt/k", "X-Amz-Checksum-Algorithm", "SHA256")
	s1, s2 := sumOf("SHA256", first), sumOf("SHA256", last)
	e1 := s.part("/bkt/k", id, 1, first, "X-Amz-Checksum-Sha256", s1)
	e2 := s.part("/bkt/k", id, 2, last, "X-Amz-Checksum-Sha256", s2)
	if r := s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k?partNumber=3&uploadId="+id, "x"); !strings.HasSuffix(r.element("Message"), "expected checksum Type: SHA256, actual checksum Type: null") {
		t.Error(r.body)
	}
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k?partNumber=3&uploadId="+id, "x", "X-Amz-Checksum-Crc32", sumOf("CRC32", "x"))
	if r := s.want(200, "main", "GET", "/bkt/k?uploadId="+id, ""); r.element("ChecksumSHA256") != s1 || r.element("ChecksumAlgorithm") != "SHA256" || r.element("ChecksumType") != "COMPOSITE" {
		t.Error(r.body)
	}
	if r := s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, complete(e1, e2)); !strings.Contains(r.element("Message"), "It was missing for part 1 in the request.") {
		t.Error(r.body)
	}
	body := complete(e1, e2)
	body = strings.Replace(body, "</ETag>", "</ETag><ChecksumSHA256>"+s1+"</ChecksumSHA256>", 1)
	i := strings.LastIndex(body, "</ETag>")
	body = body[:i] + "</ETag><ChecksumSHA256>" + s2 + "</ChecksumSHA256>" + body[i+len("</ETag>"):]
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, body, "X-Amz-Checksum-Type", "FULL_OBJECT")
	wrong := strings.Replace(body, "<ChecksumSHA256>"+s1+"</ChecksumSHA256>", "<ChecksumSHA1>2jmj7l5rSw0yVb/vlWAYkK/YBwk=</ChecksumSHA1>", 1)
	s.fails(s3err.BadDigest, "main", "POST", "/bkt/k?uploadId="+id, wrong)
	c := s.want(200, "main", "POST", "/bkt/k?uploadId="+id, body, "X-Amz-Mp-Object-Size", "5242884")
	if !strings.HasSuffix(c.element("ChecksumSHA256"), "-2") || c.element("ChecksumType") != "COMPOSITE" {
		t.Error(c.body)
	}
	if g := s.want(200, "main", "HEAD", "/bkt/k", "", "X-Amz-Checksum-Mode", "ENABLED"); g.header.Get("X-Amz-Checksum-Sha256") != c.element("ChecksumSHA256") {
		t.Errorf("%v", g.header)
	}
	if g := s.want(206, "main", "HEAD", "/bkt/k?partNumber=2", "", "X-Amz-Checksum-Mode", "ENABLED"); g.header.Get("X-Amz-Checksum-Sha256") != s2 {
		t.Errorf("%v", g.header)
	}
}

func TestUploadPartCopy(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/src", "0123456789")
	id := s.begin("/bkt/k")
	path := "/bkt/k?partNumber=1&uploadId=" + id
	r := s.want(200, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-Range", "bytes=2-4")
	if !strings.Contains(r.body, "<CopyPartResult") || r.element("ETag") == "" {
		t.Error(r.body)
	}
	for _, rng := range []string{"byte=0-1", "bytes=0", "bytes=3-1", "bytes=a-b", "bytes=-1", "bytes=0-10"} {
		s.fails(s3err.InvalidArgument, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-Range", rng)
	}
	s.fails(s3err.NoSuchKey, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/none")
	s.fails(s3err.PreconditionFailed, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-If-Match", "x")
	s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(strings.ReplaceAll(r.element("ETag"), "&quot;", `"`)))
	if g := s.want(200, "main", "GET", "/bkt/k", ""); g.body != "234" {
		t.Errorf("%q", g.body)
	}
}

// Who began an upload may list and abort it, but not others' uploads.
func TestInitiatorOfUpload(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "X-Amz-Acl", "public-read-write")
	of := func(who string) string {
		return s.want(200, who, "POST", "/bkt/k?uploads", "").element("UploadId")
	}
	mine, theirs := of("alt"), of("main")
	s.want(200, "alt", "GET", "/bkt/k?uploadId="+mine, "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/k?uploadId="+theirs, "")
	s.fails(s3err.AccessDenied, "alt", "DELETE", "/bkt/k?uploadId="+theirs, "")
	s.want(204, "alt", "DELETE", "/bkt/k?uploadId="+mine, "")
	s.want(204, "main", "DELETE", "/bkt/k?uploadId="+of("alt"), "")
}

// S3 names the version written where versioning is enabled; where it is
// suspended only a copy's.
func TestVersionWritten(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, state := range []string{"", "Enabled", "Suspended"} {
		if state != "" {
			s.want(200, "main", "PUT", "/bkt?versioning", "<VersioningConfiguration><Status>"+state+"</Status></VersioningConfiguration>")
		}
		s.want(200, "main", "PUT", "/bkt/k0", "x")
		id := s.begin("/bkt/m")
		if r := s.want(200, "main", "PUT", "/bkt/of", "", "X-Amz-Copy-Source", "bkt/k0"); (r.header.Get("X-Amz-Copy-Source-Version-Id") != "") != (state == "Enabled") {
			t.Errorf("versioning %q: copied version %q", state, r.header.Get("X-Amz-Copy-Source-Version-Id"))
		}
		for what, r := range map[string]*reply{
			"put":      s.want(200, "main", "PUT", "/bkt/k", "x"),
			"copy":     s.want(200, "main", "PUT", "/bkt/c", "", "X-Amz-Copy-Source", "bkt/k"),
			"complete": s.want(200, "main", "POST", "/bkt/m?uploadId="+id, complete(s.part("/bkt/m", id, 1, "x"))),
		} {
			named := state == "Enabled" || (state == "Suspended" && what == "copy")
			if v := r.header.Get("X-Amz-Version-Id"); (v != "") != named {
				t.Errorf("%s, versioning %q: version %q", what, state, v)
			}
		}
	}
	if r := s.want(200, "main", "HEAD", "/bkt/k", ""); r.header.Get("X-Amz-Version-Id") != "null" {
		t.Error(r.header)
	}
}

func TestUploadOrderOfErrors(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/src", "0123456789")
	id := s.begin("/bkt/k")
	s.fails(s3err.MalformedXML, "main", "POST", "/bkt/k?uploadId="+id, "")
	s.fails(s3err.NoSuchUpload, "main", "POST", "/bkt/k?uploadId="+strings.Repeat("0", 32), "")
	for bytes, code := range map[string]*s3err.Code{"bytes=0-10": s3err.InvalidArgument, "bytes=10-10": s3err.InvalidRequest, "bytes=5-4": s3err.InvalidArgument} {
		s.fails(code, "main", "PUT", "/bkt/k?partNumber=1&uploadId="+id, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-Range", bytes)
	}
	if r := s.want(200, "main", "GET", "/bkt/k?part-number-marker=7&uploadId="+id, ""); r.element("NextPartNumberMarker") != "0" {
		t.Error(r.body)
	}
}

// A part's checksum is shown of a composite upload; the object's wherever the
// whole object is sent.
func TestChecksumShown(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	const body = "hello"
	upload := func(key, kind string) {
		id := s.begin(key, "X-Amz-Checksum-Algorithm", "CRC32", "X-Amz-Checksum-Type", kind)
		sum := sumOf("CRC32", body)
		etag := s.part(key, id, 1, body, "X-Amz-Checksum-Crc32", sum)
		s.want(200, "main", "POST", key+"?uploadId="+id, strings.Replace(complete(etag), "</ETag>", "</ETag><ChecksumCRC32>"+sum+"</ChecksumCRC32>", 1))
	}
	upload("/bkt/c", "COMPOSITE")
	upload("/bkt/f", "FULL_OBJECT")
	s.want(200, "main", "PUT", "/bkt/p", body, "X-Amz-Checksum-Crc32", sumOf("CRC32", body))
	whole, part := s.want(200, "main", "HEAD", "/bkt/c", "", "X-Amz-Checksum-Mode", "enabled").header.Get("X-Amz-Checksum-Crc32"), sumOf("CRC32", body)
	if !strings.HasSuffix(whole, "-1") {
		t.Errorf("composite %q", whole)
	}
	for _, tt := range []struct{ path, span, want string }{
		{"/bkt/c?partNumber=1", "", part}, {"/bkt/c", "bytes=0-4", whole}, {"/bkt/c", "bytes=0-3", ""},
		{"/bkt/f?partNumber=1", "", part}, {"/bkt/p?partNumber=1", "", part}, {"/bkt/p", "bytes=-9", part}, {"/bkt/p", "bytes=1-", ""},
	} {
		headers := []string{"X-Amz-Checksum-Mode", "ENABLED"}
		if tt.span != "" {
			headers = append(headers, "Range", tt.span)
		}
		if got := s.want(206, "main", "GET", tt.path, "", headers...).header.Get("X-Amz-Checksum-Crc32"); got != tt.want {
			t.Errorf("%s %s: checksum %q, want %q", tt.path, tt.span, got, tt.want)
		}
	}
	a := s.want(200, "main", "GET", "/bkt/c?attributes", "", "X-Amz-Object-Attributes", "Checksum")
	if a.element("ChecksumCRC32") != whole || a.element("ChecksumType") != "COMPOSITE" {
		t.Error(a.body)
	}
}
