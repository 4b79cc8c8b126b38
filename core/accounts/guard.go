package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// Wrong signatures are counted by access key and address together, so that
// nobody can lock a person out of her own, and a wrong key at an institute's
// gateway stops nobody else there. They are counted in this process, and once
// a second in the registry, for other processes: a flood of them must not
// become a flood of commits. A process learns of the others' count with the
// first failure it sees itself.

const (
	// guardEvery is how often one pair's count is written to the registry.
	guardEvery = time.Second
	maxGuarded = 4096
)

// guard is what this process knows of wrong signatures.
type guard struct {
	active atomic.Int64 // pairs known
	mu     sync.Mutex
	pairs  map[string]*guardedPair
}

// guardedPair is an access key at an address.
type guardedPair struct {
	known  int // count in the registry, when last written
	fresh  int // failures since
	last   time.Time
	synced time.Time
}

// Verify is v.Verify for a request from an address; wrong signatures slow
// further ones: s3err.SlowDown with a *SlowedError as its cause.
func (s *Service) Verify(v *sigv4.Verifier, r *http.Request, address string) (*sigv4.Request, error) {
	var req *sigv4.Request
	err := s.guarded(r.Context(), func() string { return sigv4.AccessKeyID(r) }, address, func() (err error) {
		req, err = v.Verify(r)
		return err
	})
	return req, err
}

// VerifyPOST is v.VerifyPOST for a form from an address, slowed as by Verify.
func (s *Service) VerifyPOST(ctx context.Context, v *sigv4.Verifier, fields map[string]string, now time.Time, address string) (*sigv4.PostAuth, error) {
	var auth *sigv4.PostAuth
	err := s.guarded(ctx, func() string { return sigv4.AccessKeyIDOfForm(fields) }, address, func() (err error) {
		auth, err = v.VerifyPOST(ctx, fields, now)
		return err
	})
	return auth, err
}

// guarded runs verify unless too many of its like have failed.
func (s *Service) guarded(ctx context.Context, accessKeyID func() string, address string, verify func() error) error {
	if s.state.guard.active.Load() > 0 {
		if err := s.mayVerify(accessKeyID(), address); err != nil {
			return err
		}
	}
	err := verify()
	if err != nil && errors.Is(err, s3err.SignatureDoesNotMatch) {
		s.wrongSignature(ctx, accessKeyID(), address)
	}
	return err
}

func pairOf(accessKeyID, address string) string { return accessKeyID + " " + network(address) }

func (s *Service) mayVerify(accessKeyID, address string) error {
	g := &s.state.guard
	p, now := paceOf(SlowSignature), s.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	pair := g.pairs[pairOf(accessKeyID, address)]
	if pair == nil {
		return nil
	}
	if now.Sub(pair.last) > p.forget {
		delete(g.pairs, pairOf(accessKeyID, address))
		g.active.Store(int64(len(g.pairs)))
		return nil
	}
	if wait := pair.last.Add(p.wait(pair.known + pair.fresh)).Sub(now); wait > 0 {
		slowed := &SlowedError{SlowSignature, wait}
		e := s3err.SlowDown.Say("Too many requests with this access key had a wrong signature; %s.", slowed.Error())
		e.Cause = slowed
		return e
	}
	return nil
}

// wrongSignature counts one.
func (s *Service) wrongSignature(ctx context.Context, accessKeyID, address string) {
	name := pairOf(accessKeyID, address)
	g, now := &s.state.guard, s.Now()
	g.mu.Lock()
	pair := g.pairs[name]
	if pair == nil {
		if g.pairs == nil || len(g.pairs) >= maxGuarded {
			g.pairs = map[string]*guardedPair{}
		}
		pair = &guardedPair{}
		g.pairs[name] = pair
		g.active.Store(int64(len(g.pairs)))
	}
	pair.fresh++
	pair.last = now
	if now.Sub(pair.synced) < guardEvery {
		g.mu.Unlock()
		return
	}
	n := pair.fresh
	pair.synced = now
	g.mu.Unlock()
	count, err := s.addFailures(ctx, &Slowed{SlowSignature, name}, n)
	if err != nil {
		return // counted here all the same, and written with the next
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	pair.known, pair.fresh = count, pair.fresh-n
}

// addFailures adds to the count in the registry, and gives it.
func (s *Service) addFailures(ctx context.Context, w *Slowed, n int) (int, error) {
	p, now := paceOf(w.Kind), s.now()
	for range maxTries {
		f, version, err := s.failures(ctx, w)
		if err != nil {
			return 0, err
		}
		if now.Sub(f.Last) > p.forget {
			f = catalog.Failures{}
		}
		f.Count, f.Last = f.Count+n, now
		value, err := json.Marshal(f)
		if err != nil {
			return 0, err
		}
		_, err = s.Registry.Put(ctx, catalog.FailureCount, w.key(), meta.Record{Value: value}, meta.IfMatch(version))
		if !errors.Is(err, meta.ErrConflict) {
			return f.Count, err
		}
	}
	return 0, meta.ErrConflict
}
