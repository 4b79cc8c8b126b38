package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/meta"
)

// maxTries bounds how often a change is tried again because somebody else
// changed the same record in between.
const maxTries = 20

// put writes a record of the registry. When the store cannot say whether it
// was written the record is read back: every value names the write (an account
// ID, a sealed secret), so the same value there means it was, and that writing
// it again would change nothing.
func (s *Service) put(ctx context.Context, p meta.Partition, key string, value []byte, cond meta.Cond) (meta.Version, error) {
	v, err := s.Registry.Put(ctx, p, key, meta.Record{Value: value}, cond)
	if err == nil {
		return v, nil
	}
	if errors.Is(err, meta.ErrOutcomeUnknown) {
		if rec, readErr := s.Registry.Get(ctx, p, key, false); readErr == nil && bytes.Equal(rec.Value, value) {
			return rec.Version, nil
		}
	}
	return "", fmt.Errorf("write %s %s: %w", p, key, err)
}

// scan calls fn for every record of a partition whose key is from or greater.
func (s *Service) scan(ctx context.Context, p meta.Partition, from string, fn func(meta.Entry) error) error {
	for {
		page, err := s.Registry.Scan(ctx, p, meta.Range{From: from, WithValue: true})
		if err != nil {
			return fmt.Errorf("list %s: %w", p, err)
		}
		for _, e := range page.Entries {
			if err := fn(e); err != nil {
				return err
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return nil
		}
		from = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}
