package accounts

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/sigv4"
)

type serviceState struct{}

func (s *Service) key(ctx context.Context, accessKeyID, sessionToken string) (sigv4.Key, error) {
	panic("unwritten")
}
func (s *Service) account(ctx context.Context, id string) (*catalog.Account, error) {
	panic("unwritten")
}
func (s *Service) by(ctx context.Context, index string) (*catalog.Account, error) {
	panic("unwritten")
}
