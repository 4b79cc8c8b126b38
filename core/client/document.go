package client

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// xmlText tells whether XML 1.0 can carry s, and gives it back unchanged.
func xmlText(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xfffd || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}

// maxDocument is the longest XML document that is read: a page of 1,000 keys
// of 1,024 bytes, each escaped, is below 8 MiB.
const maxDocument = 16 << 20

// decode reads an XML document into v. An <Error> in an answer that began as a
// success (CopyObject and CompleteMultipartUpload may do so) is an *Error.
func decode(r *http.Response, v any) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxDocument))
	if err != nil {
		return err
	}
	var root struct {
		XMLName       xml.Name
		Code, Message string
	}
	if err := xml.Unmarshal(b, &root); err != nil {
		if start := strings.ToLower(string(b[:min(len(b), 15)])); strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html") {
			return &NetError{Err: errNotS3}
		}
		return &NetError{Err: fmt.Errorf("the server's answer is no XML document: %w", err)}
	}
	switch name := root.XMLName.Local; {
	case name == "Error":
		status := http.StatusInternalServerError
		if root.Code == "PreconditionFailed" {
			status = http.StatusPreconditionFailed
		}
		return &Error{Status: status, Code: root.Code, Message: root.Message}
	case !strings.HasSuffix(name, "Result") && !strings.HasSuffix(name, "Response") && !strings.HasSuffix(name, "Output"):
		return &NetError{Err: errNotS3}
	}
	return xml.Unmarshal(b, v)
}
