package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Whoever guesses is slowed: the tries of somebody are counted in the registry,
// which all processes share, and after some each next one has to wait twice as
// long as the one before. A try is counted before it is judged, so that many at
// once gain nothing.

// Slowed is somebody whose tries are counted.
type Slowed struct {
	Kind SlowKind
	Who  string // an address, an account's name, …
}

// SlowKind tells what is tried, and with it how fast.
type SlowKind string

// The kinds of tries.
const (
	SlowPassword  SlowKind = "password-account" // of one account's password
	SlowAddress   SlowKind = "password-address" // from one address
	SlowCode      SlowKind = "code-address"     // of invitations and the like, from one address
	SlowSignature SlowKind = "signature"        // of one access key's secret from one address
)

// pace is how tries are slowed.
type pace struct {
	free   int           // tries without waiting
	most   time.Duration // longest wait
	forget time.Duration // after which all is forgotten
}

// paceOf: an account's own pace is bounded so that nobody can lock a person
// out; an address may be that of a whole institute.
func paceOf(k SlowKind) pace {
	switch k {
	case SlowPassword:
		return pace{5, 30 * time.Second, time.Hour}
	case SlowSignature:
		return pace{20, time.Minute, 10 * time.Minute}
	default:
		return pace{20, 5 * time.Minute, time.Hour}
	}
}

// wait is how long after the last try the next may come.
func (p pace) wait(count int) time.Duration {
	over := count - p.free
	if over <= 0 {
		return 0
	}
	return min(time.Second<<min(over-1, 16), p.most)
}

// SlowedError says that somebody has tried too often.
type SlowedError struct {
	Kind SlowKind
	// After is how long to wait.
	After time.Duration
}

func (e *SlowedError) Error() string {
	return fmt.Sprintf("too many failed tries; try again in %d seconds", int(e.After.Seconds())+1)
}

func (w *Slowed) key() string {
	who := w.Who
	if w.Kind == SlowAddress || w.Kind == SlowCode {
		who = network(who)
	}
	return string(w.Kind) + ":" + digest(who)
}

// network is what counts as one address: whoever has one of IPv6 has a /64 of
// them.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// MayTry counts a try of each, and refuses it with a *SlowedError when one has
// to wait. Whoever succeeds gives the tries back with Succeeded.
func (s *Service) MayTry(ctx context.Context, who ...Slowed) error {
	for i := range who {
		if err := s.count(ctx, &who[i], true); err != nil {
			return err
		}
	}
	return nil
}

// Failed counts a failure that was not announced with MayTry, and tells with a
// *SlowedError how long the next try has to wait, if it has.
func (s *Service) Failed(ctx context.Context, who Slowed) error { return s.count(ctx, &who, false) }

func (s *Service) count(ctx context.Context, w *Slowed, refuse bool) error {
	p, now := paceOf(w.Kind), s.now()
	for range maxTries {
		f, version, err := s.failures(ctx, w)
		if err != nil {
			return err
		}
		if now.Sub(f.Last) > p.forget {
			f = catalog.Failures{}
		}
		if wait := f.Last.Add(p.wait(f.Count)).Sub(now); refuse && wait > 0 {
			return &SlowedError{w.Kind, wait}
		}
		f.Count, f.Last = f.Count+1, now
		value, err := json.Marshal(f)
		if err != nil {
			return err
		}
		_, err = s.Registry.Put(ctx, catalog.FailureCount, w.key(), meta.Record{Value: value}, meta.IfMatch(version))
		switch {
		case errors.Is(err, meta.ErrConflict):
			continue
		case err != nil:
			return fmt.Errorf("count tries: %w", err)
		}
		if wait := p.wait(f.Count); !refuse && wait > 0 {
			return &SlowedError{w.Kind, wait}
		}
		return nil
	}
	return &SlowedError{w.Kind, time.Second} // many at once
}

func (s *Service) failures(ctx context.Context, w *Slowed) (f catalog.Failures, v meta.Version, err error) {
	rec, err := s.Registry.Get(ctx, catalog.FailureCount, w.key(), false)
	if errors.Is(err, meta.ErrNotFound) {
		return f, "", nil
	}
	if err != nil {
		return f, "", fmt.Errorf("count tries: %w", err)
	}
	return f, rec.Version, json.Unmarshal(rec.Value, &f)
}

// Succeeded gives back the tries of a success: all of the first's, whose proof
// it is, and the last one of the others'.
func (s *Service) Succeeded(ctx context.Context, first Slowed, others ...Slowed) error {
	if err := s.Registry.Delete(ctx, catalog.FailureCount, first.key(), meta.Always); err != nil {
		return fmt.Errorf("count tries: %w", err)
	}
	for i := range others {
		f, version, err := s.failures(ctx, &others[i])
		if err != nil || f.Count == 0 {
			continue
		}
		f.Count--
		if value, err := json.Marshal(f); err == nil { // else one try too many is counted
			_, _ = s.Registry.Put(ctx, catalog.FailureCount, others[i].key(), meta.Record{Value: value}, meta.IfMatch(version))
		}
	}
	return nil
}

// sweepFailures forgets tries that no longer count.
func (s *Service) sweepFailures(ctx context.Context) error {
	return s.scan(ctx, catalog.FailureCount, "", func(e meta.Entry) error {
		var f catalog.Failures
		if json.Unmarshal(e.Record.Value, &f) == nil && s.Now().Sub(f.Last) <= time.Hour {
			return nil
		}
		err := s.Registry.Delete(ctx, catalog.FailureCount, e.Key, meta.IfMatch(e.Record.Version))
		if errors.Is(err, meta.ErrConflict) {
			return nil
		}
		return err
	})
}
