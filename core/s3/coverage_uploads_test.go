package s3

import (
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// fullPart is a part of the least size that another may follow.
var fullPart = strings.Repeat("a", 5<<20)

// multipart makes an object of two parts and gives its path.
func (s *testServer) multipart(path string) string {
	s.t.Helper()
	id := s.begin(path)
	s.want(200, "main", "POST", path+"?uploadId="+id, complete(s.part(path, id, 1, fullPart), s.part(path, id, 2, "tail")))
	return path
}

func showUpload(s *testServer) {
	id := s.begin("/bkt/k", "Content-Type", "text/x", "X-Amz-Meta-A", "1", "X-Amz-Tagging", "t=1")
	s.part("/bkt/k", id, 1, "replaced")
	e1 := s.part("/bkt/k", id, 1, fullPart, "Content-Md5", md5Header(fullPart))
	e2 := s.part("/bkt/k", id, 2, "tail", "X-Amz-Checksum-Crc32", sumOf("CRC32", "tail"))
	s.fails(s3err.BadDigest, "main", "PUT", "/bkt/k?partNumber=3&uploadId="+id, "x", "X-Amz-Checksum-Crc32", "AAAAAA==")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
	list := s.want(200, "main", "GET", "/bkt/k?max-parts=1&uploadId="+id, "")
	s.holds(list, "<PartNumber>1</PartNumber>", "<Size>5242880</Size>", "<NextPartNumberMarker>1</NextPartNumberMarker>", "<IsTruncated>true</IsTruncated>")
	s.holds(s.want(200, "main", "GET", "/bkt/k?part-number-marker=1&uploadId="+id, ""), "<PartNumber>2</PartNumber>", "<IsTruncated>false</IsTruncated>")
	s.fails(s3err.InvalidPart, "main", "POST", "/bkt/k?uploadId="+id, complete(e2, e1))
	s.fails(s3err.NoSuchKey, "main", "POST", "/bkt/k?uploadId="+id, complete(e1, e2), "If-Match", `"x"`)
	done := s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(e1, e2), "If-None-Match", "*")
	s.holds(done, "-2&quot;</ETag>", "<Location>"+s.URL+"/bkt/k</Location>", "<ChecksumCRC64NVME>"+sumOf("CRC64NVME", fullPart+"tail"))
	s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(e1, e2), "If-None-Match", "*") // the answer may have been lost
	s.has("/bkt/k", fullPart+"tail")
	r := s.want(206, "main", "GET", "/bkt/k?partNumber=2", "")
	s.shows(r, "X-Amz-Mp-Parts-Count", "2", "Content-Type", "text/x", "X-Amz-Meta-A", "1", "X-Amz-Tagging-Count", "1")
	if r.body != "tail" {
		s.t.Errorf("part 2: %q", r.body)
	}
}

func showPartCopy(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/src", "0123456789")
	s.multipart("/bkt/big")
	id := s.begin("/bkt/k")
	path := "/bkt/k?uploadId=" + id + "&partNumber="
	etag := func(r *reply) string { return strings.ReplaceAll(r.element("ETag"), "&quot;", `"`) }
	one := s.want(200, "main", "PUT", path+"1", "", "X-Amz-Copy-Source", "bkt/big", "X-Amz-Copy-Source-Range", "bytes=0-5242879")
	two := s.want(200, "main", "PUT", path+"2", "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-Range", "bytes=2-4")
	s.holds(two, "<CopyPartResult")
	s.fails(s3err.PreconditionFailed, "main", "PUT", path+"3", "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-If-Match", "x")
	s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(etag(one), etag(two)))
	s.has("/bkt/k", fullPart+"234")
}

func showAbort(s *testServer) {
	id := s.begin("/bkt/k")
	s.part("/bkt/k", id, 1, "x")
	s.fails(s3err.AccessDenied, "alt", "DELETE", "/bkt/k?uploadId="+id, "")
	s.want(204, "main", "DELETE", "/bkt/k?uploadId="+id, "")
	s.fails(s3err.NoSuchUpload, "main", "GET", "/bkt/k?uploadId="+id, "")
	s.want(204, "main", "DELETE", "/bkt", "")
}

func showListUploads(s *testServer) {
	one, two := s.begin("/bkt/a/k"), s.begin("/bkt/b")
	s.holds(s.want(200, "main", "GET", "/bkt?uploads&delimiter=/", ""), "<Prefix>a/</Prefix>", "<UploadId>"+two+"</UploadId>", "<Initiator>")
	page := s.want(200, "main", "GET", "/bkt?uploads&max-uploads=1", "")
	s.holds(page, "<UploadId>"+one+"</UploadId>", "<NextKeyMarker>a/k</NextKeyMarker>", "<IsTruncated>true</IsTruncated>")
	s.holds(s.want(200, "main", "GET", "/bkt?uploads&key-marker=a/k&upload-id-marker="+one, ""), "<UploadId>"+two+"</UploadId>")
}
