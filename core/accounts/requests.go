package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

const (
	// maxReason bounds what a person or an operator writes, bytes.
	maxReason = 1000
	// maxEvidence bounds the evidence of a request, pairs.
	maxEvidence = 64
	// maxOpen is how many requests of one account may be pending.
	maxOpen = 3
)

// The errors of requests.
var (
	// ErrDecided: the request has been decided, otherwise.
	ErrDecided = errors.New("request has been decided")
)

// Ask puts a request in the operators' queue. The account must exist; of a
// person who registers it is in state Requested. Errors: ErrNotFound,
// ErrTooMany (three are pending).
func (s *Service) Ask(ctx context.Context, r catalog.Request) (*catalog.Request, error) {
	a, err := s.account(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	if r.Bytes < -1 {
		return nil, invalid(errors.New("quota: give -1 for no limit, else 0 or more"))
	}
	if len(r.Reason) > maxReason || hasControl(r.Reason) || len(r.Evidence) > maxEvidence {
		return nil, invalid(fmt.Errorf("give at most %d bytes of reason, without control characters, and %d pieces of evidence", maxReason, maxEvidence))
	}
	mine, err := s.RequestsBy(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	open := 0
	for i := range mine {
		if mine[i].State == catalog.Pending {
			open++
		}
	}
	if open >= maxOpen {
		return nil, fmt.Errorf("requests pending: %w", ErrTooMany)
	}
	now := s.now()
	r.ID = fmt.Sprintf("%016x", s.Now().UnixNano()) + randomHex(4)
	r.Name, r.State, r.Created = a.Name, catalog.Pending, now
	r.Decided, r.By, r.Answer, r.Done, r.Cap, r.Groups = time.Time{}, "", "", false, nil, nil
	if _, err := s.put(ctx, catalog.RequestsOf(a.ID), r.ID, nil, meta.IfAbsent); err != nil {
		return nil, err
	}
	return &r, s.writeRequest(ctx, &r, meta.IfAbsent)
}

func (s *Service) writeRequest(ctx context.Context, r *catalog.Request, cond meta.Cond) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = s.put(ctx, catalog.Requests, r.ID, value, cond)
	return err
}

func (s *Service) readRequest(ctx context.Context, id string) (*catalog.Request, meta.Version, error) {
	missing := fmt.Errorf("request %s: %w", id, ErrNotFound)
	if id == "" || len(id) > maxAccessKeyID {
		return nil, "", missing
	}
	rec, err := s.Registry.Get(ctx, catalog.Requests, id, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", missing
	}
	if err != nil {
		return nil, "", fmt.Errorf("read request %s: %w", id, err)
	}
	r := &catalog.Request{}
	if err := json.Unmarshal(rec.Value, r); err != nil {
		return nil, "", fmt.Errorf("request %s: %w", id, err)
	}
	return r, rec.Version, nil
}

// Request reads a request; ErrNotFound when there is none.
func (s *Service) Request(ctx context.Context, id string) (*catalog.Request, error) {
	r, _, err := s.readRequest(ctx, id)
	return r, err
}

// RequestsIn lists the requests in a state ("": in any), oldest first.
func (s *Service) RequestsIn(ctx context.Context, state catalog.RequestState) (list []catalog.Request, err error) {
	err = s.scan(ctx, catalog.Requests, "", func(e meta.Entry) error {
		var r catalog.Request
		if err := json.Unmarshal(e.Record.Value, &r); err != nil {
			return fmt.Errorf("request %s: %w", e.Key, err)
		}
		if state == "" || r.State == state {
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// RequestsBy lists what an account asked for, oldest first.
func (s *Service) RequestsBy(ctx context.Context, accountID string) (list []catalog.Request, err error) {
	err = s.scan(ctx, catalog.RequestsOf(accountID), "", func(e meta.Entry) error {
		r, _, err := s.readRequest(ctx, e.Key)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		list = append(list, *r)
		return nil
	})
	return list, err
}
