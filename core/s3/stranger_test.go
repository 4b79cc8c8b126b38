package s3

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/serve/servetest"
)

// longest is how long after begun the latest deadline is.
func longest(w *servetest.Timed, begun time.Time) (longest time.Duration) {
	for _, end := range w.Ends {
		if !end.IsZero() {
			longest = max(longest, end.Sub(begun))
		}
	}
	return longest
}

// Whoever has no right to send a body does not hold a place by sending it slowly.
func TestStrangersBodies(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/box", "")
	s.want(200, "main", "PUT", "/open", "", "X-Amz-Acl", "public-read-write")
	s.inside().BodyIdle = time.Hour
	form, boundary := formOf(t, "a.txt", strings.Repeat("x", 64<<10), "key", "k")
	signed, other := formOf(t, "a.txt", strings.Repeat("x", 64<<10), pairsOf(s.signedForm("main", "box", map[string]string{"key": "k"}))...)
	for _, tc := range []struct {
		name, who, method, path, body, kind string
		patient                             bool
	}{
		{"an upload", "main", "PUT", "/box/k", "hello", "", true},
		{"a stranger's upload", "", "PUT", "/box/k", "hello", "", false},
		{"to where everybody writes", "", "PUT", "/open/k", "hello", "", true},
		{"a stranger's form", "", "POST", "/box", form, boundary, false},
		{"to where nothing is", "", "POST", "/no-such-bucket", form, boundary, false},
		{"a form to where everybody writes", "", "POST", "/open", form, boundary, true},
		{"a signed form", "", "POST", "/box", signed, other, true},
		{"a list to delete", "", "POST", "/box?delete", "<Delete><Object><Key>k</Key></Object></Delete>", "", false},
		{"tags", "", "PUT", "/box/k?tagging", "<Tagging/>", "", false},
		{"her own", "main", "PUT", "/box/k?tagging", "<Tagging><TagSet/></Tagging>", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var headers []string
			if tc.kind != "" {
				headers = []string{"Content-Type", "multipart/form-data; boundary=" + tc.kind}
			}
			if strings.HasSuffix(tc.path, "?delete") {
				headers = []string{"Content-Md5", md5Header(tc.body)}
			}
			r := s.request(tc.who, tc.method, tc.path, tc.body, headers...)
			r.RequestURI, r.RemoteAddr = tc.path, "192.0.2.1:1"
			w, begun := servetest.NewTimed(), time.Now()
			s.inside().ServeHTTP(w, r)
			_, _ = io.Copy(io.Discard, w.Body)
			if d := longest(w, begun); d == 0 || (d > time.Minute) != tc.patient {
				t.Errorf("%d: it could take %s", w.Code, d)
			}
		})
	}
}

func pairsOf(fields map[string]string) (pairs []string) {
	for name, value := range fields {
		pairs = append(pairs, name, value)
	}
	return pairs
}
