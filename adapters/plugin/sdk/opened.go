package sdk

import (
	"fmt"
	"sync"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
)

// opened holds the one store of the process.
type opened[S any] struct {
	port wire.Port
	mu   sync.Mutex
	all  []S // none or one
}

// set opens the store; only the first success counts.
func (o *opened[S]) set(open func() (S, error)) (S, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var none S
	if len(o.all) > 0 {
		return none, wire.ToStatus(o.port, fmt.Errorf("opened already: %w", wire.ErrInvalid))
	}
	s, err := open()
	if err != nil {
		return none, wire.ToStatus(o.port, err)
	}
	o.all = append(o.all, s)
	return s, nil
}

func (o *opened[S]) get() (S, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.all) == 0 {
		var none S
		return none, wire.ToStatus(o.port, fmt.Errorf("not opened: %w", wire.ErrInvalid))
	}
	return o.all[0], nil
}
