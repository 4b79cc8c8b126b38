package torture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// hostile starts a server for hostile requests and checks at the end that it
// goes on serving, in little memory, with a whole repository, and that no
// request became a file but those of contents.
func hostile(t *testing.T) (*harness.Server, *harness.Client) {
	t.Helper()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	put(t, c, "witness", []byte("witness"))
	t.Cleanup(func() {
		wantObject(t, c, "witness", []byte("witness"))
		if mib := residentMiB(t, s); mib > 400 {
			t.Errorf("the server has grown to %d MiB", mib)
		}
		fsck(t, s)
		for _, path := range files(t, filepath.Dir(s.Data)) {
			rel, err := filepath.Rel(s.Data, path)
			if err != nil {
				t.Fatal(err)
			}
			known := rel == "site.key" || strings.HasPrefix(rel, "meta.db")
			if ok, _ := filepath.Match("content/data/[0-9a-f][0-9a-f]/*", rel); ok {
				known = len(filepath.Base(rel)) == 32
			}
			if ok, _ := filepath.Match("audit/audit-????-??-??.jsonl", rel); ok {
				known = true
			}
			if !known {
				t.Errorf("there is a file %s", rel)
			}
		}
	})
	return s, c
}

// keys that S3 stores exactly as they are.
var hostileKeys = []string{
	"../../etc/passwd", "a//b", "a///", "/", "//", "/leading", "trailing/", ".", "..", "./x", "x/.", "x/../y", "../../../../../../../../tmp/owned",
	"a\x00b", "\x01\x02\x1f\x7f", "new\nline\r\n", "%2F", "%2e%2e%2f", "%", "%%", "a%zz", `back\slash`, `..\..\windows\system32`,
	"emoji 🍺 é e\u0301", "\u202eright to left", "\ufeffbom", "\ufffd", "\U0010ffff", "space and+plus", "?query=1", "#fragment", "a&b=c;d", "<xml>&amp;\"'",
	"'; DROP TABLE record; --", "$(touch /tmp/owned)", "`id`", "con", "nul.txt", "~root", "-rf", "*", "{a,b}", "favicon.ico", "-/live", "null", "index.html",
	strings.Repeat("k", 1024), strings.Repeat("é", 512), strings.Repeat("/", 1024), strings.Repeat("../", 341), "\t tab", " ", "a:b@c",
}

// TestHostileKeys: a key is stored exactly, or refused; never is it a path.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	_, c := hostile(t)
	for i, key := range hostileKeys {
		for _, size := range []int{10, 70 << 10} { // in its record, and in a file
			b := body(key, i, size)
			a, err := c.Do(ctx, "PUT", bucket, key, "", b)
			if err != nil || a.Status != 200 {
				t.Errorf("PUT %.60q: %+v, %v", key, a, err)
				continue
			}
			wantObject(t, c, key, b)
		}
	}
	// As S3 does, a listing writes what XML cannot hold as it is only when asked to encode.
	want := append(slices.Clone(hostileKeys), "witness")
	sort.Strings(want)
	if got := listEncoded(t, c); !slices.Equal(got, want) {
		t.Errorf("listed\n%q\nwant\n%q", got, want)
	}
	for _, key := range hostileKeys {
		if _, err := c.Must(ctx, "DELETE", bucket, key, "", nil, 204); err != nil {
			t.Error(err)
		}
		wantObject(t, c, key, nil)
	}
	for name, key := range map[string]string{
		"too long":      strings.Repeat("k", 1025),
		"much too long": strings.Repeat("k", 8000),
		"invalid UTF-8": "a\xff\xfeb",
		"half a letter": "\xc3",
		"surrogate":     "\xed\xa0\x80",
		"overlong":      "\xc0\xaf..\xc0\xaf",
	} {
		for _, method := range []string{"PUT", "GET", "DELETE"} {
			a, err := c.Do(ctx, method, bucket, key, "", nil)
			if err != nil || a.Status < 400 || a.Status >= 500 || !isS3Error(a) {
				t.Errorf("%s of a key that is %s: %+v, %v", method, name, a, err)
			}
		}
	}
	if got := list(t, c); !slices.Equal(got, []string{"witness"}) {
		t.Errorf("left: %q", got)
	}
}

