package lambdahttp

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

const (
	jsonType   = "application/json"
	streamType = "application/vnd.awslambda.http-integration-response"
)

// appendHead appends the JSON of an answer without its body and its last brace,
// in the form that the event asks for.
func appendHead(b []byte, status int, h http.Header, e *event, d door) []byte {
	b = strconv.AppendInt(append(b, `{"statusCode":`...), int64(status), 10)
	if d == loadBalancer {
		b = append(b, `,"statusDescription":`...)
		b = appendQuoted(b, strings.TrimSpace(strconv.Itoa(status)+" "+http.StatusText(status)))
		if e.multi() { // the member must be there, also when it is empty
			b = append(b, `,"multiValueHeaders":{`...)
			for name, values := range h {
				b = appendTexts(append(appendQuoted(separated(b), name), ':'), inLine(values))
			}
			return append(b, '}')
		}
	}
	var cookies []string
	b = append(b, `,"headers":{`...)
	for name, values := range h {
		values = inLine(values)
		switch {
		case name != "Set-Cookie":
			b = appendQuoted(append(appendQuoted(separated(b), name), ':'), strings.Join(values, ","))
		case d != loadBalancer:
			cookies = values
		default: // a name for each: cookies cannot be joined
			for i, v := range values {
				b = appendQuoted(append(appendQuoted(separated(b), spelling(name, i)), ':'), v)
			}
		}
	}
	b = append(b, '}')
	if len(cookies) > 0 {
		b = appendTexts(append(b, `,"cookies":`...), cookies)
	}
	return b
}

// inLine gives a header's values with blanks for what would end its line, as
// net/http writes them: the service in front may write them as they are.
func inLine(values []string) []string {
	for i, v := range values {
		if strings.ContainsAny(v, "\r\n\x00") {
			values = slices.Clone(values)
			values[i] = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(v)
			return append(values[:i+1:i+1], inLine(values[i+1:])...)
		}
	}
	return values
}

// separated appends a comma, unless nothing goes before.
func separated(b []byte) []byte {
	if c := b[len(b)-1]; c == '{' || c == '[' {
		return b
	}
	return append(b, ',')
}

func appendTexts(b []byte, all []string) []byte {
	b = append(b, '[')
	for _, s := range all {
		b = appendQuoted(separated(b), s)
	}
	return append(b, ']')
}

// spelling is a way to write a header's name, another for each n below 256.
func spelling(name string, n int) string {
	b := []byte(strings.ToLower(name))
	for i := 0; i < len(b) && n > 0; i++ {
		if b[i] >= 'a' && b[i] <= 'z' {
			if n&1 == 1 {
				b[i] -= 'a' - 'A'
			}
			n >>= 1
		}
	}
	return string(b)
}

// textual tells whether a media type is worth being sent as text: it takes less
// room than in base64.
func textual(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	return strings.HasPrefix(kind, "text/") || kind == "application/xml" || kind == jsonType
}

// writeError answers with S3's error document.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := s3err.From(err)
	h := w.Header()
	clear(h)
	h.Set("Server", "Mucura")
	if r != nil && r.Method == http.MethodHead {
		w.WriteHeader(e.Status)
		return
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error>")
	for _, f := range append([][2]string{{"Code", e.Code.Code}, {"Message", e.Message()}}, e.Fields...) {
		b.WriteString("<" + f[0] + ">")
		_ = xml.EscapeText(&b, []byte(f[1])) // a buffer takes everything
		b.WriteString("</" + f[0] + ">")
	}
	b.WriteString("</Error>")
	h.Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	_, _ = w.Write(b.Bytes())
}
