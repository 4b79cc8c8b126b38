package lambdahttp

import (
	"net/http"
	"testing"
)

// dropped is a sink that takes everything.
type dropped struct{}

func (dropped) whole([]byte) error          { return nil }
func (dropped) begin([]byte) error          { return nil }
func (dropped) Write(p []byte) (int, error) { return len(p), nil }
func (dropped) Flush() error                { return nil }

// BenchmarkEvent is what an event costs besides the Runtime API and the handler.
func BenchmarkEvent(b *testing.B) {
	event := []byte(`{"version":"2.0","routeKey":"$default","rawPath":"/bench/k","rawQueryString":"","headers":{"accept-encoding":"gzip",
		"authorization":"AWS4-HMAC-SHA256 Credential=MUCURAFUNCTIONS/20260101/mucura/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"host":"127.0.0.1:1","user-agent":"Go-http-client/1.1","x-amz-content-sha256":"UNSIGNED-PAYLOAD","x-amz-date":"20260101T000000Z","x-amzn-trace-id":"Root=1-0-0","x-forwarded-for":"127.0.0.1","x-forwarded-port":"443","x-forwarded-proto":"https"},
		"requestContext":{"domainName":"i.lambda-url.r.on.aws","http":{"method":"GET","path":"/bench/k","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"Go-http-client/1.1"},"requestId":"id","stage":"$default"},"isBase64Encoded":false}`)
	body := make([]byte, 4096)
	a := &Adapter{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Length", "4096")
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Etag", `"0123456789abcdef0123456789abcdef"`)
		h.Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
		_, _ = w.Write(body)
	})}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.handle(b.Context(), event, dropped{}); err != nil {
			b.Fatal(err)
		}
	}
}
