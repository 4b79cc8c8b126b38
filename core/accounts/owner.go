package accounts

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
)

// KeyOwner tells the ID of the account an access key belongs to. The error
// wraps meta.ErrNotFound when there is no such key.
func (s *Service) KeyOwner(ctx context.Context, accessKeyID string) (accountID string, err error) {
	rec, err := s.Registry.Get(ctx, catalog.AccessKeys, accessKeyID, false)
	if err != nil {
		return "", fmt.Errorf("access key %s: %w", accessKeyID, err)
	}
	var k catalog.AccessKey
	if err := json.Unmarshal(rec.Value, &k); err != nil {
		return "", fmt.Errorf("access key %s: %w", accessKeyID, err)
	}
	return k.Account, nil
}
