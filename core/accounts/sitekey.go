package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// CheckSiteKey sees that the site key, or an older one, opens the secrets that
// are sealed in the registry: all of them, and says which access key's it does not.
func (s *Service) CheckSiteKey(ctx context.Context) error {
	r, err := s.ring()
	if err != nil {
		return err
	}
	return s.scan(ctx, catalog.AccessKeys, "", func(e meta.Entry) error {
		var k catalog.AccessKey
		if err := json.Unmarshal(e.Record.Value, &k); err != nil {
			return fmt.Errorf("access key %s: %w", e.Key, err)
		}
		if _, err := r.box.Open(k.Sealed, []byte(k.ID)); err != nil {
			return errors.Join(fmt.Errorf("the secret of access key %s cannot be opened", e.Key), err)
		}
		return nil
	})
}