// listEncoded lists all keys with encoding-type=url.
func listEncoded(t *testing.T, c *harness.Client) (keys []string) {
	t.Helper()
	a, err := c.Must(ctx, "GET", bucket, "", "encoding-type=url&list-type=2", nil, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(a.Body), "<Key>")[1:] {
		text, _, _ := strings.Cut(part, "</Key>")
		key, err := url.QueryUnescape(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// documents are the operations that read XML, with a document that each takes.
var documents = []struct{ method, key, query, root, document string }{
	{"PUT", "", "", "CreateBucketConfiguration", ""}, // makes the bucket again
	{"PUT", "", "versioning=", "VersioningConfiguration", ""},
	{"PUT", "", "tagging=", "Tagging", ""},
	{"PUT", "", "cors=", "CORSConfiguration", ""},
	{"PUT", "", "lifecycle=", "LifecycleConfiguration", ""},
	{"PUT", "", "acl=", "AccessControlPolicy", ""},
	{"PUT", "", "ownershipControls=", "OwnershipControls", ""},
	{"PUT", "", "publicAccessBlock=", "PublicAccessBlockConfiguration", ""},
	{"PUT", "", "object-lock=", "ObjectLockConfiguration", ""},
	{"PUT", "", "encryption=", "ServerSideEncryptionConfiguration", ""},
	{"POST", "", "delete=", "Delete", ""},
	{"PUT", "witness", "tagging=", "Tagging", ""},
	{"PUT", "witness", "acl=", "AccessControlPolicy", ""},
	{"PUT", "witness", "retention=", "Retention", ""},
	{"PUT", "witness", "legal-hold=", "LegalHold", ""},
	{"POST", "witness", "uploadId=00000000000000000000000000000000", "CompleteMultipartUpload", ""},
}

// TestHostileXML gives every operation that reads a document bombs and rubbish.
func TestHostileXML(t *testing.T) {
	t.Parallel()
	_, c := hostile(t)
	for _, d := range documents {
		for name, doc := range map[string]string{
			"laughs":           `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><` + d.root + `>&c;</` + d.root + `>`,
			"external entity":  `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><` + d.root + `><Tag>&f;</Tag></` + d.root + `>`,
			"unknown entity":   `<` + d.root + `>&nosuch;</` + d.root + `>`,
			"deep":             strings.Repeat("<"+d.root+">", 100_000),
			"deep and closed":  strings.Repeat("<a>", 50_000) + strings.Repeat("</a>", 50_000),
			"many attributes":  "<" + d.root + strings.Repeat(` a="b"`, 50_000) + "/>",
			"long name":        "<" + strings.Repeat("n", 500_000) + "/>",
			"many elements":    "<" + d.root + ">" + strings.Repeat("<x/>", 500_000) + "</" + d.root + ">",
			"huge text":        "<" + d.root + "><x>" + strings.Repeat("text ", 3<<20) + "</x></" + d.root + ">",
			"cut off":          "<" + d.root + "><Rule><ID>",
			"two roots":        "<" + d.root + "/><" + d.root + "/>",
			"another root":     "<Nonsense/>",
			"no XML":           "rubbish",
			"not UTF-8":        "<" + d.root + ">\xff\xfe</" + d.root + ">",
			"UTF-16":           "\xff\xfe<\x00a\x00/\x00>\x00",
			"NUL":              "<" + d.root + ">\x00</" + d.root + ">",
			"other encoding":   `<?xml version="1.0" encoding="EBCDIC-CP-US"?><` + d.root + `/>`,
			"namespace":        `<z:` + d.root + ` xmlns:z="urn:nonsense">` + `</z:` + d.root + `>`,
			"processing":       `<?php system("id") ?><` + d.root + `>x</` + d.root + `>`,
			"comment":          `<!-- ` + strings.Repeat("-", 100_000) + ` --><` + d.root + `/>`,
			"JSON":             `{"` + d.root + `": {}}`,
			"CDATA":            `<` + d.root + `><![CDATA[` + strings.Repeat("]", 10_000) + `]]></` + d.root + `>`,
			"many parts or so": "<" + d.root + ">" + strings.Repeat("<Part><PartNumber>1</PartNumber></Part><Object><Key>k</Key></Object><Rule/><CORSRule/><TagSet/>", 20_000) + "</" + d.root + ">",
		} {
			a, err := c.Do(ctx, d.method, bucket, d.key, d.query, []byte(doc))
			if err != nil || a.Status >= 500 && a.Status != 501 || a.Status >= 400 && !isS3Error(a) {
				t.Errorf("%s ?%s, %s: %s, %v", d.method, d.query, name, short(a), err)
			}
			if a != nil && bytes.Contains(a.Body, []byte("root:x:")) {
				t.Errorf("%s ?%s, %s: an answer with a file in it", d.method, d.query, name)
			}
			benign := d.root == "VersioningConfiguration" || d.root == "CreateBucketConfiguration" || d.root == "PublicAccessBlockConfiguration" || d.root == "ObjectLockConfiguration"
			if a != nil && a.Status < 300 && !benign && !slices.Contains([]string{"comment", "processing", "namespace", "many elements", "huge text", "many attributes", "CDATA"}, name) {
				t.Errorf("%s ?%s, %s: %d", d.method, d.query, name, a.Status)
			}
		}
	}
}

// isS3Error tells whether an answer is an error document of S3's. One that
// repeats a NUL it was sent, as S3's do, is none that a strict parser takes.
func isS3Error(a *harness.Answer) bool {
	return bytes.Contains(a.Body, []byte("<Error><Code>"))
}

func short(a *harness.Answer) string {
	if a == nil {
		return "no answer"
	}
	return fmt.Sprintf("%d %.300s", a.Status, a.Body)
}

// TestHostileRequests: what is no sensible request is refused as such.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	_, c := hostile(t)
	put(t, c, "k", body("k", 1, 100_000))
	for name, header := range map[string][2]string{
		"range of letters":      {"Range", "bytes=a-b"},
		"range backwards":       {"Range", "bytes=9-3"},
		"range overflow":        {"Range", "bytes=99999999999999999999-"},
		"range negative":        {"Range", "bytes=--5"},
		"range of other unit":   {"Range", "furlongs=1-2"},
		"many ranges":           {"Range", "bytes=" + strings.Repeat("0-0,", 2000) + "0-0"},
		"overlapping ranges":    {"Range", "bytes=" + strings.Repeat("0-,", 500) + "0-"},
		"if-modified nonsense":  {"If-Modified-Since", "yesterday"},
		"if-unmodified far off": {"If-Unmodified-Since", "Fri, 31 Dec 9999 23:59:59 GMT"},
		"if-match nonsense":     {"If-Match", `"""""`},
		"if-none-match long":    {"If-None-Match", strings.Repeat(`"x",`, 5000)},
		"if-range":              {"If-Range", "rubbish"},
		"checksum mode":         {"X-Amz-Checksum-Mode", strings.Repeat("A", 5000)},
		"date nonsense":         {"Date", "the other day"},
		"expected owner":        {"X-Amz-Expected-Bucket-Owner", "'; --"},
	} {
		a, err := c.Do(ctx, "GET", bucket, "k", "", nil, header[0], header[1])
		if err != nil || a.Status >= 500 || a.Status >= 400 && !isS3Error(a) || len(a.Body) > 1<<20 {
			t.Errorf("%s: %s, %v", name, short(a), err)
		}
	}
	many := strings.Repeat("a=b&", 20_000)
	for name, query := range map[string]string{
		"thousands of parameters": many,
		"the same many times":     strings.Repeat("prefix=x&", 3000),
		"max-keys huge":           "max-keys=99999999999999999999", "max-keys negative": "max-keys=-1", "max-keys letters": "max-keys=ten",
		"bad token": "list-type=2&continuation-token=rubbish", "list-type": "list-type=7", "encoding": "encoding-type=rot13",
		"marker long": "marker=" + strings.Repeat("m", 5000), "delimiter long": "delimiter=" + strings.Repeat("d", 5000),
		"broken escape": "prefix=%zz", "semicolons": "a;b;c", "NUL": "prefix=%00", "not UTF-8": "prefix=%ff%fe",
		"version rubbish": "versionId=../../x", "part number": "partNumber=99999999999", "two operations": "acl=&tagging=&policy=&cors=",
		"unknown operation": "nonsense=", "uploads marker": "uploads=&upload-id-marker=%00%ff&key-marker=%ff",
	} {
		a, err := c.Do(ctx, "GET", bucket, "", query, nil)
		if err != nil || a.Status >= 500 && a.Status != 501 || a.Status >= 400 && !isS3Error(a) && a.Status != 431 {
			t.Errorf("query of %s: %s, %v", name, short(a), err)
		}
		a, err = c.Do(ctx, "GET", bucket, "k", query, nil)
		if err != nil || a.Status >= 500 && a.Status != 501 {
			t.Errorf("query of %s on an object: %s, %v", name, short(a), err)
		}
	}
	for name, header := range map[string][2]string{
		"metadata too large": {"X-Amz-Meta-Large", strings.Repeat("x", 4000)},
		"tags":               {"X-Amz-Tagging", strings.Repeat("a=b&", 100)},
		"acl":                {"X-Amz-Acl", "everybody-may-do-all"},
		"grant":              {"X-Amz-Grant-Read", `emailAddress="nobody@nowhere`},
		"lock":               {"X-Amz-Object-Lock-Retain-Until-Date", "tomorrow"},
		"copy source":        {"X-Amz-Copy-Source", "../../../etc/passwd"},
		"copy source escape": {"X-Amz-Copy-Source", "%zz"},
		"copy source empty":  {"X-Amz-Copy-Source", "//"},
		"digest":             {"Content-Md5", strings.Repeat("=", 24)},
		"algorithm":          {"X-Amz-Sdk-Checksum-Algorithm", "ROT13"},
		"storage class":      {"X-Amz-Storage-Class", "UNDER_THE_BED"},
		"website":            {"X-Amz-Website-Redirect-Location", "javascript:x"},
	} {
		a, err := c.Do(ctx, "PUT", bucket, "odd", "", []byte("x"), header[0], header[1])
		if err != nil || a.Status < 400 || a.Status >= 500 && a.Status != 501 || !isS3Error(a) {
			t.Errorf("%s: %s, %v", name, short(a), err)
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "PATCH", "PROPFIND", "BREW", strings.Repeat("M", 1000)} {
		a, err := c.Do(ctx, method, bucket, "k", "", nil)
		if err != nil && method != "CONNECT" || err == nil && (a.Status < 400 || a.Status >= 500 && a.Status != 501) {
			t.Errorf("%.20s: %s, %v", method, short(a), err)
		}
	}
	a, err := c.Do(ctx, "GET", bucket, "k", "", nil, "X-Large", strings.Repeat("x", 1<<20))
	if err != nil && !isCut(err) || err == nil && a.Status != 431 {
		t.Errorf("a header of 1 MB: %s, %v", short(a), err)
	}
	wantObject(t, c, "odd", nil)
}

// isCut tells whether the server closed the connection while it was sent to.
func isCut(err error) bool {
	return strings.Contains(err.Error(), "reset by peer") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "EOF")
}

// TestSmuggling sends what servers and proxies could read in different ways. A
// second request hidden in the first must never be answered as the first one's
// user.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	s, c := hostile(t)
	host := strings.TrimPrefix(s.Endpoint, "http://")
	signed := func(method, path, hash string) string {
		r, err := http.NewRequest(method, s.Endpoint+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		sigv4.Sign(r, c.Creds, harness.Region, hash, time.Now())
		var b bytes.Buffer
		if err := r.Header.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	head := signed("PUT", "/"+bucket+"/smuggled", "UNSIGNED-PAYLOAD")
	hidden := "GET /" + bucket + "/witness HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	line := "PUT /" + bucket + "/smuggled HTTP/1.1\r\nHost: " + host + "\r\n" + head
	for name, text := range map[string]string{
		"both lengths":            line + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":             line + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!" + hidden,
		"a list of lengths":       line + "Content-Length: 5, 6\r\n\r\nhello" + hidden,
		"negative length":         line + "Content-Length: -5\r\n\r\nhello" + hidden,
		"signed length":           line + "Content-Length: +5\r\n\r\nhello" + hidden,
		"length of letters":       line + "Content-Length: five\r\n\r\nhello" + hidden,
		"length overflows":        line + "Content-Length: 18446744073709551621\r\n\r\nhello" + hidden,
		"hexadecimal length":      line + "Content-Length: 0x5\r\n\r\nhello" + hidden,
		"space before colon":      line + "Content-Length : 5\r\n\r\nhello" + hidden,
		"unknown coding":          line + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"coding twice":            line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"chunk size of letters":   line + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n" + hidden,
		"chunk size overflows":    line + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n" + hidden,
		"negative chunk":          line + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n" + hidden,
		"endless chunk extension": line + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("x", 100_000) + "\r\nhello\r\n0\r\n\r\n",
		"bare line feeds":         strings.ReplaceAll(line, "\r\n", "\n") + "Content-Length: 5\n\nhello",
		"folded header":           line + "X-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
		"NUL in a header":         line + "X-Nul: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
		"no host":                 "PUT /" + bucket + "/smuggled HTTP/1.1\r\n" + head + "Content-Length: 5\r\n\r\nhello",
		"two hosts":               line + "Host: other\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.0 chunked":        strings.Replace(line, "HTTP/1.1", "HTTP/1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/3.7":                strings.Replace(line, "HTTP/1.1", "HTTP/3.7", 1) + "\r\n",
		"absolute address":        "GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
		"no request":              "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // a TLS hello
		"HTTP/2":                  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"rubbish":                 strings.Repeat("\x00\xff", 10_000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, text); _ = conn.(*net.TCPConn).CloseWrite() }()
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			for n := 0; ; n++ {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					break
				}
				b, _ := io.ReadAll(resp.Body)
				if bytes.Contains(b, []byte("witness")) && resp.StatusCode == 200 {
					t.Errorf("answer %d is that of a hidden request: %d %s", n, resp.StatusCode, b)
				}
				if resp.StatusCode >= 500 && resp.StatusCode != 501 && resp.StatusCode != 505 {
					t.Errorf("answer %d: %d %s", n, resp.StatusCode, b)
				}
			}
			a, err := c.Do(ctx, "GET", bucket, "smuggled", "", nil)
			if err != nil || a.Status != 404 && !(a.Status == 200 && (len(a.Body) == 0 || string(a.Body) == "hello")) {
				t.Errorf("stored: %s, %v", short(a), err)
			}
			_, _ = c.Do(ctx, "DELETE", bucket, "smuggled", "", nil)
		})
	}
}

// TestRubbish sends random bytes, and requests with random bytes changed.
func TestRubbish(t *testing.T) {
	t.Parallel()
	s, c := hostile(t)
	host := strings.TrimPrefix(s.Endpoint, "http://")
	rnd := rand.New(rand.NewPCG(5, 6))
	for n := range number(t, "MUCURA_TEST_RUBBISH", 300) {
		r, err := c.Request(ctx, "PUT", bucket, "rubbish", "x-id=PutObject", []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		text := b.Bytes()
		for range 1 + rnd.IntN(8) {
			text[rnd.IntN(len(text))] = byte(rnd.Uint32())
		}
		// Each from an address of its own: some are only wrongly signed, and after
		// twenty of those from one address the server tells it to slow down.
		from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}
		conn, err := (&net.Dialer{LocalAddr: from}).Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && resp.StatusCode >= 500 && resp.StatusCode != 501 && resp.StatusCode != 505 {
			t.Errorf("%d to %q", resp.StatusCode, text)
		}
		conn.Close()
	}
}
