package app

import (
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/meta"
)

// ErrRegistry says that a store cannot be the registry.
var ErrRegistry = errors.New("the registry needs linearizable compare-and-set")

// Check tells whether the stores can do what they are for. Bucket names, access
// keys and quotas are exact only by linearizable compare-and-set; that of the
// catalogue may be weaker, and then conditional requests are.
func (s *Stores) Check(c *config.Config) error {
	caps := s.Registry.Capabilities()
	if caps.CAS == meta.Linearizable || caps.CAS == meta.WhenHealthy && c.RegistryWhenHealthy {
		return nil
	}
	advice := "name another store by MUCURA_REGISTRY (--registry), such as sqlite:///path/registry.db"
	if caps.CAS == meta.WhenHealthy {
		advice += ", or accept what may go wrong with --registry-when-healthy"
	}
	return fmt.Errorf("%s store as registry: %w, this one is %s: %s", caps.Name, ErrRegistry, caps.CAS, advice)
}
