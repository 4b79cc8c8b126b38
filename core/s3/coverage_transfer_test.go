package s3

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

func showRanges(s *testServer) {
	etag := s.want(200, "main", "PUT", "/bkt/k", "0123456789").header.Get("Etag")
	for rng, want := range map[string]string{"bytes=2-4": "234", "bytes=7-": "789", "bytes=-3": "789", "bytes=8-99": "89"} {
		r := s.want(206, "main", "GET", "/bkt/k", "", "Range", rng, "If-Range", etag)
		if r.body != want || !strings.HasSuffix(r.header.Get("Content-Range"), "/10") {
			s.t.Errorf("%s: %q %v", rng, r.body, r.header)
		}
	}
	s.fails(s3err.InvalidRange, "main", "GET", "/bkt/k", "", "Range", "bytes=10-")
	if r := s.want(200, "main", "GET", "/bkt/k", "", "Range", "bytes=2-4", "If-Range", `"other"`); r.body != "0123456789" {
		s.t.Errorf("If-Range of another object: %q", r.body)
	}
}

func showMultiRange(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "0123456789")
	r := s.want(206, "main", "GET", "/bkt/k", "", "Range", "bytes=1-2,5-6,-1")
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		s.t.Fatalf("%v %v", r.header, err)
	}
	parts := multipart.NewReader(strings.NewReader(r.body), params["boundary"])
	for _, want := range []string{"12", "56", "9"} {
		p, err := parts.NextPart()
		if err != nil {
			s.t.Fatal(err)
		}
		if b, _ := io.ReadAll(p); string(b) != want {
			s.t.Errorf("%q, want %q", b, want)
		}
	}
}

func showReadConditions(s *testServer) {
	etag := s.want(200, "main", "PUT", "/bkt/k", "hello").header.Get("Etag")
	past, future := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), time.Now().Add(-time.Second).UTC().Add(2*time.Second).Format(http.TimeFormat)
	for _, test := range []struct {
		status        int
		header, value string
	}{
		{200, "If-Match", etag}, {412, "If-Match", `"x"`}, {304, "If-None-Match", etag}, {200, "If-None-Match", `"x"`},
		{200, "If-Modified-Since", past}, {412, "If-Unmodified-Since", past}, {200, "If-Unmodified-Since", future},
	} {
		s.want(test.status, "main", "GET", "/bkt/k", "", test.header, test.value)
		s.want(test.status, "main", "HEAD", "/bkt/k", "", test.header, test.value)
	}
}

func showOverrides(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Acl", "public-read")
	s.shows(s.want(200, "main", "GET", "/bkt/k?response-content-type=text/x&response-content-disposition=attachment&response-cache-control=no-store&response-content-language=fr&response-content-encoding=identity&response-expires=never", ""),
		"Content-Type", "text/x", "Content-Disposition", "attachment", "Cache-Control", "no-store", "Content-Language", "fr", "Content-Encoding", "identity", "Expires", "never")
	s.fails(s3err.InvalidRequest, "", "GET", "/bkt/k?response-content-type=text/x", "")
}

func showPartNumber(s *testServer) {
	s.multipart("/bkt/k")
	for _, method := range []string{"GET", "HEAD"} {
		s.shows(s.want(206, "main", method, "/bkt/k?partNumber=2", ""), "Content-Length", "4", "X-Amz-Mp-Parts-Count", "2", "Content-Range", "bytes 5242880-5242883/5242884")
	}
}

func showWriteConditions(s *testServer) {
	const writers = 8
	var wg sync.WaitGroup
	replies := make([]*reply, writers)
	requests := make([]*http.Request, writers)
	for i := range requests {
		requests[i] = s.request("main", "PUT", "/bkt/k", fmt.Sprint(i), "If-None-Match", "*")
	}
	for i, req := range requests {
		wg.Go(func() { replies[i] = s.send(req) })
	}
	wg.Wait()
	won := 0
	for i, r := range replies {
		switch {
		case r.status == 200:
			won++
			s.has("/bkt/k", fmt.Sprint(i))
		case r.code() != "PreconditionFailed" && r.code() != "ConditionalRequestConflict" && r.code() != "OperationAborted":
			s.t.Errorf("%d %s", r.status, r.body)
		}
	}
	if won != 1 {
		s.t.Errorf("%d of %d writers won", won, writers)
	}
	etag := s.want(200, "main", "HEAD", "/bkt/k", "").header.Get("Etag")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/k", "x", "If-Match", `"other"`)
	s.want(200, "main", "PUT", "/bkt/k", "x", "If-Match", etag)
	s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "bkt/k", "If-None-Match", "*")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "bkt/k", "If-None-Match", "*")
	s.fails(s3err.NoSuchKey, "main", "PUT", "/bkt/none", "x", "If-Match", etag)
}

