// Package s3err is the one table of errors a client can see, with S3's codes,
// statuses and messages
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
package s3err

import (
	"errors"
	"fmt"
)

// Code is a row of the table. It is itself an error, so a handler can return
// a row as it is.
type Code struct {
	Code    string // S3's name
	Status  int    // HTTP status
	Message string // for people
}

func (c *Code) Error() string { return c.Code + ": " + c.Message }

// Error is one occurrence of a row.
type Error struct {
	*Code
	// Text replaces the row's message when set.
	Text string
	// Fields are further elements of the error document, in order: {"BucketName", "b"}.
	Fields [][2]string
	// Cause is for the log, never for the client.
	Cause error
}

func (e *Error) Error() string {
	msg := e.Code.Code + ": " + e.Message()
	if e.Cause != nil {
		msg += ": " + e.Cause.Error()
	}
	return msg
}

// Message is what the client is told.
func (e *Error) Message() string {
	if e.Text != "" {
		return e.Text
	}
	return e.Code.Message
}

// Unwrap gives the row and the cause, so errors.Is(err, s3err.NoSuchKey) works.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Cause}
}

// With is the row with a cause for the log.
func (c *Code) With(cause error) *Error { return &Error{Code: c, Cause: cause} }

// Say is the row with a message of its own.
func (c *Code) Say(format string, args ...any) *Error {
	return &Error{Code: c, Text: fmt.Sprintf(format, args...)}
}

// Field adds an element to the error document and returns the error.
func (c *Code) Field(name, value string) *Error {
	return &Error{Code: c, Fields: [][2]string{{name, value}}}
}

// Field adds an element to the error document.
func (e *Error) Field(name, value string) *Error {
	e.Fields = append(e.Fields, [2]string{name, value})
	return e
}

// From gives the Error that err is or wraps; an error that has no row is
// InternalError with err as its cause. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var c *Code
	if errors.As(err, &c) {
		return &Error{Code: c, Cause: err}
	}
	return &Error{Code: InternalError, Cause: err}
}
