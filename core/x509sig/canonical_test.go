package x509sig

import (
	"net/http"
	"strings"
	"testing"
)

// TestCanonical spells out one canonical request and the string to sign.
func TestCanonical(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "https://auth.example.org/a%20b/c?z=1&a=b%20c+d&a=B&empty", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["X-Amz-Date"] = []string{"20261201T000000Z"}
	r.Header["X-Two"] = []string{"  a   b ", "c"}
	r.ContentLength = 2
	got, err := canonical(r, "", []byte("{}"), []string{"content-length", "host", "x-amz-date", "x-two"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"POST", "/a%20b/c", "a=B&a=b%20c%20d&empty=&z=1",
		"content-length:2", "host:auth.example.org", "x-amz-date:20261201T000000Z", "x-two:a b,c",
		"", "content-length;host;x-amz-date;x-two",
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const sum = "6b4b03ade4247feefb47b559339a369b55b0c3463743f8c26cff0df13064d60e"
	toSign := string(stringToSign(AlgorithmRSA, "20261201T000000Z", scopeOf("20261201", Region), want))
	wantToSign := "AWS4-X509-RSA-SHA256\n20261201T000000Z\n20261201/us-east-1/rolesanywhere/aws4_request\n" + sum
	if toSign != wantToSign {
		t.Errorf("got\n%s\nwant\n%s", toSign, wantToSign)
	}
}