func showContentMD5(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello", "Content-Md5", md5Header("hello"))
	s.fails(s3err.BadDigest, "main", "PUT", "/bkt/k", "hello", "Content-Md5", md5Header("other"))
	s.fails(s3err.InvalidDigest, "main", "PUT", "/bkt/k", "hello", "Content-Md5", "x")
}

// sums puts an object with each checksum and reads it back.
func (s *testServer) sums(names ...string) {
	s.t.Helper()
	for _, name := range names {
		header, sum := "X-Amz-Checksum-"+name, sumOf(name, "hello")
		s.fails(s3err.BadDigest, "main", "PUT", "/bkt/k", "hello", header, sumOf(name, "other"))
		s.want(200, "main", "PUT", "/bkt/k", "hello", header, sum)
		s.shows(s.want(200, "main", "GET", "/bkt/k", "", "X-Amz-Checksum-Mode", "ENABLED"), header, sum, "X-Amz-Checksum-Type", "FULL_OBJECT")
	}
}

func showChecksums(s *testServer) {
	s.sums("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
	s.want(200, "main", "PUT", "/bkt/none", "hello")
	s.shows(s.want(200, "main", "HEAD", "/bkt/none", "", "X-Amz-Checksum-Mode", "ENABLED"), "X-Amz-Checksum-Crc64nvme", sumOf("CRC64NVME", "hello"))
}

func showNewChecksums(s *testServer) { s.sums("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128") }

func showUploadChecksums(s *testServer) {
	for _, test := range []struct{ algorithm, kind, want string }{
		{"CRC32", "FULL_OBJECT", sumOf("CRC32", fullPart+"tail")},
		{"CRC32C", "COMPOSITE", ""},
		{"SHA256", "COMPOSITE", ""},
	} {
		header := "X-Amz-Checksum-" + test.algorithm
		id := s.begin("/bkt/k", "X-Amz-Checksum-Algorithm", test.algorithm, "X-Amz-Checksum-Type", test.kind)
		doc := complete(s.part("/bkt/k", id, 1, fullPart, header, sumOf(test.algorithm, fullPart)), s.part("/bkt/k", id, 2, "tail", header, sumOf(test.algorithm, "tail")))
		for _, body := range []string{fullPart, "tail"} { // each part's checksum follows its ETag
			doc = strings.Replace(doc, "</ETag></Part>", "</ETag><Checksum"+test.algorithm+">"+sumOf(test.algorithm, body)+"</Checksum"+test.algorithm+"></Part>", 1)
		}
		s.want(200, "main", "POST", "/bkt/k?uploadId="+id, doc)
		got := s.want(200, "main", "HEAD", "/bkt/k", "", "X-Amz-Checksum-Mode", "ENABLED")
		s.shows(got, "X-Amz-Checksum-Type", test.kind)
		if sum := got.header.Get(header); sum != test.want && (test.want != "" || !strings.HasSuffix(sum, "-2")) {
			s.t.Errorf("%+v: %s", test, sum)
		}
	}
}

func showUserMetadata(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Meta-A", "1", "X-Amz-Meta-Name", "café")
	s.shows(s.want(200, "main", "HEAD", "/bkt/k", ""), "X-Amz-Meta-A", "1", "X-Amz-Meta-Name", "=?UTF-8?b?Y2Fmw6k=?=")
	s.fails(s3err.MetadataTooLarge, "main", "PUT", "/bkt/k", "hello", "X-Amz-Meta-A", strings.Repeat("x", 2049))
}

func showExpect(s *testServer) {
	_, r := s.dial("alt", "/bkt/k", 1<<20, "Expect", "100-continue")
	if got := s.answer(r); got.status != 403 {
		s.t.Errorf("refused: %d", got.status)
	}
	conn, r := s.dial("main", "/bkt/k", 5, "Expect", "100-continue")
	if got := s.answer(r); got.status != 100 {
		s.t.Fatalf("%d, want 100", got.status)
	}
	io.WriteString(conn, "hello")
	if got := s.answer(r); got.status != 200 {
		s.t.Errorf("%d %s", got.status, got.body)
	}
	_, r = s.dial("main", "/bkt/empty", 0, "Expect", "100-continue") // botocore waits for it here, too
	for _, want := range []int{100, 200} {
		if got := s.answer(r); got.status != want {
			s.t.Errorf("nothing: %d %s, want %d", got.status, got.body, want)
		}
	}
}

func showStorageClasses(s *testServer) {
	for _, class := range []string{"STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR"} {
		s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Storage-Class", class)
		s.shows(s.want(200, "main", "HEAD", "/bkt/k", ""), "X-Amz-Storage-Class", class)
		s.holds(s.want(200, "main", "GET", "/bkt", ""), "<StorageClass>"+class+"</StorageClass>")
	}
	for _, class := range []string{"GLACIER", "DEEP_ARCHIVE", "NONSENSE"} {
		s.fails(s3err.InvalidStorageClass, "main", "PUT", "/bkt/k", "hello", "X-Amz-Storage-Class", class)
	}
}

func refusesAppend(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/k", "more", "X-Amz-Write-Offset-Bytes", "5")
	s.has("/bkt/k", "hello")
}

func showListing(s *testServer) {
	for _, k := range []string{"a--1", "a--2", "b", "%C3%A9", "%EF%BF%BD", "%F0%9F%98%80", "Z"} {
		s.want(200, "main", "PUT", "/bkt/"+k, "")
	}
	body := s.want(200, "main", "GET", "/bkt?delimiter=--", "").body
	at := -1
	for _, key := range []string{"Z", "b", "é", "\uFFFD", "😀"} { // by bytes, not by UTF-16
		next := strings.Index(body, "<Key>"+key+"</Key>")
		if next <= at {
			s.t.Errorf("%s is not in its place in %s", key, body)
		}
		at = next
	}
	if !strings.Contains(body, "<Prefix>a--</Prefix>") {
		s.t.Errorf("a delimiter of two bytes: %s", body)
	}
	var keys []string
	for token := ""; ; {
		r := s.want(200, "main", "GET", "/bkt?list-type=2&max-keys=2&continuation-token="+token, "")
		for _, part := range strings.Split(r.body, "<Key>")[1:] {
			keys = append(keys, part[:strings.Index(part, "<")])
		}
		if token = r.element("NextContinuationToken"); token == "" {
			break
		}
	}
	if got := strings.Join(keys, " "); got != "Z a--1 a--2 b é \uFFFD 😀" {
		s.t.Errorf("pages: %s", got)
	}
}

func showURLEncoding(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/a%20b+%25/%01", "")
	s.holds(s.want(200, "main", "GET", "/bkt?encoding-type=url", ""), "<Key>a%20b%2B%25/%01</Key>", "<EncodingType>url</EncodingType>")
	s.holds(s.want(200, "main", "GET", "/bkt?encoding-type=url&delimiter=%25", ""), "<Prefix>a%20b%2B%25</Prefix>", "<Delimiter>%25</Delimiter>")
}

func showManyKeys(s *testServer) {
	for i := range 1200 {
		s.want(200, "main", "PUT", fmt.Sprintf("/bkt/dir/%04d", i), "")
	}
	s.want(200, "main", "PUT", "/bkt/last", "")
	s.holds(s.want(200, "main", "GET", "/bkt?delimiter=/", ""), "<Prefix>dir/</Prefix>", "<Key>last</Key>", "<IsTruncated>false</IsTruncated>")
	first := s.want(200, "main", "GET", "/bkt", "")
	s.holds(first, "<Key>dir/0999</Key>", "<IsTruncated>true</IsTruncated>")
	s.holds(s.want(200, "main", "GET", "/bkt?marker=dir/0999", ""), "<Key>dir/1199</Key>", "<Key>last</Key>")
}
