package cli

import "context"

// fits asks whether so many bytes fit the quota.
func (s *session) fits(context.Context, int64) error {
	return usagef("this server cannot tell about quota")
}
