package api

import (
	"errors"
	"net/http"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// fault is an error the client sees as it is.
type fault struct {
	status        int
	code, message string
}

func (f fault) Error() string { return f.code + ": " + f.message }

func invalid(text string) error { return fault{http.StatusBadRequest, CodeInvalid, text} }

// faultOf is what the client sees of an error. Errors of stores are told to
// the log only.
func faultOf(err error) fault {
	var f fault
	var slowed *accounts.SlowedError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &slowed):
		return fault{http.StatusTooManyRequests, CodeSlowDown, slowed.Error()}
	case errors.Is(err, accounts.ErrInvalid):
		return fault{http.StatusBadRequest, CodeInvalid, err.Error()}
	case errors.Is(err, accounts.ErrNotFound):
		return fault{http.StatusNotFound, CodeNotFound, "There is no such account, key, session, request or invitation."}
	case errors.Is(err, accounts.ErrExists):
		return fault{http.StatusConflict, CodeExists, err.Error()}
	case errors.Is(err, accounts.ErrTooMany):
		return fault{http.StatusConflict, CodeTooMany, err.Error()}
	case errors.Is(err, accounts.ErrDecided), errors.Is(err, accounts.ErrNotActive),
		errors.Is(err, accounts.ErrLastOperator), errors.Is(err, accounts.ErrOwnsBuckets):
		return fault{http.StatusConflict, CodeConflict, err.Error()}
	case errors.Is(err, meta.ErrUnavailable), errors.Is(err, meta.ErrConflict), errors.Is(err, meta.ErrOutcomeUnknown), errors.Is(err, meta.ErrFull):
		return fault{http.StatusServiceUnavailable, CodeUnavailable, "The server cannot do this now. Try again."}
	}
	e := s3err.From(err)
	return fault{e.Status, e.Code.Code, e.Message()}
}
