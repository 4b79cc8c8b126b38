package cors

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

func doc(rules string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><CORSConfiguration xmlns="` + namespace + `">` + rules + `</CORSConfiguration>`
}

// rule makes a rule that allows GET to an origin, with more in it.
func rule(more string) string {
	return `<CORSRule>` + more + `<AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://a.example</AllowedOrigin></CORSRule>`
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		doc  string
		code *s3err.Code
		text string // "" is the row's
	}{
		{"", s3err.MalformedXML, ""},
		{"<CORSConfiguration>", s3err.MalformedXML, ""},
		{"<LifecycleConfiguration/>", s3err.MalformedXML, ""},
		{`<CORSConfiguration xmlns="http://example.org/"/>`, s3err.MalformedXML, ""},
		{doc(""), s3err.MalformedXML, ""},
		{doc(rule("")) + "<x/>", s3err.MalformedXML, ""},
		{doc(rule("") + "<x/>"), s3err.MalformedXML, ""},
		{doc(rule("<x/>")), s3err.MalformedXML, ""},
		{doc(strings.Repeat(rule(""), MaxRules+1)), s3err.InvalidRequest, "The number of CORS rules should not exceed allowed limit of 100 rules."},
		{strings.Repeat(" ", MaxSize+1), s3err.MaxMessageLengthExceeded, ""},
		{doc(`<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>`), s3err.MalformedXML, ""},
		{doc(`<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>`), s3err.MalformedXML, ""},
		{doc(rule(`<AllowedOrigin></AllowedOrigin>`)), s3err.MalformedXML, ""},
		{doc(rule(`<AllowedMethod></AllowedMethod>`)), s3err.InvalidRequest, "Found unsupported HTTP method in CORS config. Unsupported method is "},
		{doc(rule(`<AllowedMethod>get</AllowedMethod>`)), s3err.InvalidRequest, "Found unsupported HTTP method in CORS config. Unsupported method is get"},
		{doc(rule(`<AllowedMethod>OPTIONS</AllowedMethod>`)), s3err.InvalidRequest, "Found unsupported HTTP method in CORS config. Unsupported method is OPTIONS"},
		{doc(rule(`<AllowedOrigin>https://*:7070/*</AllowedOrigin>`)), s3err.InvalidRequest, `AllowedOrigin "https://*:7070/*" can not have more than one wildcard.`},
		{doc(rule(`<AllowedHeader>*-a-*</AllowedHeader>`)), s3err.InvalidRequest, `AllowedHeader "*-a-*" can not have more than one wildcard.`},
		{doc(rule(`<AllowedHeader>a b</AllowedHeader>`)), s3err.InvalidRequest, `AllowedHeader "a b" contains invalid character.`},
		{doc(rule(`<ExposeHeader>x-amz-*</ExposeHeader>`)), s3err.InvalidRequest, `ExposeHeader "x-amz-*" contains wildcard. We currently do not support wildcard for ExposeHeader.`},
		{doc(rule(`<ExposeHeader>x:y</ExposeHeader>`)), s3err.InvalidRequest, `ExposeHeader "x:y" contains invalid character.`},
		{doc(rule(`<MaxAgeSeconds>soon</MaxAgeSeconds>`)), s3err.MalformedXML, ""},
		{doc(rule(`<ID>` + strings.Repeat("x", 256) + `</ID>`)), s3err.InvalidRequest, "ID length should not exceed allowed limit of 255"},
	} {
		_, err := Parse([]byte(tc.doc))
		if !errors.Is(err, tc.code) {
			t.Errorf("%.300s: got %v, want %s", tc.doc, err, tc.code.Code)
			continue
		}
		if text := s3err.From(err).Message(); tc.text != "" && text != tc.text {
			t.Errorf("%.300s:\n got %s\nwant %s", tc.doc, text, tc.text)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	in := doc(`
	<CORSRule><AllowedOrigin>http://origin.com</AllowedOrigin><AllowedOrigin>helloworld.net</AllowedOrigin><AllowedMethod>POST</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>X-Amz-Date</AllowedHeader><ExposeHeader>Authorization</ExposeHeader><MaxAgeSeconds>0</MaxAgeSeconds></CORSRule>
	<CORSRule><ID>i</ID><AllowedOrigin>*</AllowedOrigin><AllowedMethod>DELETE</AllowedMethod><AllowedHeader>Content-*</AllowedHeader><MaxAgeSeconds>-200</MaxAgeSeconds></CORSRule>
	<CORSRule><AllowedOrigin>*.example.org</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod></CORSRule>`)
	want := doc(`<CORSRule><AllowedHeader>X-Amz-Date</AllowedHeader><AllowedMethod>POST</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>http://origin.com</AllowedOrigin><AllowedOrigin>helloworld.net</AllowedOrigin><ExposeHeader>Authorization</ExposeHeader><MaxAgeSeconds>0</MaxAgeSeconds></CORSRule>` +
		`<CORSRule><ID>i</ID><AllowedHeader>Content-*</AllowedHeader><AllowedMethod>DELETE</AllowedMethod><AllowedOrigin>*</AllowedOrigin><MaxAgeSeconds>-200</MaxAgeSeconds></CORSRule>` +
		`<CORSRule><AllowedMethod>HEAD</AllowedMethod><AllowedOrigin>*.example.org</AllowedOrigin></CORSRule>`)
	c, err := Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(out), "\n", ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := Parse([]byte(strings.Replace(in, ` xmlns="`+namespace+`"`, "", 1))); err != nil {
		t.Errorf("without namespace: %v", err)
	}
}

func age(n int) *int { return &n }

func config() *Config {
	return &Config{Rules: []Rule{
		{Origins: []string{"http://example.com", "https://example.com"}, Methods: []string{"GET", "HEAD"},
			Headers: []string{"X-Amz-Date", "x-amz-content-*"}, Expose: []string{"Content-Type", "ETag"}, MaxAge: age(100)},
		{Origins: []string{"*"}, Methods: []string{"HEAD"}, Headers: []string{"*"}},
		{Origins: []string{"start*end", "*.put"}, Methods: []string{"PUT"}, MaxAge: age(0)},
	}}
}

func TestMatch(t *testing.T) {
	c := config()
	for _, tc := range []struct {
		origin, method, headers string
		want                    int // the rule; -1 for none
	}{
		{"http://example.com", "GET", "", 0},
		{"https://example.com", "HEAD", "x-amz-date,X-AMZ-CONTENT-SHA256", 0},
		{"https://example.com", "HEAD", "x-other", 1},
		{"http://example.com", "GET", "x-amz-date,x-other", -1},
		{"http://example.com.evil", "GET", "", -1},
		{"HTTP://EXAMPLE.COM", "GET", "", -1},
		{"null", "HEAD", "", 1},
		{"startend", "PUT", "", 2},
		{"start12end", "PUT", "", 2},
		{"starend", "PUT", "", -1},
		{"0startend", "PUT", "", -1},
		{"foo.put", "PUT", "", 2},
		{"foo.put", "PUT", "x-any", -1},
		{"foo.put", "put", "", -1},
		{"foo.put", "DELETE", "", -1},
	} {
		var headers []string
		if tc.headers != "" {
			headers = strings.Split(tc.headers, ",")
		}
		got := -1
		if r, ok := c.Match(tc.origin, tc.method, headers); ok {
			for i := range c.Rules {
				if r == &c.Rules[i] {
					got = i
				}
			}
		}
		if got != tc.want {
			t.Errorf("%+v: rule %d", tc, got)
		}
	}
	// The two halves of a pattern must not share letters.
	if matches("ab*ba", "aba") || !matches("ab*ba", "abba") {
		t.Error("halves of a pattern overlap")
	}
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

const (
	method  = "Access-Control-Request-Method"
	headers = "Access-Control-Request-Headers"
)

func TestPreflight(t *testing.T) {
	for _, tc := range []struct {
		request http.Header
		want    http.Header
	}{
		{header("Origin", "http://example.com", method, "GET", headers, "X-Amz-Date, X-Amz-Content-Sha256"), header(
			"Access-Control-Allow-Origin", "http://example.com",
			"Access-Control-Allow-Credentials", "true",
			"Access-Control-Allow-Methods", "GET, HEAD",
			"Access-Control-Allow-Headers", "x-amz-date, x-amz-content-sha256",
			"Access-Control-Expose-Headers", "Content-Type, ETag",
			"Access-Control-Max-Age", "100",
			"Vary", vary)},
		{header("Origin", "http://any.example", method, "HEAD"), header(
			"Access-Control-Allow-Origin", "*",
			"Access-Control-Allow-Methods", "HEAD",
			"Vary", vary)},
		{header("Origin", "foo.put", method, "PUT", headers, ""), header(
			"Access-Control-Allow-Origin", "foo.put",
			"Access-Control-Allow-Credentials", "true",
			"Access-Control-Allow-Methods", "PUT",
			"Access-Control-Max-Age", "0",
			"Vary", vary)},
	} {
		got := http.Header{}
		if err := Preflight(config(), tc.request, got); err != nil {
			t.Errorf("%v: %v", tc.request, err)
			continue
		}
		if fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%v:\n got %v\nwant %v", tc.request, got, tc.want)
		}
	}
}

func TestPreflightErrors(t *testing.T) {
	const notAllowed = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
	get := func(h string) http.Header { return header("Origin", "http://example.com", method, "GET", headers, h) }
	for _, tc := range []struct {
		c       *Config
		request http.Header
		code    *s3err.Code
		text    string
	}{
		{config(), header(), s3err.BadRequest, "Insufficient information. Origin request header needed."},
		{config(), header("Origin", "x"), s3err.BadRequest, "Invalid Access-Control-Request-Method: "},
		{nil, header("Origin", "x", method, "PATCH"), s3err.BadRequest, "Invalid Access-Control-Request-Method: PATCH"},
		{nil, header("Origin", "x", method, "GET"), s3err.AccessForbidden, "CORSResponse: CORS is not enabled for this bucket."},
		{config(), header("Origin", "x", method, "GET"), s3err.AccessForbidden, notAllowed},
		{config(), get("X-Other"), s3err.AccessForbidden, notAllowed},
		{nil, get("X-Amz-Date,invalid header"), s3err.BadRequest, `Access-Control-Request-Headers "invalid header" contains invalid character.`},
		{config(), get("Date, Bad/Header"), s3err.BadRequest, `Access-Control-Request-Headers " Bad/Header" contains invalid character.`},
		{config(), get("tab\tchar,x"), s3err.BadRequest, "Access-Control-Request-Headers \"tab\tchar\" contains invalid character."},
		{config(), get("NonAsciiŁ"), s3err.BadRequest, `Access-Control-Request-Headers "NonAsciiŁ" contains invalid character.`},
	} {
		h := http.Header{}
		err := Preflight(tc.c, tc.request, h)
		if !errors.Is(err, tc.code) || s3err.From(err).Message() != tc.text {
			t.Errorf("%v:\n got %v\nwant %s", tc.request, err, tc.text)
		}
		if len(h) > 0 {
			t.Errorf("%v: refused, yet %v", tc.request, h)
		}
	}
}

// A preflight that asks for very many headers is not looked at for seconds.
func TestPreflightOfMany(t *testing.T) {
	c := &Config{Rules: []Rule{{Origins: []string{"*"}, Methods: []string{"GET"}}}}
	for i := range 2000 {
		c.Rules[0].Headers = append(c.Rules[0].Headers, "x-"+strconv.Itoa(i)+"-*")
	}
	c.Rules[0].Headers = append(c.Rules[0].Headers, "*")
	ask := func(n int) error {
		return Preflight(c, http.Header{"Origin": {"https://a"}, "Access-Control-Request-Method": {"GET"},
			"Access-Control-Request-Headers": {strings.TrimSuffix(strings.Repeat("a,", n), ",")}}, http.Header{})
	}
	if err := ask(100); err != nil {
		t.Error(err)
	}
	if err := ask(16000); !errors.Is(err, s3err.AccessForbidden) {
		t.Errorf("16000 headers: %v", err)
	}
}

func TestApply(t *testing.T) {
	for _, tc := range []struct {
		c       *Config
		method  string
		request http.Header
		origin  string // Access-Control-Allow-Origin
		methods string
	}{
		{config(), "GET", header(), "", ""},
		{nil, "GET", header("Origin", "http://example.com"), "", ""},
		{config(), "GET", header("Origin", "http://example.com"), "http://example.com", "GET, HEAD"},
		{config(), "GET", header("Origin", "http://other.example"), "", ""},
		{config(), "HEAD", header("Origin", "http://other.example"), "*", "HEAD"},
		{config(), "PUT", header("Origin", "http://example.com", method, "GET"), "http://example.com", "GET, HEAD"},
		{config(), "PUT", header("Origin", "http://example.com", method, "DELETE"), "", ""},
	} {
		h := http.Header{}
		Apply(tc.c, tc.method, tc.request, h)
		if h.Get("Access-Control-Allow-Origin") != tc.origin || h.Get("Access-Control-Allow-Methods") != tc.methods ||
			tc.origin == "" && len(h) > 0 || h.Get("Access-Control-Allow-Headers") != "" {
			t.Errorf("%s %v: %v", tc.method, tc.request, h)
		}
	}
}

// Whatever is put is refused with a row, or comes back the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "<", doc(""), doc(rule("")), doc(rule("<ID>&amp;</ID><AllowedHeader>*</AllowedHeader><MaxAgeSeconds> 7 </MaxAgeSeconds>"))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := Parse(in)
		if err != nil {
			if s3err.From(err).Code == s3err.InternalError {
				t.Fatal(err)
			}
			return
		}
		once, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, _ := d.Encode(); string(twice) != string(once) {
			t.Fatalf("%s\n%s", once, twice)
		}
	})
}

// Whatever a browser or anyone says, there is an answer, and never one that
// reflects an origin no rule has.
func FuzzPreflight(f *testing.F) {
	f.Add("http://example.com", "GET", "X-Amz-Date")
	f.Add("", "", ",,\x00")
	f.Fuzz(func(t *testing.T, origin, verb, asked string) {
		h := http.Header{}
		err := Preflight(config(), http.Header{"Origin": {origin}, method: {verb}, headers: {asked}}, h)
		if got := h.Get("Access-Control-Allow-Origin"); err == nil && got != "*" && got != origin {
			t.Fatalf("%q allowed to %q", origin, got)
		}
		if err != nil && len(h) > 0 {
			t.Fatalf("%v, yet %v", err, h)
		}
	})
}
