package s3

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mucura/mucura/core/s3err"
)

func TestParseCopySource(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   copySource
		text   string
	}{
		{"bucket/key", copySource{"bucket", "key", ""}, ""},
		{"/bucket/a/b", copySource{"bucket", "a/b", ""}, ""},
		{"bucket/a%2Fb%20+c%3F", copySource{"bucket", "a/b +c?", ""}, ""},
		{"bucket/k?versionId=0a", copySource{"bucket", "k", "0a"}, ""},
		{"bucket/k%3FversionId%3D1", copySource{"bucket", "k?versionId=1", ""}, ""},
		{"bucket//k", copySource{"bucket", "/k", ""}, ""},
		{"bucket/../k", copySource{"bucket", "../k", ""}, ""},
		{"bucket/%ZZ", copySource{}, "Invalid copy source encoding"},
		{"%", copySource{}, "Invalid copy source encoding"},
		{"bucket/%C3%", copySource{}, "Invalid copy source encoding"},
		{"bucket/%ff", copySource{}, "Invalid copy source encoding"},
		{"192.168.1.1/k", copySource{}, "Invalid copy source bucket name"},
		{"my-buc@k&()t/k", copySource{}, "Invalid copy source bucket name"},
		{"", copySource{}, "Invalid copy source bucket name"},
		{"bucket", copySource{}, "Invalid copy source object key"},
		{"bucket/", copySource{}, "Invalid copy source object key"},
		{"bucket/" + strings.Repeat("k", 1025), copySource{}, "Invalid copy source object key"},
		{"bucket/k?versionId=../x", copySource{}, "Invalid version id specified"},
	} {
		got, err := parseCopySource(tt.header)
		if tt.text == "" {
			if err != nil || got != tt.want {
				t.Errorf("%q: %+v, %v", tt.header, got, err)
			}
			continue
		}
		if !errors.Is(err, s3err.InvalidArgument) || s3err.From(err).Message() != tt.text {
			t.Errorf("%.40q: %v, want %s", tt.header, err, tt.text)
		}
	}
}

func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"b/k", "/bucket/k?versionId=null", "bucket/%2e%2e", "bucket/%", "bucket/a?b", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		s, err := parseCopySource(header)
		if err != nil {
			if !errors.Is(err, s3err.InvalidArgument) {
				t.Fatal(err)
			}
			return
		}
		if s.key == "" || len(s.key) > 1024 || !utf8.ValidString(s.key) || strings.Contains(s.bucket, "/") {
			t.Fatalf("%q gave %+v", header, s)
		}
		again := s.bucket + "/" + url.PathEscape(s.key)
		if s.version != "" {
			again += "?versionId=" + s.version
		}
		if back, err := parseCopySource(again); err != nil || back != s {
			t.Fatalf("%+v became %+v, %v", s, back, err)
		}
	})
}
