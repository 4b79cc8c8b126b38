package torture

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// rawPut dials and sends the header of a PUT of b with the first n of its bytes.
func rawPut(t *testing.T, s *harness.Server, key string, b []byte, n int) net.Conn {
	t.Helper()
	r, err := s.NewClient().Request(ctx, "PUT", bucket, key, "", b)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.Endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var head bytes.Buffer
	fmt.Fprintf(&head, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.URL.RequestURI(), r.URL.Host, len(b))
	if err := r.Header.Write(&head); err != nil {
		t.Fatal(err)
	}
	head.WriteString("\r\n")
	head.Write(b[:n])
	if _, err := conn.Write(head.Bytes()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// read reads an answer from a raw connection.
func read(conn net.Conn) (*harness.Answer, error) {
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &harness.Answer{Status: resp.StatusCode, Header: resp.Header, Body: b}, err
}

// sizes are of a body that is kept in its record, of one in a file, and of one
// that is long.
var sizes = []int{1000, 100 << 10, 5 << 20}

// TestDisconnect: of an upload that is broken off nothing can be seen, and no
// file stays.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	put(t, c, "there", []byte("before"))
	puts := 1
	for _, key := range []string{"new", "there"} {
		for _, size := range sizes {
			for _, sent := range []int{0, size / 2, size - 1} {
				rawPut(t, s, key, body(key, sent, size), sent).Close()
				puts++
			}
		}
	}
	// None being under way is not enough: the server may not have begun with the last.
	eventually(t, "all uploads have ended", func() bool {
		return metrics(t, s, `mucura_requests_total{op="PutObject",`) == float64(puts) && metric(t, s, "mucura_requests_in_flight") == 0
	})
	wantObject(t, c, "new", nil)
	wantObject(t, c, "there", []byte("before"))
	if left := contents(t, s); len(left) != 0 {
		t.Errorf("files are left: %q", left)
	}
	eventually(t, "what was stored is counted, and no more", func() bool { return used(t, s, "root") == 6 })
}

// TestStalledUpload: who stops sending is told so after the body idle timeout,
// and leaves nothing.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	s := start(t, "--body-idle-timeout", "2s") // longer than the test waits for a processor
	newBucket(t, s.NewClient())
	for _, size := range sizes {
		b := body("stalled", 1, size)
		conn := rawPut(t, s, "stalled", b, size/2)
		a, err := read(conn)
		wantAnswer(t, fmt.Sprint(size, " bytes"), a, err, 400, "RequestTimeout")
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is not closed: %v", err)
		}
	}
	wantObject(t, s.NewClient(), "stalled", nil)
	if left := contents(t, s); len(left) != 0 {
		t.Errorf("files are left: %q", left)
	}
}

// TestStalledReader: who stops reading is dropped. The time is one that a reader
// who only waits for a processor does not need.
func TestStalledReader(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"plain": nil, "TLS": {"--tls", "internal"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, append(args, "--body-idle-timeout", "5s")...)
			c := s.NewClient()
			if args != nil {
				c.Endpoint = strings.Replace(c.Endpoint, "http://", "https://", 1)
				c.HTTP.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // another test is about certificates
			}
			stalledReader(t, s, c)
		})
	}
}

func stalledReader(t *testing.T, s *harness.Server, c *harness.Client) {
	t.Helper()
	newBucket(t, c)
	put(t, c, "k", make([]byte, 64<<20))
	r, err := c.Request(ctx, "GET", bucket, "k", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n := metric(t, s, "mucura_requests_in_flight"); n != 1 {
		t.Errorf("%v requests are under way", n)
	}
	eventually(t, "the reader is dropped", func() bool { return metric(t, s, "mucura_requests_in_flight") == 0 })
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the stalled reader got all %d bytes", n)
	}
	wantObject(t, c, "k", make([]byte, 64<<20))
}

