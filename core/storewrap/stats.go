package storewrap

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/obs"
)

// outcome is how a call ended, as metrics tell it.
type outcome uint8

const (
	done outcome = iota
	notFound
	conflict
	full
	unavail
	refused
	gaveUp
	failed
	outcomes
)

var outcomeNames = [outcomes]string{"ok", "not_found", "conflict", "full", "unavailable", "refused", "cancelled", "error"}

// errGaveUp matches what a call ends with whose caller has gone.
var errGaveUp = context.Canceled

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, meta.ErrNotFound), errors.Is(err, content.ErrNotFound):
		return notFound
	case errors.Is(err, meta.ErrConflict):
		return conflict
	case errors.Is(err, meta.ErrFull), errors.Is(err, content.ErrFull):
		return full
	case unavailable(err):
		return unavail
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return gaveUp
	}
	return failed
}

// ops are the operations that are counted.
var ops = [...]Op{Get, Put, Delete, Scan, Batch, Ping, Create, Open, Walk}

func opIndex(op Op) int {
	for i := range ops {
		if ops[i] == op {
			return i
		}
	}
	return 0
}

// StoreMetrics are the families of metrics about stores.
type StoreMetrics struct{ seconds *obs.Histogram }

// NewStoreMetrics adds them to m.
func NewStoreMetrics(m *obs.Metrics) *StoreMetrics {
	return &StoreMetrics{m.NewHistogram("mucura_store_seconds",
		"Time of calls to the stores by store, operation and outcome; that of a create is from beginning to commit, that of an open until the first byte may be read.",
		[]float64{.0001, .00025, .001, .0025, .01, .025, .1, .25, 1, 2.5, 10, 60}, "store", "op", "outcome")}
}

// Of gives the metrics of the store of that name: "metadata", "registry", "content".
func (m *StoreMetrics) Of(store string) *Stats { return &Stats{family: m.seconds, store: store} }

// Stats counts and times the calls to one store. A nil one does nothing.
type Stats struct {
	family *obs.Histogram
	store  string
	cells  [len(ops)][outcomes]atomic.Pointer[obs.Observer] // made when first needed
}

func (s *Stats) observe(op Op, start time.Time, err error) {
	if s != nil {
		s.of(op, outcomeOf(err)).Observe(time.Since(start).Seconds())
	}
}

// refused counts a call that was not made.
func (s *Stats) refused(op Op) {
	if s != nil {
		s.of(op, refused).Observe(0)
	}
}

func (s *Stats) of(op Op, o outcome) *obs.Observer {
	cell := &s.cells[opIndex(op)][o]
	if ob := cell.Load(); ob != nil {
		return ob
	}
	ob := s.family.With(s.store, string(op), outcomeNames[o])
	cell.Store(ob)
	return ob
}
