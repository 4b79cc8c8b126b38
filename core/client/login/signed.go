package login

import (
	"context"
	"errors"
)

// BySignature gets credentials by a request that is signed with the key of the
// certificate: for servers behind a terminator that takes no proxies.
func (s *Server) BySignature(ctx context.Context, c *Certificate, o Options) (*Credentials, error) {
	return nil, errors.New("not yet")
}
