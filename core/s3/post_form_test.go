package s3

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mucura/mucura/core/s3err"
)

// formOf makes a form of name and value pairs and a file.
func formOf(t testing.TB, filename, file string, pairs ...string) (body, boundary string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if err := w.WriteField(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", filename)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, file)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.Boundary()
}

func TestReadForm(t *testing.T) {
	body, boundary := formOf(t, `dir\sub/a b.txt`, "contents\r\n--", "Key", "k", "X-Amz-Meta-A", "1", "x-ignore-1", "a", "x-ignore-1", "b")
	for name, r := range map[string]io.Reader{
		"whole":        strings.NewReader(body),
		"byte by byte": iotest.OneByteReader(strings.NewReader(body)),
		"with a tail":  strings.NewReader(body + "ignored"),
	} {
		form, err := readForm(r, boundary)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file, err := io.ReadAll(form.file)
		if err != nil || string(file) != "contents\r\n--" {
			t.Errorf("%s: file %q, %v", name, file, err)
		}
		want := map[string]string{"key": "k", "x-amz-meta-a": "1", "x-ignore-1": "b"}
		if !reflect.DeepEqual(form.fields, want) || form.filename != "a b.txt" {
			t.Errorf("%s: fields %v, file name %q", name, form.fields, form.filename)
		}
	}
}

func TestReadFormErrors(t *testing.T) {
	long, longBoundary := formOf(t, "f", "x", "key", strings.Repeat("k", maxPostHead))
	many, manyBoundary := formOf(t, "f", "x", endless(3000)...)
	twice, twiceBoundary := formOf(t, "f", "x", "key", "a", "KEY", "b")
	good, goodBoundary := formOf(t, "f", "x", "key", "a")
	for _, test := range []struct {
		name, body, boundary string
		code                 *s3err.Code
	}{
		{"long field", long, longBoundary, s3err.MaxPostPreDataLengthExceeded},
		{"many fields", many, manyBoundary, s3err.MaxPostPreDataLengthExceeded},
		{"endless header", "--b\r\nContent-Disposition: form-data; name=\"" + strings.Repeat("n", 1<<20), "b", s3err.MaxPostPreDataLengthExceeded},
		{"no boundary in body", strings.Repeat("x", 100), "b", s3err.MalformedPOSTRequest},
		{"no file", "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b--\r\n", "b", s3err.InvalidArgument},
		{"no parts", "--b--\r\n", "b", s3err.InvalidArgument},
		{"field twice", twice, twiceBoundary, s3err.InvalidArgument},
		{"empty", "", "b", s3err.MalformedPOSTRequest},
		{"cut in a field", good[:strings.Index(good, "\r\n\r\na")+5], goodBoundary, s3err.MalformedPOSTRequest},
	} {
		_, err := readForm(strings.NewReader(test.body), test.boundary)
		checkError(t, test.name, err, test.code, "")
	}
	form, err := readForm(strings.NewReader(good[:len(good)-20]), goodBoundary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.ReadAll(form.file); !errors.Is(err, s3err.MalformedPOSTRequest) {
		t.Errorf("cut in the file: got %v", err)
	}
	if _, err := readForm(iotest.ErrReader(s3err.RequestTimeout), "b"); !errors.Is(err, s3err.RequestTimeout) {
		t.Errorf("an error of the body must come through, got %v", err)
	}
}

func endless(n int) []string {
	pairs := make([]string, 2*n)
	for i := range pairs {
		pairs[i] = "f" + strings.Repeat("a", i%7)
	}
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "x-ignore-" + pairs[i]
	}
	return pairs
}

// TestPostFileIsStreamed shows that the file is read as the caller asks, not before.
func TestPostFileIsStreamed(t *testing.T) {
	body, boundary := formOf(t, "f", strings.Repeat("x", 4<<20), "key", "k")
	counted := &countedReader{r: strings.NewReader(body)}
	form, err := readForm(counted, boundary)
	if err != nil {
		t.Fatal(err)
	}
	if counted.n > maxPostHead+multipartBuffer {
		t.Errorf("%d bytes were read before the file was asked for", counted.n)
	}
	n, err := io.Copy(io.Discard, form.file)
	if err != nil || n != 4<<20 {
		t.Errorf("file of %d bytes, %v", n, err)
	}
}

type countedReader struct {
	r io.Reader
	n int
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestBoundaryOf(t *testing.T) {
	for contentType, want := range map[string]struct {
		boundary string
		code     *s3err.Code
	}{
		"multipart/form-data; boundary=abc":     {"abc", nil},
		`Multipart/Form-Data; boundary="--a b"`: {"--a b", nil},
		"multipart/form-data":                   {"", s3err.MalformedPOSTRequest},
		"multipart/form-data; boundary":         {"", s3err.MalformedPOSTRequest},
		"application/json":                      {"", s3err.PreconditionFailed},
		"":                                      {"", s3err.PreconditionFailed},
	} {
		got, err := boundaryOf(contentType)
		checkError(t, contentType, err, want.code, "")
		if got != want.boundary {
			t.Errorf("%q: got %q", contentType, got)
		}
	}
}

func TestSizedReader(t *testing.T) {
	for _, test := range []struct {
		size        int
		least, most int64
		code        *s3err.Code
		proposed    string
	}{
		{0, 0, 0, nil, ""},
		{10, 10, 10, nil, ""},
		{10, 0, 5, s3err.EntityTooLarge, "10"},
		{1, 0, 0, s3err.EntityTooLarge, "1"},
		{2, 100, 1024, s3err.EntityTooSmall, "2"},
		{0, 1, 1024, s3err.EntityTooSmall, "0"},
	} {
		r := &sizedReader{r: strings.NewReader(strings.Repeat("x", test.size)), least: test.least, most: test.most}
		b, err := io.ReadAll(r)
		checkError(t, test.proposed, err, test.code, "")
		if test.code == nil && len(b) != test.size {
			t.Errorf("%d bytes came as %d", test.size, len(b))
		}
		if test.code != nil && s3err.From(err).Fields[0] != [2]string{"ProposedSize", test.proposed} {
			t.Errorf("fields %v, want proposed size %s", s3err.From(err).Fields, test.proposed)
		}
	}
}

func FuzzPostForm(f *testing.F) {
	body, boundary := formOf(f, "a.txt", "file", "key", "k", "policy", "p")
	f.Add([]byte(body), "multipart/form-data; boundary="+boundary)
	f.Add([]byte("--b--"), "multipart/form-data; boundary=b")
	f.Add([]byte("--b\r\n\r\n\r\n--b"), "multipart/form-data; boundary=b")
	f.Add([]byte("--b\nContent-Disposition: form-data; name=file; filename*=utf-8''a\n\nx\n--b--"), "multipart/form-data; boundary=b")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		boundary, err := boundaryOf(contentType)
		if err != nil {
			return
		}
		form, err := readForm(bytes.NewReader(body), boundary)
		if err != nil {
			if s3err.From(err).Code == s3err.InternalError {
				t.Fatalf("%v has no row", err)
			}
			return
		}
		size := 0
		for name, value := range form.fields {
			if name != strings.ToLower(name) {
				t.Fatalf("field %q is not in lower case", name)
			}
			size += len(name) + len(value)
		}
		if size > maxPostHead {
			t.Fatalf("fields of %d bytes passed", size)
		}
		if _, err := io.Copy(io.Discard, form.file); err != nil && s3err.From(err).Code == s3err.InternalError {
			t.Fatalf("%v has no row", err)
		}
	})
}

func TestFormKey(t *testing.T) {
	for _, tt := range []struct{ key, filename, want string }{
		{"up/${filename}", "a.txt", "up/a.txt"},
		{"up/${filename}", "", "up/${filename}"}, // a file without a name: S3 leaves the variable
		{"k", "a.txt", "k"},
	} {
		form := &postForm{fields: map[string]string{"key": tt.key}, filename: tt.filename}
		if got, err := form.key(); err != nil || got != tt.want {
			t.Errorf("%q, file %q: %q, %v, want %q", tt.key, tt.filename, got, err, tt.want)
		}
	}
}
