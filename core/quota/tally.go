package quota

import (
	"context"
	"sync/atomic"
)

// Tally adds up what one request changed of what accounts use: bytes and
// objects, as they were settled and noted. It is for the request's log.
type Tally struct{ bytes, objects atomic.Int64 }

// Change is what the request changed.
func (t *Tally) Change() (bytes, objects int64) { return t.bytes.Load(), t.objects.Load() }

// Add takes in a change. t may be nil.
func (t *Tally) Add(bytes, objects int64) {
	if t != nil {
		t.bytes.Add(bytes)
		t.objects.Add(objects)
	}
}

type tallyKey struct{}

// WithTally gives a context whose changes are added up in t.
func WithTally(ctx context.Context, t *Tally) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// TallyOf is the context's tally, nil when it has none.
func TallyOf(ctx context.Context) *Tally {
	t, _ := ctx.Value(tallyKey{}).(*Tally)
	return t
}
