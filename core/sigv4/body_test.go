package sigv4

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/s3err"
)

// put is a signed request with a body that need not fit its headers.
func put(t testing.TB, payloadHash string, length int64, body io.Reader, headers ...string) *http.Request {
	r := sent(t, "PUT", "http://s3.example.org/b/k", "")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	Sign(r, exampleCredentials(), "r", payloadHash, exampleTime)
	r.Body, r.ContentLength, r.Host = io.NopCloser(body), length, r.URL.Host
	return r
}

func TestPlainBodies(t *testing.T) {
	const text = "Welcome to Amazon S3."
	wrong := errors.New("connection reset")
	for _, c := range []struct {
		name   string
		hash   string
		length int64
		body   io.Reader
		row    *s3err.Code // nil: right
	}{
		{"hashed", sha(text), 21, strings.NewReader(text), nil},
		{"hash in capitals", strings.ToUpper(sha(text)), 21, strings.NewReader(text), nil},
		{"data with EOF", sha(text), 21, iotest.DataErrReader(strings.NewReader(text)), nil},
		{"no length", sha(text), -1, strings.NewReader(text), nil},
		{"unsigned", UnsignedPayload, 21, strings.NewReader(text), nil},
		{"empty", EmptyPayload, 0, strings.NewReader(""), nil},
		{"empty, no length", EmptyPayload, -1, strings.NewReader(""), nil},
		{"empty, unsigned", UnsignedPayload, 0, strings.NewReader(""), nil},
		{"wrong hash", sha("other"), 21, strings.NewReader(text), s3err.XAmzContentSHA256Mismatch},
		{"wrong hash of nothing", sha("other"), 0, strings.NewReader(""), s3err.XAmzContentSHA256Mismatch},
		{"short", sha(text), 22, strings.NewReader(text), s3err.IncompleteBody},
		{"short, unsigned", UnsignedPayload, 22, strings.NewReader(text), s3err.IncompleteBody},
		{"long", UnsignedPayload, 20, strings.NewReader(text), s3err.IncompleteBody},
		{"cut", sha(text), 21, io.MultiReader(strings.NewReader(text[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)), s3err.IncompleteBody},
		{"gone", sha(text), 21, iotest.ErrReader(wrong), s3err.IncompleteBody},
		{"slow", sha(text), 21, iotest.ErrReader(os.ErrDeadlineExceeded), s3err.RequestTimeout},
		{"limited", sha(text), 21, iotest.ErrReader(&http.MaxBytesError{Limit: 1}), s3err.EntityTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := put(t, c.hash, c.length, c.body)
			if c.row != nil {
				if e := refused(t, exampleVerifier(), r); e.Code != c.row {
					t.Errorf("%v, want %s", e, c.row.Code)
				}
				return
			}
			req, body := verified(t, exampleVerifier(), r)
			if want := text[:min(21, 21*len(body))]; body != want || req.Length != c.length {
				t.Errorf("%q, length %d", body, req.Length)
			}
			if n, err := req.Body.Read(make([]byte, 9)); n != 0 || err != io.EOF {
				t.Errorf("after the end: %d, %v", n, err)
			}
			if err := req.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A body error comes again on every further read.
func TestBodyErrorStays(t *testing.T) {
	req, err := exampleVerifier().Verify(put(t, sha("a"), 1, strings.NewReader("b")))
	if err != nil {
		t.Fatal(err)
	}
	io.ReadAll(req.Body)
	if _, err := req.Body.Read(make([]byte, 1)); !errors.Is(err, s3err.XAmzContentSHA256Mismatch) {
		t.Error(err)
	}
	e := rowed(t, err2(req.Body.Read(nil)))
	if field(e, "ClientComputedContentSHA256") != sha("a") || field(e, "S3ComputedContentSHA256") != sha("b") {
		t.Error(e.Fields)
	}
}

func err2(_ int, err error) error { return err }

const decoded = "X-Amz-Decoded-Content-Length"

func unsignedPut(t testing.TB, length, trailer, body string) *http.Request {
	headers := []string{decoded, length}
	if trailer != "" {
		headers = append(headers, "X-Amz-Trailer", trailer)
	}
	return put(t, unsignedTrailer, int64(len(body)), strings.NewReader(body), headers...)
}

func TestUnsignedChunks(t *testing.T) {
	const crc = "x-amz-checksum-crc64nvme"
	data := func(sizes ...int) (string, string) {
		var b strings.Builder
		var total int
		for _, n := range sizes {
			b.WriteString(strconv.FormatInt(int64(n), 16) + "\r\n" + strings.Repeat("a", n) + "\r\n")
			total += n
		}
		return strconv.Itoa(total), b.String()
	}
	terminated, wrongLength := bodyTerminated, s3err.IncompleteBody.Message
	for _, c := range []struct {
		length, trailer, body string
		row                   *s3err.Code
		message               string
	}{
		{"10", crc, "A\r\ndummy data\r\n0\r\n" + crc + ":dPVWc2vU1+Q=\r\n\r\n", nil, "dPVWc2vU1+Q="},
		{"10", strings.ToUpper(crc), "a\r\ndummy data\r\n000\r\nX-Amz-Checksum-CRC64NVME: dPVWc2vU1+Q= \r\n\r\n", nil, "dPVWc2vU1+Q="},
		{"10", crc, "a\r\ndummy data\r\n0\r\n" + crc + ":dPVWc2vU1+Q=\n\r\n\r\n", nil, "dPVWc2vU1+Q="}, // minio-go
		{"10", "", "a\r\ndummy data\r\n0\r\n\r\n", nil, ""},
		{"10", "", "a \r\ndummy data\r\n0\r\n\r\n\r\n", nil, ""},
		{"0", "", "0\r\n\r\n", nil, ""},
		// framing
		{"10", crc, "A\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy data0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\nXYZ\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "B\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy data\r\n0\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy data\r\n0\r\n" + crc + ":dPVWc2vU1+Q=\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy", s3err.IncompleteBody, terminated},
		{"10", crc, "", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\nA\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "invalid_chunk_size\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy data\r\nJ\r\n" + crc + ":dPVWc2vU1+Q=\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "-A\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", "", "1000000000000000A\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", "", strings.Repeat("0", 2000) + "A\r\ndummy data\r\n0\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", "", "A\r\ndummy data\r\n0\r\n\r\nmore", s3err.IncompleteBody, terminated},
		{"10", "", "A\r\ndummy data\r\n0\r\n\r\n" + strings.Repeat("\r\n", 2000), s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy data\r\n0\r\n" + crc + ":dPVWc2\rvU1+Q=\r\n\r\n", s3err.IncompleteBody, terminated},
		{"10", crc, "A\r\ndummy data\r\n0\r\n" + crc + ":a=\r\n" + crc + ":b=\r\n\r\n", s3err.IncompleteBody, terminated},
		// length
		{"5", "", "b\r\nabcdefghijk\r\n0\r\n\r\n", s3err.IncompleteBody, wrongLength},
		{"200", "", "b\r\nabcdefghijk\r\n0\r\n\r\n", s3err.IncompleteBody, wrongLength},
		{"128", crc, "a\r\ndummy data\r\n0\r\n" + crc + ":dPVWc2vU1+Q=\r\n\r\n", s3err.IncompleteBody, wrongLength},
		{"7", crc, "a\r\ndummy data\r\n0\r\nx-amz-checksum-sha256:eA==\r\n\r\n", s3err.IncompleteBody, wrongLength},
		{"7", "", "fffff\r\ndummy data", s3err.IncompleteBody, wrongLength},
		{"8192", "", "2000\r\n" + strings.Repeat("a", 8192) + "\r\n1\r\na\r\n0\r\n\r\n", s3err.IncompleteBody, wrongLength},
		{"", crc, "5\r\nhello\r\n0\r\n\r\n", s3err.MissingContentLength, s3err.MissingContentLength.Message},
		{"abc", crc, "5\r\nhello\r\n0\r\n\r\n", s3err.MissingContentLength, s3err.MissingContentLength.Message},
		{"12x", crc, "5\r\nhello\r\n0\r\n\r\n", s3err.MissingContentLength, s3err.MissingContentLength.Message},
		{"-1", crc, "5\r\nhello\r\n0\r\n\r\n", s3err.MissingContentLength, s3err.MissingContentLength.Message},
		{"99999999999999999999", crc, "5\r\nhello\r\n0\r\n\r\n", s3err.MissingContentLength, s3err.MissingContentLength.Message},
		// trailers
		{"5", crc, "5\r\nhello\r\n0\r\n\r\n", s3err.MalformedTrailer, s3err.MalformedTrailer.Message},
		{"5", crc, "5\r\nhello\r\n0\r\n:M3eFcAZSQlc=\r\n\r\n", s3err.MalformedTrailer, s3err.MalformedTrailer.Message},
		{"5", "", "5\r\nhello\r\n0\r\n" + crc + ":M3eFcAZSQlc=\r\n\r\n", s3err.MalformedTrailer, s3err.MalformedTrailer.Message},
		{"5", crc, "5\r\nhello\r\n0\r\ninvalid_trailer:M3eFcAZSQlc=\r\n\r\n", s3err.MalformedTrailer, s3err.MalformedTrailer.Message},
		{"5", "x-amz-meta-a", "5\r\nhello\r\n0\r\nx-amz-meta-a:1\r\n\r\n", s3err.InvalidRequest, "The value specified in the x-amz-trailer header is not supported"},
	} {
		t.Run(c.length+" "+c.body[:min(len(c.body), 60)], func(t *testing.T) {
			for _, slow := range []bool{false, true} {
				r := unsignedPut(t, c.length, c.trailer, c.body)
				if slow {
					r.Body = io.NopCloser(iotest.OneByteReader(strings.NewReader(c.body)))
				}
				if c.row == nil {
					if req, body := verified(t, exampleVerifier(), r); body != "dummy data"[:req.Length] || req.Trailer() != c.message {
						t.Errorf("%q, trailer %q", body, req.Trailer())
					}
				} else if e := refused(t, exampleVerifier(), r); e.Code != c.row || e.Message() != c.message {
					t.Errorf("%v, want %s: %s", e, c.row.Code, c.message)
				}
			}
		})
	}

	for _, sizes := range [][]int{{8192, 8192, 100}, {100}, {10000, 9500, 20}, {8200, 8201, 10000, 10}} {
		length, body := data(sizes...)
		verified(t, exampleVerifier(), unsignedPut(t, length, "", body+"0\r\n\r\n"))
	}
	for _, sizes := range [][]int{{100, 8192, 100}, {8192, 10, 100}, {10, 10, 10}, {10000, 10, 8192, 8192}} {
		length, body := data(sizes...)
		e := refused(t, exampleVerifier(), unsignedPut(t, length, "", body+"0\r\n\r\n"))
		if e.Code != s3err.InvalidChunkSize || field(e, "BadChunkSize") != strconv.Itoa(slicesMin(sizes)) {
			t.Errorf("%v: %v %v", sizes, e, e.Fields)
		}
	}
}

func slicesMin(sizes []int) int {
	for _, n := range sizes {
		if n < 8192 {
			return n
		}
	}
	return 0
}

// signedStream is a signed stream of data, encoded.
func signedStream(t testing.TB, data string, s Stream) (*http.Request, []byte) {
	r := sent(t, "PUT", "http://s3.example.org/b/k", "")
	SignStream(r, strings.NewReader(data), int64(len(data)), exampleCredentials(), "r", s, exampleTime)
	encoded, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = r.URL.Host
	return r, encoded
}

func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// Spoilt framing is a broken body, whatever the signatures say.
func TestSignedFraming(t *testing.T) {
	r, encoded := signedStream(t, "dummy data paylaod", Stream{})
	for _, c := range []struct {
		from, to int
		with     string
	}{
		{0, 2, "j"}, {83, 85, ""}, {83, 85, "dd"}, {103, 105, ""}, {103, 105, "something invalid"}, {187, 191, "bbbb"},
		{190, 191, "s"}, {2, 3, ":"}, {3, 19, ""}, {19, 24, ""}, {189, 191, ""},
	} {
		body := append(append(bytes.Clone(encoded[:c.from]), c.with...), encoded[c.to:]...)
		if e := refused(t, exampleVerifier(), withBody(r, body)); e.Code != s3err.IncompleteBody || e.Message() != bodyTerminated {
			t.Errorf("%+v: %v", c, e)
		}
	}

	s := Stream{Trailer: "x-amz-checksum-crc32c", Checksum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	r, encoded = signedStream(t, "abcdefg", s) // the trailer begins at 177
	for _, c := range []struct {
		from, to int
		with     string
	}{
		{175, 176, "k"}, {175, 177, "cc"}, {208, 209, "bcd"}, {213, 216, "invalid"}, {225, 229, "abcd"},
		{234, 238, "abcde"}, {len(encoded) - 2, len(encoded), "pp"}, {len(encoded) - 4, len(encoded), "erty"},
	} {
		body := append(append(bytes.Clone(encoded[:c.from]), c.with...), encoded[c.to:]...)
		if e := refused(t, exampleVerifier(), withBody(r, body)); e.Code != s3err.IncompleteBody || e.Message() != bodyTerminated {
			t.Errorf("%+v: %v\n%q", c, e, body)
		}
	}
}

// A byte changed in the data, a chunk's signature, the trailer or its
// signature is found before io.EOF.
func TestSignedTampering(t *testing.T) {
	data := strings.Repeat("0123456789", 2000)
	s := Stream{ChunkSize: 8192, Trailer: "x-amz-checksum-sha1", Checksum: sha1.New()}
	r, encoded := signedStream(t, data, s)
	_, body := verified(t, exampleVerifier(), withBody(r, encoded))
	if body != data {
		t.Fatal("not the same")
	}
	last := strings.LastIndex(string(encoded), "0;chunk-signature=")
	for name, at := range map[string]int{
		"data":              500,
		"data of chunk 2":   9000,
		"chunk signature":   30,
		"last signature":    last + 40,
		"trailer":           bytes.Index(encoded, []byte("sha1:")) + 8,
		"trailer signature": len(encoded) - 20,
	} {
		spoilt := bytes.Clone(encoded)
		spoilt[at] ^= 1
		e := refused(t, exampleVerifier(), withBody(r, spoilt))
		if e.Code != s3err.SignatureDoesNotMatch || field(e, "AWSAccessKeyId") != exampleID || field(e, "StringToSign") == "" {
			t.Errorf("%s: %v %v", name, e, e.Fields)
		}
	}
	// Two chunks changed round: each has a good signature, but not in its place.
	first, second := chunkAt(encoded, 0), chunkAt(encoded, 1)
	swapped := append(append(bytes.Clone(second), first...), encoded[len(first)+len(second):]...)
	if e := refused(t, exampleVerifier(), withBody(r, swapped)); e.Code != s3err.SignatureDoesNotMatch {
		t.Error(e)
	}
	// Whole chunks left out at the end.
	if e := refused(t, exampleVerifier(), withBody(r, append(bytes.Clone(first), encoded[last:]...))); e.Code != s3err.SignatureDoesNotMatch {
		t.Error(e)
	}
}

func chunkAt(encoded []byte, i int) []byte {
	size := len("2000;chunk-signature=") + 64 + 2 + 8192 + 2
	return encoded[i*size : (i+1)*size]
}

func TestSignedTrailers(t *testing.T) {
	stream := func(trailer string) (*http.Request, []byte, *chunkSigner) {
		r := sent(t, "PUT", "http://s3.example.org/b/k", "")
		r.Header.Set(decoded, "10")
		if trailer != "" {
			r.Header.Set("X-Amz-Trailer", trailer)
		}
		s := newChunkSigner(*signHeader(r, exampleCredentials(), "r", signedTrailer, exampleTime))
		e := &chunkEncoder{signer: s}
		e.chunk([]byte("dummy data"))
		e.chunk(nil)
		r.Host = r.URL.Host
		return r, e.out, s
	}
	// minio-go ends the trailer's line with a bare line feed and an empty line.
	r, body, s := stream("x-amz-checksum-crc32")
	s.signTrailer("x-amz-checksum-crc32", "QWaN2w==", true)
	for _, end := range []string{"\n\r\n", "\r\n", "\n"} {
		whole := string(body) + "x-amz-checksum-crc32:QWaN2w==" + end + "x-amz-trailer-signature:" + string(s.previous[:]) + "\r\n\r\n"
		if req, _ := verified(t, exampleVerifier(), withBody(r, []byte(whole))); req.Trailer() != "QWaN2w==" {
			t.Errorf("trailer %q", req.Trailer())
		}
	}
	for _, c := range []struct{ announced, sent string }{
		{"x-amz-checksum-crc64nvme", "x-amz-invalid:invalid"},
		{"x-amz-checksum-crc64nvme", ""},
		{"x-amz-checksum-sha1", "x-amz-checksum-crc32:QWaN2w=="},
		{"", "x-amz-checksum-crc32:QWaN2w=="},
	} {
		r, body, s := stream(c.announced)
		name, value, _ := strings.Cut(c.sent, ":")
		s.signTrailer(name, value, true)
		whole := string(body) + c.sent + "\r\nx-amz-trailer-signature:" + string(s.previous[:]) + "\r\n\r\n"
		if e := refused(t, exampleVerifier(), withBody(r, []byte(whole))); e.Code != s3err.MalformedTrailer {
			t.Errorf("%+v: %v", c, e)
		}
	}
	r, body, _ = stream("x-amz-checksum-crc32")
	if e := refused(t, exampleVerifier(), withBody(r, append(body, strings.Repeat("\r\n", 100)...))); e.Code != s3err.IncompleteBody {
		t.Error(e)
	}
}

func TestStreamRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data := strings.Repeat("abcdefghijklmnopqrstuvwxyz", rapid.IntRange(0, 1200).Draw(rt, "length"))
		s := Stream{Unsigned: rapid.Bool().Draw(rt, "unsigned"), ChunkSize: rapid.IntRange(1, 20000).Draw(rt, "chunk")}
		if rapid.Bool().Draw(rt, "trailer") {
			s.Trailer, s.Checksum = "x-amz-checksum-crc32", crc32.NewIEEE()
		}
		r, encoded := signedStream(t, data, s)
		if int64(len(encoded)) != r.ContentLength {
			rt.Fatalf("%d bytes, announced %d", len(encoded), r.ContentLength)
		}
		r = withBody(r, encoded)
		r.Body = io.NopCloser(&cutReader{data: encoded, next: func(most int) int { return rapid.IntRange(1, most).Draw(rt, "read") }})
		req, err := exampleVerifier().Verify(r)
		if err != nil {
			rt.Fatal(err)
		}
		var got []byte
		for err == nil {
			p := make([]byte, rapid.IntRange(1, 9000).Draw(rt, "buffer"))
			var n int
			n, err = req.Body.Read(p)
			got = append(got, p[:n]...)
		}
		if err != io.EOF || string(got) != data || req.Length != int64(len(data)) {
			rt.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
		}
		if want := s.Trailer; req.TrailerName != want || (want == "") != (req.Trailer() == "") {
			rt.Fatalf("trailer %q", req.Trailer())
		}
	})
}

// cutReader gives its data in pieces of any length.
type cutReader struct {
	data []byte
	next func(most int) int
}

func (c *cutReader) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.next(8000))], c.data)
	c.data = c.data[n:]
	return n, nil
}

func TestStreamTooShort(t *testing.T) {
	r := sent(t, "PUT", "http://s3.example.org/b/k", "")
	SignStream(r, strings.NewReader("abc"), 4, exampleCredentials(), "r", Stream{}, exampleTime)
	if _, err := io.ReadAll(r.Body); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

// Decoding costs no allocation per chunk.
func TestChunksAllocateNothing(t *testing.T) {
	few, fewBytes := signedStream(t, strings.Repeat("a", 2*8192), Stream{ChunkSize: 8192})
	many, manyBytes := signedStream(t, strings.Repeat("a", 40*8192), Stream{ChunkSize: 8192})
	v := exampleVerifier()
	buf := make([]byte, 32<<10)
	count := func(r *http.Request, body []byte) float64 {
		return testing.AllocsPerRun(20, func() {
			r.Body = io.NopCloser(bytes.NewReader(body))
			req, err := v.Verify(r)
			for err == nil {
				_, err = req.Body.Read(buf)
			}
			if err != io.EOF {
				t.Fatal(err)
			}
		})
	}
	few.ContentLength, many.ContentLength = int64(len(fewBytes)), int64(len(manyBytes))
	if a, b := count(few, fewBytes), count(many, manyBytes); b > a+8 { // a pool may be emptied in between
		t.Errorf("%v allocations for 2 chunks, %v for 40", a, b)
	}
}
