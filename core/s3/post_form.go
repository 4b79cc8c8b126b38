package s3

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// maxPostHead bounds what comes before the file of a browser upload, boundaries
// included, bytes
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTForms.html).
const maxPostHead = 20 << 10

// multipartBuffer is how far package mime/multipart reads ahead.
const multipartBuffer = 4096

// postForm is a browser upload: the fields before the file, and the file, which
// is read as it arrives. What follows the file is ignored.
type postForm struct {
	fields   map[string]string // by name in lower case
	filename string            // without directories
	file     io.Reader
}

// get is the value of a field, "" when there is none.
func (p *postForm) get(name string) string { return p.fields[name] }

// boundaryOf takes the boundary from a Content-Type. PreconditionFailed when it
// is no form, MalformedPOSTRequest when the boundary is missing.
func boundaryOf(contentType string) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if kind != "multipart/form-data" {
		return "", s3err.PreconditionFailed.Field("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	if err != nil || params["boundary"] == "" {
		return "", s3err.MalformedPOSTRequest.With(err)
	}
	return params["boundary"], nil
}

// readForm reads the fields up to the file. MaxPostPreDataLengthExceeded when
// they are too long, MalformedPOSTRequest when this is no form, InvalidArgument
// when it has no file or a field twice.
func readForm(body io.Reader, boundary string) (*postForm, error) {
	head := &headReader{r: body, left: maxPostHead + multipartBuffer}
	parts := multipart.NewReader(head, boundary)
	form := &postForm{fields: map[string]string{}}
	size := 0
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil, badArgument("file", "0", "POST requires exactly one file upload per request.")
		}
		if err != nil {
			return nil, formError(err)
		}
		name, filename := nameOf(part)
		if name == "file" {
			head.unlimited = true
			form.filename, form.file = filename, &fileReader{part}
			return form, nil
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, formError(err)
		}
		if size += len(name) + len(value); size > maxPostHead {
			return nil, s3err.MaxPostPreDataLengthExceeded
		}
		if _, twice := form.fields[name]; twice && !strings.HasPrefix(name, "x-ignore-") {
			return nil, badArgument(name, string(value), "The form has this field more than once.")
		}
		form.fields[name] = string(value)
	}
}

// nameOf gives a part's field name in lower case, and its file name without the
// directories that some browsers send.
func nameOf(part *multipart.Part) (name, filename string) {
	kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil || kind != "form-data" {
		return "", ""
	}
	filename = params["filename"]
	if i := strings.LastIndexAny(filename, `/\`); i >= 0 {
		filename = filename[i+1:]
	}
	return strings.ToLower(params["name"]), filename
}

// formError is what a failure to read a form means: an error of the body as it
// is, anything else a malformed form.
func formError(err error) error {
	var known *s3err.Error
	var row *s3err.Code
	if errors.As(err, &known) || errors.As(err, &row) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return s3err.MalformedPOSTRequest.With(err)
}

// headReader stops a form whose fields have no end.
type headReader struct {
	r         io.Reader
	left      int
	unlimited bool
}

// Read reads.
func (h *headReader) Read(p []byte) (int, error) {
	if h.unlimited {
		return h.r.Read(p)
	}
	if h.left <= 0 {
		return 0, s3err.MaxPostPreDataLengthExceeded
	}
	n, err := h.r.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

// fileReader reads the file's part.
type fileReader struct{ part *multipart.Part }

// Read reads; the form's end before the part's end is MalformedPOSTRequest.
func (f *fileReader) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && err != io.EOF {
		err = formError(err)
	}
	return n, err
}

// maxDrain bounds how much of a file that is too large is still read, so that a
// browser that does not listen while it sends sees the answer, bytes.
const maxDrain = 1 << 20

// sizedReader enforces the length that a policy allows while a file arrives:
// EntityTooLarge at the first byte beyond most, EntityTooSmall at an early end.
type sizedReader struct {
	r           io.Reader
	n           int64 // bytes read
	least, most int64
}

// Read reads.
func (s *sizedReader) Read(p []byte) (int, error) {
	if room := s.most - s.n + 1; int64(len(p)) > room {
		p = p[:room]
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	if s.n > s.most {
		rest, _ := io.CopyN(io.Discard, s.r, maxDrain) // a failure only makes the size told inexact
		s.n += rest
		return 0, s3err.EntityTooLarge.Field("ProposedSize", strconv.FormatInt(s.n, 10)).Field("MaxSizeAllowed", strconv.FormatInt(s.most, 10))
	}
	if err == io.EOF && s.n < s.least {
		return n, s3err.EntityTooSmall.Field("ProposedSize", strconv.FormatInt(s.n, 10)).Field("MinSizeAllowed", strconv.FormatInt(s.least, 10))
	}
	return n, err
}
