package meta

import (
	"context"
	"time"
)

// Janitor is implemented by stores in which a deleted record leaves something
// behind; Clean removes what was left before the given time and returns of how
// many records. It is safe to run twice at once, and beside everything else.
type Janitor interface {
	Clean(ctx context.Context, before time.Time) (records int, err error)
}

// As finds what implements T in a store or in those it decorates, each of
// which is had by a method Unwrap() Store.
func As[T any](s Store) (T, bool) {
	for {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			var none T
			return none, false
		}
		s = u.Unwrap()
	}
}
