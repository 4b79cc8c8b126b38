package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mucura/mucura/core/meta"
)

// notSent holds an error that came before any command was sent: the server was
// not reached, or is not one we write to. It has no Unwrap, because the library
// takes one layer off what inspect returns.
type notSent struct{ err error }

func (e *notSent) Error() string { return e.err.Error() }

// cutShort wraps an error of writing to the connection: the last command
// written has not gone out whole, so the server has not run it. Those before it
// in the same pipeline may have been run.
type cutShort struct{ err error }

func (e *cutShort) Error() string { return e.err.Error() }
func (e *cutShort) Unwrap() error { return e.err }

// refusals are the beginnings of errors with which Redis answers a command
// instead of running it.
var refusals = []string{
	"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "CROSSSLOT", "NOREPLICAS", "MISCONF",
	"BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "NOSCRIPT", "WRONGTYPE", "ERR max number of clients", "NOPROTO",
}

// answered is the text of an error the server gave, "" when err is none.
func answered(err error) string {
	var e goredis.Error
	if errors.As(err, &e) && !errors.Is(err, goredis.Nil) {
		return e.Error()
	}
	return ""
}

// isFull: the server is at maxmemory, or its disk is full and it has noticed.
func isFull(text string) bool {
	if strings.HasPrefix(text, "OOM") {
		return true
	}
	return strings.HasPrefix(text, "MISCONF") &&
		(strings.Contains(text, "No space left") || strings.Contains(text, "quota exceeded") || strings.Contains(text, "File too large"))
}

// nothingWritten tells that a command, the only one of its pipeline when alone
// is set, was surely not run.
func nothingWritten(err error, alone bool) bool {
	var before *notSent
	var within *cutShort
	switch {
	case errors.As(err, &before), errors.Is(err, goredis.ErrPoolTimeout), errors.Is(err, goredis.ErrPoolExhausted), errors.Is(err, goredis.ErrClosed):
		return true
	case errors.As(err, &within):
		return alone
	}
	text := answered(err)
	for _, r := range refusals {
		if strings.HasPrefix(text, r) {
			return true
		}
	}
	return isFull(text)
}

// unknown marks an error after which a write may have happened.
type unknown struct{ err error }

func (e *unknown) Error() string { return e.err.Error() }
func (e *unknown) Unwrap() error { return e.err }

// failedCall makes the port's error. written tells that the call was a
// mutation, which may have been done. The cause is told as text only: it may be
// another call's, with a context that was not ours.
func failedCall(ctx context.Context, what string, err error, written bool) error {
	var u *unknown
	kind := meta.ErrUnavailable
	switch {
	case isFull(answered(err)):
		kind = meta.ErrFull
	case written && errors.As(err, &u):
		kind = meta.ErrOutcomeUnknown
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("redis %s: %w: %w: %v", what, kind, cause, err)
	}
	return fmt.Errorf("redis %s: %w: %v", what, kind, err)
}
