package wire

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// ErrInvalid: the request or a setting is malformed.
var ErrInvalid = errors.New("invalid")

// Port tells which of the two ports' errors are meant.
type Port string

// The two ports.
const (
	Meta    Port = "metadata"
	Content Port = "content"
)

// kind is one row of the table of errors: how it travels and what it is at
// either port; nil where the port does not have it.
type kind struct {
	code          pb.Error_Code
	grpc          codes.Code
	meta, content error
}

func kinds() []kind {
	return []kind{
		{pb.Error_NOT_FOUND, codes.NotFound, meta.ErrNotFound, content.ErrNotFound},
		{pb.Error_CONFLICT, codes.Aborted, meta.ErrConflict, nil},
		{pb.Error_OUTCOME_UNKNOWN, codes.Unknown, meta.ErrOutcomeUnknown, nil},
		{pb.Error_FULL, codes.ResourceExhausted, meta.ErrFull, content.ErrFull},
		{pb.Error_TOO_LARGE, codes.InvalidArgument, meta.ErrTooLarge, nil},
		{pb.Error_UNSUPPORTED, codes.Unimplemented, meta.ErrUnsupported, errors.ErrUnsupported},
		{pb.Error_CORRUPT, codes.DataLoss, nil, content.ErrCorrupt},
		{pb.Error_UNEXPECTED_EOF, codes.OutOfRange, nil, io.ErrUnexpectedEOF},
		{pb.Error_INVALID, codes.InvalidArgument, ErrInvalid, ErrInvalid},
		{pb.Error_CANCELLED, codes.Canceled, context.Canceled, context.Canceled},
		{pb.Error_DEADLINE_EXCEEDED, codes.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded},
		{pb.Error_UNAVAILABLE, codes.Unavailable, meta.ErrUnavailable, content.ErrUnavailable},
	}
}

func (k kind) at(p Port) error {
	if p == Meta {
		return k.meta
	}
	return k.content
}

// ToStatus is what a plug-in answers for an error of its store. An error that
// is none of the port's becomes a status without detail, which the host takes
// for the worst it can mean.
func ToStatus(p Port, err error) error {
	if err == nil {
		return nil
	}
	text := Clean(err.Error(), MaxErrorText)
	for _, k := range kinds() {
		sentinel := k.at(p)
		// Space, which both ports may have, says errors.ErrUnsupported.
		if sentinel == nil || !errors.Is(err, sentinel) && (k.code != pb.Error_UNSUPPORTED || !errors.Is(err, errors.ErrUnsupported)) {
			continue
		}
		if st, derr := status.New(k.grpc, text).WithDetails(&pb.Error{Code: k.code}); derr == nil {
			return st.Err()
		}
	}
	return status.Error(codes.Unknown, text)
}

// FromStatus is the port's error for what a plug-in answered, nil when the
// answer does not say which it is.
func FromStatus(p Port, err error) error {
	st, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, d := range st.Details() {
		e, ok := d.(*pb.Error)
		if !ok {
			continue
		}
		for _, k := range kinds() {
			if sentinel := k.at(p); k.code == e.GetCode() && sentinel != nil {
				return &remote{text: Clean(st.Message(), MaxErrorText), is: []error{sentinel}, unsupported: k.code == pb.Error_UNSUPPORTED}
			}
		}
	}
	return nil
}

// remote is an error with the plug-in's words and the port's meaning.
type remote struct {
	text        string
	is          []error
	unsupported bool
}

func (e *remote) Error() string   { return e.text }
func (e *remote) Unwrap() []error { return e.is }

// Is makes "unsupported" what both ports call it.
func (e *remote) Is(target error) bool { return e.unsupported && target == errors.ErrUnsupported }

// Clean makes s fit for a log line: at most limit bytes, valid UTF-8 without
// control characters.
func Clean(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if len(s) > 0 && s[len(s)-1] >= utf8.RuneSelf {
			s = s[:len(s)-1]
		}
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if cut {
		s += " …"
	}
	return s
}
