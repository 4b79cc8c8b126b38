package sigv4

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A GET as boto3 and the AWS CLI send it.
func BenchmarkVerifyGet(b *testing.B) {
	r := sent(b, "GET", "http://s3.example.org:9000/bucket/some/path/to/object-0042.bin", "")
	r.Header.Set("Amz-Sdk-Invocation-Id", "7f8d2c1e-9a0b-4f6d-8c3e-1b2a3c4d5e6f")
	r.Header.Set("Amz-Sdk-Request", "attempt=1")
	r.Header.Set("X-Amz-Checksum-Mode", "ENABLED")
	Sign(r, exampleCredentials(), "mucura", EmptyPayload, exampleTime)
	benchmarkVerify(b, transmit(b, r))
}

func BenchmarkVerifyList(b *testing.B) {
	r := sent(b, "GET", "http://s3.example.org:9000/bucket?list-type=2&prefix=some%2Fpath%2F&delimiter=%2F&max-keys=1000&encoding-type=url", "")
	Sign(r, exampleCredentials(), "mucura", EmptyPayload, exampleTime)
	benchmarkVerify(b, transmit(b, r))
}

func BenchmarkVerifyPresigned(b *testing.B) {
	u := Presign(sent(b, "GET", "http://s3.example.org:9000/bucket/some/path/to/object-0042.bin", ""), exampleCredentials(), "mucura", time.Hour, exampleTime)
	benchmarkVerify(b, transmit(b, sent(b, "GET", u, "")))
}

func benchmarkVerify(b *testing.B, r *http.Request) {
	v := exampleVerifier()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	data := strings.Repeat("0123456789abcdef", 1<<16)
	for _, c := range []struct {
		name string
		sign func(r *http.Request)
	}{
		{"hashed", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(data)), int64(len(data))
			Sign(r, exampleCredentials(), "mucura", sha(data), exampleTime)
		}},
		{"unsigned", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(data)), int64(len(data))
			Sign(r, exampleCredentials(), "mucura", UnsignedPayload, exampleTime)
		}},
		{"chunked", func(r *http.Request) {
			SignStream(r, strings.NewReader(data), int64(len(data)), exampleCredentials(), "mucura", Stream{}, exampleTime)
		}},
		{"unsigned chunked", func(r *http.Request) {
			SignStream(r, strings.NewReader(data), int64(len(data)), exampleCredentials(), "mucura",
				Stream{Unsigned: true, Trailer: "x-amz-checksum-crc32"}, exampleTime)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := sent(b, "PUT", "http://s3.example.org:9000/bucket/object", "")
			c.sign(r)
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			r = transmit(b, r)
			v := exampleVerifier()
			buf := make([]byte, 256<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(body))
				req, err := v.Verify(r)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = req.Body.Read(buf)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
}
