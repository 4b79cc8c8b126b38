package client

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/mucura/mucura/core/api"
)

// Error is an answer of the server that is no success.
type Error struct {
	Status        int
	Code, Message string
	RequestID     string
	Method        string
	Bucket, Key   string
	RetryAfter    time.Duration
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Bucket != "" {
		b.WriteString("s3://" + e.Bucket)
		if e.Key != "" {
			b.WriteString("/" + e.Key)
		}
		b.WriteString(": ")
	}
	switch {
	case e.Code != "" && e.Message != "":
		fmt.Fprintf(&b, "%s (%s)", strings.TrimSuffix(e.Message, "."), e.Code)
	case e.Code != "":
		b.WriteString(e.Code)
	default:
		fmt.Fprintf(&b, "the server answered %d %s", e.Status, http.StatusText(e.Status))
		if e.Message != "" {
			b.WriteString(": " + e.Message)
		}
	}
	return b.String()
}

// NetError is trouble between client and server: nobody knows what the server did.
type NetError struct {
	Err error
	// Final: trying again is of no use, as with a certificate that is not trusted.
	Final bool
}

func (e *NetError) Error() string { return e.Err.Error() }

// Unwrap gives what the transport said.
func (e *NetError) Unwrap() error { return e.Err }

// ChecksumError is content that is not what it should be.
type ChecksumError struct {
	What      string // the object or file
	Algorithm string
	Want, Got string
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s: checksum mismatch: %s is %s, must be %s", e.What, e.Algorithm, e.Got, e.Want)
}

// AuthError is credentials that are missing, expired or of no use.
type AuthError struct{ Message string }

func (e *AuthError) Error() string { return e.Message }

// ConflictError is something that stands in the way.
type ConflictError struct{ Message string }

func (e *ConflictError) Error() string { return e.Message }

// NotFoundError is something that is not there.
type NotFoundError struct{ Message string }

func (e *NotFoundError) Error() string { return e.Message }

// Kind sorts errors by what a person or job can do about them.
type Kind int

// The kinds. Their numbers are the exit statuses of the mucura command.
const (
	OK          Kind = 0
	Generic     Kind = 1
	Usage       Kind = 2
	Auth        Kind = 3
	NotFound    Kind = 4
	Permission  Kind = 5
	NoRoom      Kind = 6
	Conflict    Kind = 7
	Network     Kind = 8
	Mismatch    Kind = 9
	Interrupted Kind = 130
)

var authCodes = map[string]bool{
	"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "ExpiredToken": true, "InvalidToken": true,
	"RequestTimeTooSkewed": true, "InvalidSecurity": true, "TokenRefreshRequired": true,
	"AuthorizationHeaderMalformed": true, "MissingSecurityHeader": true, "NotRegistered": true,
	"InvalidClientTokenId": true, "InvalidIdentityToken": true, "ExpiredTokenException": true,
}

// authMessages are those of AccessDenied that say that the credentials are over.
var authMessages = map[string]bool{"Request has expired": true, "The account is suspended": true, "The account is closing": true}

// KindOf sorts an error.
func KindOf(err error) Kind {
	var (
		e        *Error
		net      *NetError
		sum      *ChecksumError
		auth     *AuthError
		conflict *ConflictError
		missing  *NotFoundError
	)
	switch {
	case err == nil:
		return OK
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, &sum):
		return Mismatch
	case errors.As(err, &auth):
		return Auth
	case errors.As(err, &conflict):
		return Conflict
	case errors.As(err, &missing):
		return NotFound
	case errors.As(err, &e):
		return e.kind()
	case errors.As(err, &net), errors.Is(err, context.DeadlineExceeded):
		return Network
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return NoRoom
	case errors.Is(err, fs.ErrNotExist):
		return NotFound
	case errors.Is(err, fs.ErrPermission):
		return Permission
	}
	return Generic
}

func (e *Error) kind() Kind {
	switch {
	case authCodes[e.Code], e.Status == http.StatusUnauthorized,
		e.Code == "AccessDenied" && authMessages[strings.TrimSuffix(e.Message, ".")]:
		return Auth
	case e.Code == "QuotaExceeded", e.Code == "InsufficientStorage", e.Status == http.StatusInsufficientStorage:
		return NoRoom
	case e.Code == "BadDigest", e.Code == "XAmzContentChecksumMismatch", e.Code == "XAmzContentSHA256Mismatch":
		return Mismatch
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		return NotFound
	case e.Status == http.StatusForbidden:
		return Permission
	case e.Status == http.StatusConflict, e.Status == http.StatusPreconditionFailed:
		return Conflict
	case e.Status == http.StatusNotImplemented:
		return Generic
	case e.Status >= 500, e.Status == http.StatusTooManyRequests, e.Code == "RequestTimeout":
		return Network
	}
	return Generic
}

// HasCode tells whether err is an answer of the server with this S3 code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// HasStatus tells whether err is an answer of the server with this HTTP status.
func HasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// maxErrorBody is how much of an error document is read.
const maxErrorBody = 64 << 10

// isLine tells whether a body is one short line of text, and no markup.
func isLine(body []byte) bool {
	s := strings.TrimSpace(string(body))
	return len(s) <= 200 && utf8.ValidString(s) && !strings.ContainsAny(s, "<{\n\r")
}

// readError makes an Error of an answer; its body may be S3's document or
// anything that something in between wrote.
func readError(resp *http.Response, q *request) error {
	e := &Error{
		Status: resp.StatusCode, Method: q.method, Bucket: q.bucket, Key: q.key,
		RequestID: resp.Header.Get("X-Amz-Request-Id"), RetryAfter: retryAfter(resp.Header),
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var doc struct{ Code, Message string }
	if xml.Unmarshal(body, &doc) == nil {
		e.Code, e.Message = doc.Code, doc.Message
	}
	var call api.Error
	if e.Code == "" && json.Unmarshal(body, &call) == nil {
		e.Code, e.Message = call.Code, call.Message
	}
	if e.Code == "" && isLine(body) { // Go's own servers, and others, write plain sentences
		e.Message = strings.TrimSpace(string(body))
	}
	if location := resp.Header.Get("Location"); resp.StatusCode < 400 && e.Code == "" && location != "" {
		e.Message, e.Code = "the server redirects elsewhere, which is not followed: is the endpoint right?", "Redirect"
	}
	return e
}
