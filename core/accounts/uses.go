package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

const (
	// useEvery is how often the use of one access key is written, at most.
	useEvery = time.Minute
	// maxUses bounds how many keys' uses are remembered.
	maxUses = 8192
)

// uses remembers which keys were used, until FlushUses writes it. What is lost
// with the process is the last minute of a hint.
type uses struct {
	mu   sync.Mutex
	keys map[string]*keyUse
}

type keyUse struct {
	last    catalog.KeyUse
	written time.Time
	fresh   bool
}

// Used notes that an access key was used, now. It writes nothing and does not
// wait, so it may be called for every request.
func (s *Service) Used(accessKeyID, address, agent string) {
	if accessKeyID == "" {
		return
	}
	now := s.Now()
	u := &s.state.uses
	u.mu.Lock()
	defer u.mu.Unlock()
	k := u.keys[accessKeyID]
	if k == nil {
		if u.keys == nil {
			u.keys = map[string]*keyUse{}
		}
		if len(u.keys) >= maxUses {
			clear(u.keys)
		}
		k = &keyUse{}
		u.keys[strings.Clone(accessKeyID)] = k
	}
	k.last.Time, k.fresh = now, true
	if k.last.Address != address {
		k.last.Address = strings.Clone(address)
	}
	if agent = clip(agent); k.last.Agent != agent {
		k.last.Agent = strings.Clone(agent)
	}
}

// FlushUses writes the uses noted since the last time, each key's at most once
// a minute unless all is set (before the process ends). It is called from a timer.
func (s *Service) FlushUses(ctx context.Context, all bool) error {
	now := s.Now()
	due := map[string]catalog.KeyUse{}
	s.state.uses.mu.Lock()
	for id, k := range s.state.uses.keys {
		switch {
		case k.fresh && (all || now.Sub(k.written) >= useEvery):
			due[id] = k.last
			k.fresh, k.written = false, now
		case !k.fresh && now.Sub(k.written) > 10*useEvery:
			delete(s.state.uses.keys, id)
		}
	}
	s.state.uses.mu.Unlock()
	var errs []error
	for id, use := range due {
		use.Time = use.Time.UTC().Truncate(time.Second)
		value, err := json.Marshal(use)
		if err == nil {
			_, err = s.Registry.Put(ctx, catalog.KeyUses, id, meta.Record{Value: value}, meta.Always)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("use of key %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// LastUse tells when and from where a key, or a session, was last used; the
// zero value when it never was, or nobody has written it yet.
func (s *Service) LastUse(ctx context.Context, accessKeyID string) (use catalog.KeyUse, err error) {
	rec, err := s.Registry.Get(ctx, catalog.KeyUses, accessKeyID, false)
	if errors.Is(err, meta.ErrNotFound) {
		return use, nil
	}
	if err != nil {
		return use, fmt.Errorf("use of key %s: %w", accessKeyID, err)
	}
	return use, json.Unmarshal(rec.Value, &use)
}
