package acme

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// maxNames bounds how many names can be added at run time.
const maxNames = 1000

// addedName is the record of a name that was added at run time.
type addedName struct {
	Added time.Time `json:"added"`
}

// Names lists the names added at run time, in order.
func Names(ctx context.Context, registry meta.Store) ([]string, error) {
	page, err := registry.Scan(ctx, catalog.TLSNames, meta.Range{Limit: maxNames})
	if err != nil {
		return nil, fmt.Errorf("names for certificates: %w", err)
	}
	names := make([]string, len(page.Entries))
	for i, e := range page.Entries {
		names[i] = e.Key
	}
	return names, nil
}

// AddName adds a name; all processes obtain or load its certificate within
// Options.Interval. Adding it again changes nothing.
func AddName(ctx context.Context, registry meta.Store, name string, now time.Time) error {
	name, err := CheckName(name)
	if err != nil {
		return err
	}
	names, err := Names(ctx, registry)
	if err != nil {
		return err
	}
	if len(names) >= maxNames {
		return fmt.Errorf("there are %d names already", len(names))
	}
	value, err := json.Marshal(addedName{now.UTC()})
	if err != nil {
		return err
	}
	return again(func() error {
		_, err := registry.Put(ctx, catalog.TLSNames, name, meta.Record{Value: value}, meta.Always)
		return err
	})
}

// RemoveName removes a name that was added; its certificate is no longer used
// or renewed.
func RemoveName(ctx context.Context, registry meta.Store, name string) error {
	name, err := CheckName(name)
	if err != nil {
		return err
	}
	return again(func() error { return registry.Delete(ctx, catalog.TLSNames, name, meta.Always) })
}
