package lambdahttp

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mucura/mucura/core/s3err"
)

// The doors' limits, bytes. A request beyond is refused by the door itself with
// 413, before the function is called; an answer beyond becomes a 502.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	balancerLimit = 1 << 20   // of a body, and of an answer as JSON
	eventLimit    = 6 << 20   // of an event, and of an answer as JSON
	streamLimit   = 200 << 20 // of a streamed answer
	// envelope is room for everything of an event besides the body.
	envelope = 16 << 10
)

// maxRequest is the largest body that fits through a door when it is binary:
// in an event it is base64.
func (d door) maxRequest() int64 {
	if d == loadBalancer {
		return balancerLimit
	}
	return (eventLimit - envelope) / 4 * 3
}

// maxAnswer is the largest answer of a door, as JSON.
func (d door) maxAnswer() int {
	if d == loadBalancer {
		return balancerLimit
	}
	return eventLimit
}

// checkBody refuses a body that did not come as it was sent, or that the client
// announces to be longer than the door lets through.
func checkBody(r *http.Request, body []byte, declared string, binary bool, d door) error {
	for _, length := range []string{declared, r.Header.Get("X-Amz-Decoded-Content-Length")} {
		if n, err := strconv.ParseInt(length, 10, 64); err == nil && n > d.maxRequest() && n > int64(len(body)) {
			return tooLarge(n, d)
		}
	}
	if n, err := strconv.ParseInt(declared, 10, 64); err == nil && n != int64(len(body)) {
		return s3err.IncompleteBody.Say("The %s passed on %d of the %d bytes you sent, or changed them. Send them as application/octet-stream.", d, len(body), n)
	}
	if !binary && !verified(r.Header) && bytes.ContainsRune(body, utf8.RuneError) {
		return s3err.InvalidRequest.Say("The %s took the body for text, and bytes that are not UTF-8 may have been lost. Send it as application/octet-stream, or with a checksum.", d)
	}
	return nil
}

// verified tells whether the handler will find out by itself that a body was
// changed on the way.
func verified(h http.Header) bool {
	hash := h.Get("X-Amz-Content-Sha256")
	if hash != "" && hash != "UNSIGNED-PAYLOAD" || h.Get("Content-Md5") != "" {
		return true
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			return true
		}
	}
	return false
}

// tooLarge is the error for a body that does not fit through a door.
func tooLarge(n int64, d door) error {
	max := strconv.FormatInt(d.maxRequest(), 10)
	return s3err.EntityTooLarge.Say("This endpoint is a function behind a %s, which takes at most %s bytes in a request. Send larger ones to the site's endpoint for large objects.", d, max).
		Field("ProposedSize", strconv.FormatInt(n, 10)).Field("MaxSizeAllowed", max)
}

// answerTooLarge is the error for an answer that does not. n is negative when
// the length is not known. It is no error of the server, which a client would
// answer by trying again.
func answerTooLarge(n, max int64, d door) *s3err.Error {
	e := s3err.InvalidRequest.Say("This endpoint is a function behind a %s, which lets answers of about %d bytes through. Ask for ranges of that length, or use the site's endpoint for large objects.", d, max)
	if n >= 0 {
		e = e.Field("Size", strconv.FormatInt(n, 10))
	}
	return e.Field("MaxSizeAllowed", strconv.FormatInt(max, 10))
}
