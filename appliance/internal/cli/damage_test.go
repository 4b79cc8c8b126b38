package cli_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/checksum"
)

func TestCorruptionIsFound(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	p.write("small", random(1000))
	p.write("big", random(3*part))
	p.want(0, "cp", "small", "big", "s3://"+bucket+"/")

	b.set(corruptRequest, nil)
	for _, name := range []string{"small", "big"} {
		p.want(9, "cp", "--part-size", "5MiB", name, "s3://"+bucket+"/damaged-"+name)
	}
	p.feed(random(3*part), 9, "cp", "--part-size", "5MiB", "-", "s3://"+bucket+"/damaged-stream")
	b.set(nil, nil)
	if out := p.want(0, "ls", "-1", "s3://"+bucket); out != "big\nsmall\n" {
		t.Errorf("there is %q", out)
	}
	if out := p.want(0, "uploads", "ls", "s3://"+bucket); out != "" {
		t.Errorf("left: %s", out)
	}

	b.set(nil, corruptAnswer)
	for _, name := range []string{"small", "big"} {
		o := p.run("cp", "--part-size", "5MiB", "s3://"+bucket+"/"+name, "damaged")
		if o.status != 9 || !strings.Contains(o.stderr, "checksum mismatch") {
			t.Errorf("%s: %d %s", name, o.status, o.stderr)
		}
		p.wantNoFile("damaged")
	}
	p.want(9, "cat", "s3://"+bucket+"/big")
	if left, _ := filepath.Glob(p.path(".mucura-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestServerThatIsBusyAtFirst(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	content := random(1000)
	p.write("file", content)
	var seen atomic.Int32
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		switch seen.Add(1) {
		case 1:
			busy(w)
			return true
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		}
		return false
	}, nil)
	p.want(0, "cp", "file", "s3://"+bucket+"/file")
	if seen.Load() != 3 {
		t.Errorf("%d requests, want 3", seen.Load())
	}
	b.set(nil, nil)
	p.wantObject(bucket, "file", content)

	// What will not change is asked once.
	seen.Store(0)
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		seen.Add(1)
		w.WriteHeader(http.StatusNotImplemented)
		return true
	}, nil)
	p.want(1, "ls", "s3://"+bucket)
	if seen.Load() != 1 {
		t.Errorf("%d requests, want 1", seen.Load())
	}
}

// A connection that breaks in the middle of content is taken up there.
func TestBrokenStream(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	content := random(2 << 20)
	p.feed(content, 0, "cp", "-", "s3://"+bucket+"/object")
	var seen atomic.Int32
	b.set(nil, func(r *http.Response) error {
		if r.Request.Method == http.MethodGet && seen.Add(1) <= 2 {
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 700_000), brokenReader{}))
		}
		return nil
	})
	if out := p.want(0, "cat", "s3://"+bucket+"/object"); out != string(content) {
		t.Errorf("%d bytes came, not those that were stored", len(out))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := []string{"bytes=700000-", "bytes=1400000-"}; !slices.Equal(b.ranges, want) {
		t.Errorf("ranges %v, want %v", b.ranges, want)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Objects that other clients made have other checksums, or that of their parts.
func TestChecksumsOfOthers(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	c := server.NewClient()
	content := random(3*part - 7)
	must := func(a *harness.Answer, err error) *harness.Answer {
		t.Helper()
		if err != nil || a.Status != 200 {
			t.Fatalf("%v %+v", err, a)
		}
		return a
	}
	for _, algorithm := range []string{"SHA256", "CRC32", "SHA1"} {
		must(c.Do(t.Context(), "PUT", bucket, "whole-"+algorithm, "", content, "X-Amz-Sdk-Checksum-Algorithm", algorithm,
			"X-Amz-Checksum-"+algorithm, checksumOf(algorithm, content)))
		key := "parts-" + algorithm
		a := must(c.Do(t.Context(), "POST", bucket, key, "uploads=", nil, "X-Amz-Checksum-Algorithm", algorithm))
		var up struct{ UploadId string }
		if err := xml.Unmarshal(a.Body, &up); err != nil {
			t.Fatal(err)
		}
		list := ""
		for n := 1; n <= 3; n++ {
			data := content[(n-1)*part : min(n*part, len(content))]
			sum := checksumOf(algorithm, data)
			a := must(c.Do(t.Context(), "PUT", bucket, key, fmt.Sprintf("partNumber=%d&uploadId=%s", n, up.UploadId), data, "X-Amz-Checksum-"+algorithm, sum))
			list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag><Checksum%s>%s</Checksum%s></Part>", n, a.Header.Get("Etag"), algorithm, sum, algorithm)
		}
		must(c.Do(t.Context(), "POST", bucket, key, "uploadId="+up.UploadId, []byte("<CompleteMultipartUpload>"+list+"</CompleteMultipartUpload>")))
	}
	for _, size := range []string{"5MiB", "16MiB"} { // in ranges, and whole
		for _, algorithm := range []string{"SHA256", "CRC32", "SHA1"} {
			for _, key := range []string{"whole-" + algorithm, "parts-" + algorithm} {
				b.set(nil, nil)
				got := decodeLine[transferred](t, p.want(0, "cp", "--json", "--part-size", size, "s3://"+bucket+"/"+key, "copy"))
				p.wantFile("copy", content)
				composite := strings.HasSuffix(got.Checksum, "-3")
				if !strings.HasPrefix(got.Checksum, algorithm+"=") || composite != strings.HasPrefix(key, "parts-") {
					t.Errorf("%s was compared by %q", key, got.Checksum)
				}
				b.set(nil, corruptAnswer)
				p.want(9, "cp", "--part-size", size, "s3://"+bucket+"/"+key, "damaged")
				p.wantNoFile("damaged")
			}
		}
	}
}

func checksumOf(algorithm string, b []byte) string {
	h := checksum.New(algorithm)
	h.Write(b)
	return checksum.Encode(h.Sum(nil))
}
