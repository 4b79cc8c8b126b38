package audit

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON appends the event as encoding/json writes it. Every request pays
// for it, so it is done by hand; a test holds the two together.
func (e *Event) appendJSON(b []byte) []byte {
	w := line{append(b, '{'), true}
	w.text("kind", e.Kind)
	w.key("time")
	w.stamp(e.Time)
	w.text("request_id", e.RequestID)
	w.optional("user_id", e.UserID)
	w.optional("user", e.User)
	w.optional("identity", e.Identity)
	w.text("auth", e.Auth)
	w.optional("access_key_id", e.AccessKeyID)
	if e.Limited {
		w.key("limited")
		w.b = append(w.b, "true"...)
	}
	w.optional("primary_fqan", e.PrimaryFQAN)
	w.optional("vo", e.VO)
	w.optional("bucket", e.Bucket)
	w.optional("bucket_owner_id", e.BucketOwnerID)
	w.text("operation", e.Operation)
	w.optional("key", e.Key)
	w.optional("version_id", e.VersionID)
	w.number("http_status", int64(e.HTTPStatus))
	w.optional("error_code", e.ErrorCode)
	w.number("bytes_in", e.BytesIn)
	w.number("bytes_out", e.BytesOut)
	w.nonzero("object_size", e.ObjectSize)
	w.nonzero("size_delta", e.SizeDelta)
	w.nonzero("object_delta", e.ObjectDelta)
	w.float("duration_ms", e.DurationMS)
	w.float("turnaround_ms", e.TurnaroundMS)
	w.optional("remote_ip", e.RemoteIP)
	w.optional("user_agent", e.UserAgent)
	w.optional("host", e.Host)
	w.optional("tls_version", e.TLSVersion)
	w.optional("cipher", e.Cipher)
	w.optional("site", e.Site)
	if e.Credential != nil {
		w.key("credential")
		if c, err := json.Marshal(e.Credential); err == nil { // no value here can fail
			w.b = append(w.b, c...)
		}
	}
	w.optional("reason", e.Reason)
	w.optional("target", e.Target)
	return append(w.b, '}')
}

// line is a JSON object being written.
type line struct {
	b     []byte
	first bool
}

func (w *line) key(name string) {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *line) text(name, v string) {
	w.key(name)
	w.b = appendText(w.b, v)
}

func (w *line) optional(name, v string) {
	if v != "" {
		w.text(name, v)
	}
}

func (w *line) number(name string, v int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, v, 10)
}

func (w *line) nonzero(name string, v int64) {
	if v != 0 {
		w.number(name, v)
	}
}

func (w *line) float(name string, v float64) {
	w.key(name)
	w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
}

func (w *line) stamp(s Stamp) {
	t := s.Time.UTC()
	b := append(w.b, '"')
	year, month, day := t.Date()
	b = appendDigits(b, year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	hour, minute, second := t.Clock()
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), t.Nanosecond()/int(time.Millisecond), 3)
	w.b = append(b, 'Z', '"')
}

func appendDigits(b []byte, v, width int) []byte {
	n := len(b)
	for range width {
		b = append(b, '0')
	}
	for i := n + width - 1; i >= n; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// appendText writes a JSON string: bytes that are not UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(append(b, s[from:i]...), `\ufffd`...)
				from = i + 1
			case r == '\u2028' || r == '\u2029':
				b = append(append(b, s[from:i]...), `\u202`...)
				b = append(b, digits[r&15])
				from = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
