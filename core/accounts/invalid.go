package accounts

import "errors"

// ErrInvalid is wrapped by the errors that say what is wrong with what was
// asked for; their text is for whoever asked.
var ErrInvalid = errors.New("invalid")

type invalidError struct{ error }

func (e invalidError) Is(target error) bool { return target == ErrInvalid }
func (e invalidError) Unwrap() error        { return e.error }

// invalid marks an error as one of what was asked for; nil stays nil.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return invalidError{err}
}
