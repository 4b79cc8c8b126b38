package storewrap

import (
	"context"

	"github.com/mucura/mucura/core/meta"
)

// Guarded is a metadata store with a guard around each call.
type Guarded struct {
	meta.Store
	Guard *Guard
}

// Get reads a record.
func (s *Guarded) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	start, err := s.Guard.begin(ctx, Get)
	if err != nil {
		return meta.Record{}, err
	}
	r, err := s.Store.Get(ctx, p, key, withBody)
	s.Guard.end(Get, start, err)
	return r, err
}

// Put replaces a record.
func (s *Guarded) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	start, err := s.Guard.begin(ctx, Put)
	if err != nil {
		return "", err
	}
	v, err := s.Store.Put(ctx, p, key, r, cond)
	s.Guard.end(Put, start, err)
	return v, err
}

// Delete removes a record.
func (s *Guarded) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	start, err := s.Guard.begin(ctx, Delete)
	if err != nil {
		return err
	}
	err = s.Store.Delete(ctx, p, key, cond)
	s.Guard.end(Delete, start, err)
	return err
}

// Scan returns a page.
func (s *Guarded) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	start, err := s.Guard.begin(ctx, Scan)
	if err != nil {
		return meta.Page{}, err
	}
	page, err := s.Store.Scan(ctx, p, r)
	s.Guard.end(Scan, start, err)
	return page, err
}

// Batch does all ops or none.
func (s *Guarded) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	start, err := s.Guard.begin(ctx, Batch)
	if err != nil {
		return err
	}
	err = s.Store.Batch(ctx, p, ops)
	s.Guard.end(Batch, start, err)
	return err
}
