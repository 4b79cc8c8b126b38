package riaktest

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wantsParts tells whether a client would rather have the siblings themselves
// than their names, and whether it takes nothing else.
func wantsParts(accept string) (parts, only bool) {
	var ofParts, ofOthers float64
	for _, s := range strings.Split(accept, ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(s))
		if err != nil {
			continue
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			q, _ = strconv.ParseFloat(s, 64)
		}
		if kind == "multipart/mixed" {
			ofParts = q
		} else {
			ofOthers = max(ofOthers, q)
		}
	}
	return ofParts > ofOthers, ofParts > 0 && ofOthers == 0
}

func showSiblings(w http.ResponseWriter, a address, values []value, parts bool) {
	var b strings.Builder
	w.Header().Set("ETag", `"`+etag()+`"`)
	if !parts {
		b.WriteString("Siblings:\n")
		for _, v := range values {
			b.WriteString(v.etag + "\n")
		}
		w.Header().Set("Content-Type", "text/plain")
	} else {
		boundary := etag()
		for _, v := range values {
			fmt.Fprintf(&b, "\r\n--%s\r\n", boundary)
			h := http.Header{}
			v.headers(h, a)
			h.Set("Etag", v.etag)
			if v.deleted {
				h.Set("X-Riak-Deleted", "true")
				h.Set("Content-Type", "application/octet-stream")
			}
			h.Write(&b)
			b.WriteString("\r\n")
			b.Write(v.body)
		}
		fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
		w.Header().Set("Content-Type", "multipart/mixed; boundary="+boundary)
	}
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(http.StatusMultipleChoices)
	w.Write([]byte(b.String()))
}
