package s3

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mucura/mucura/core/s3err"
)

func TestErrorDocument(t *testing.T) {
	c := &call{id: "0123456789ABCDEF", bucket: "b", key: "a<b>&\"\x01é"}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{s3err.AccessDenied, `<Code>AccessDenied</Code><Message>Access Denied.</Message>`},
		{s3err.NoSuchBucket, `<Code>NoSuchBucket</Code><Message>The specified bucket does not exist.</Message><BucketName>b</BucketName>`},
		{s3err.NoSuchKey, `<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;b&gt;&amp;&quot;&#x1;é</Key>`},
		{s3err.InvalidArgument.Say("so").Field("ArgumentName", "n").Field("ArgumentValue", ""), `<Code>InvalidArgument</Code><Message>so</Message><ArgumentName>n</ArgumentName><ArgumentValue></ArgumentValue>`},
	} {
		want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error>" + tt.want +
			`<Resource>/b/a&lt;b&gt;&amp;&quot;&#x1;é</Resource><RequestId>0123456789ABCDEF</RequestId><HostId>0123456789ABCDEF</HostId></Error>`
		if got := string(c.errorDocument(s3err.From(tt.err))); got != want {
			t.Errorf("%v:\n%s\nwant\n%s", tt.err, got, want)
		}
	}
}

func TestRespondError(t *testing.T) {
	for _, tt := range []struct {
		method string
		err    *s3err.Error
		body   bool
	}{
		{http.MethodGet, s3err.From(s3err.NoSuchKey), true},
		{http.MethodHead, s3err.From(s3err.NoSuchKey), false},
		{http.MethodGet, s3err.From(s3err.NotModified), false},
		{http.MethodGet, s3err.From(s3err.PreconditionFailed), true},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Etag", `"x"`)
		c := &call{f: &Front{Now: time.Now}, w: w, r: httptest.NewRequest(tt.method, "/b/k", nil)}
		c.respondError(tt.err)
		if w.Code != tt.err.Status || (w.Body.Len() > 0) != tt.body {
			t.Errorf("%s %s: %d with %d bytes", tt.method, tt.err.Code.Code, w.Code, w.Body.Len())
		}
		if kept := w.Header().Get("Etag") != ""; kept == tt.body {
			t.Errorf("%s %s: ETag kept: %v", tt.method, tt.err.Code.Code, kept)
		}
	}
}

func TestParseXML(t *testing.T) {
	deep := strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1)
	for doc, ok := range map[string]bool{
		`<Delete><Object><Key>k</Key></Object></Delete>`:                                                         true,
		`<?xml version="1.0"?><Delete xmlns="` + namespace + `"><Quiet>true</Quiet></Delete><!-- end -->` + "\n": true,
		``:                                      false,
		`<Delete>`:                              false,
		`<Delete></Other>`:                      false,
		`<Other/>`:                              false,
		`<Delete/><Delete/>`:                    false,
		`<Delete/>x`:                            false,
		`<Delete><Quiet>maybe</Quiet></Delete>`: false,
		`<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>`: false,
		`<Delete><Object><Key>&nope;</Key></Object></Delete>`:                            false,
		`<Delete>` + deep + `</Delete>`:                                                  false,
	} {
		var d deleteXML
		if err := parseXML([]byte(doc), &d); (err == nil) != ok {
			t.Errorf("%.60s: %v", doc, err)
		}
	}
}

func FuzzXMLBodies(f *testing.F) {
	f.Add([]byte(`<Delete><Object><Key>k</Key><VersionId>v</VersionId></Object></Delete>`))
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>`))
	f.Add([]byte(`<CreateBucketConfiguration><LocationConstraint>EU</LocationConstraint></CreateBucketConfiguration>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var del deleteXML
		var complete completeXML
		var create createBucketXML
		_ = parseXML(body, &del)
		_ = parseXML(body, &create)
		if parseXML(body, &complete) == nil {
			for i := range complete.Parts {
				if p, err := complete.Parts[i].part(); err == nil && (p.Number < 1 || p.ETag == "" && complete.Parts[i].ETag == "") {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}

// TestAppendText checks that whatever text is written, the document parses, and
// gives the text back where XML can.
func TestAppendText(t *testing.T) {
	for _, s := range []string{"", "plain", `<&>"'`, "a\tb\nc\rd", "é😀", "\xff\xfe", "a\xffb", " spaces "} {
		doc := append(appendText([]byte("<T>"), s), "</T>"...)
		var got string
		if err := xml.Unmarshal(doc, &got); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		want := strings.ToValidUTF8(s, "\uFFFD")
		if !utf8.ValidString(s) {
			want = strings.Map(func(r rune) rune { return r }, s)
		}
		if got != want {
			t.Errorf("%q became %q", s, got)
		}
	}
}