// TestBadBodies: what does not agree with what was announced is refused with
// S3's code, and nothing of it is stored.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	wrong := md5.Sum([]byte("something else"))
	for _, size := range sizes {
		b := body("bad", 1, size)
		for name, test := range map[string]struct {
			header []string
			status int
			code   string
		}{
			"wrong MD5":      {[]string{"Content-MD5", base64.StdEncoding.EncodeToString(wrong[:])}, 400, "BadDigest"},
			"malformed MD5":  {[]string{"Content-MD5", "!"}, 400, "InvalidDigest"},
			"wrong CRC32":    {[]string{"x-amz-checksum-crc32", "AAAAAA=="}, 400, "BadDigest"},
			"wrong SHA-256":  {[]string{"x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, 400, "BadDigest"},
			"malformed CRC":  {[]string{"x-amz-checksum-crc32c", "no base64"}, 400, "InvalidRequest"},
			"If-Match":       {[]string{"If-Match", `"0123"`}, 404, "NoSuchKey"},
			"unknown header": {[]string{"x-amz-server-side-encryption", "ROT13"}, 400, "InvalidArgument"},
		} {
			a, err := c.Do(ctx, "PUT", bucket, "bad", "", b, test.header...)
			wantAnswer(t, fmt.Sprintf("%s, %d bytes", name, size), a, err, test.status, test.code)
		}
		a, err := changedBody(c, b)
		wantAnswer(t, fmt.Sprintf("another body than signed, %d bytes", size), a, err, 400, "XAmzContentSHA256Mismatch")
		for name, body := range map[string]string{
			"wrong chunk signature": chunked(size, strings.Repeat("0", 64)),
			"no chunk signature":    fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, b),
		} {
			a, err := streamed(c, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", size, body)
			if err != nil || a.Status != 403 && a.Status != 400 || a.Code() != "SignatureDoesNotMatch" && a.Code() != "IncompleteBody" && a.Code() != "InvalidRequest" {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
		}
		a, err = streamed(c, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", size+1, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, b))
		if err != nil || a.Status != 400 {
			t.Errorf("fewer bytes than the decoded length: %+v, %v", a, err)
		}
	}
	wantObject(t, c, "bad", nil)
	if left := contents(t, s); len(left) != 0 {
		t.Errorf("files are left: %q", left)
	}
}

// changedBody sends another body than was signed.
func changedBody(c *harness.Client, b []byte) (*harness.Answer, error) {
	r, err := c.Request(ctx, "PUT", bucket, "bad", "", b)
	if err != nil {
		return nil, err
	}
	other := bytes.Clone(b)
	other[len(b)-1] ^= 1
	r.Body, r.GetBody = io.NopCloser(bytes.NewReader(other)), nil
	return send(c, r)
}

func send(c *harness.Client, r *http.Request) (*harness.Answer, error) {
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &harness.Answer{Status: resp.StatusCode, Header: resp.Header, Body: b}, err
}

// streamed sends an aws-chunked body as it is given.
func streamed(c *harness.Client, kind string, length int, b string) (*harness.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, "PUT", c.Endpoint+"/"+bucket+"/bad", strings.NewReader(b))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(length))
	sigv4.Sign(r, c.Creds, harness.Region, kind, time.Now())
	return send(c, r)
}

// chunked frames zeroes as one chunk with a signature.
func chunked(size int, signature string) string {
	return fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n\r\n", size, signature, make([]byte, size), signature)
}

// TestLimits: headers too large, and more requests at once than allowed.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := start(t, "--max-header-bytes", "16KiB", "--max-requests", "3")
	c := s.NewClient()
	newBucket(t, c)
	a, err := c.Do(ctx, "GET", bucket, "k", "", nil, "x-amz-meta-large", strings.Repeat("x", 64<<10))
	if err != nil || a.Status != 431 {
		t.Errorf("large header: %+v, %v", a, err)
	}
	var slow []*slowBody
	var answers []chan int
	for i := range 3 {
		b, status := slowPut(t, c, fmt.Sprint("slow", i), body("slow", i, 1<<20))
		slow, answers = append(slow, b), append(answers, status)
	}
	underWay(t, s, 3)
	a, err = c.Do(ctx, "GET", bucket, "k", "", nil)
	wantAnswer(t, "one too many", a, err, 503, "SlowDown")
	if err == nil && a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if n := metric(t, s, "mucura_refused_total"); n != 1 {
		t.Errorf("%v refused", n)
	}
	for i := range slow {
		close(slow[i].goOn)
		if got := <-answers[i]; got != 200 {
			t.Errorf("slow upload %d: %d", i, got)
		}
	}
	wantObject(t, c, "slow2", body("slow", 2, 1<<20))
}
