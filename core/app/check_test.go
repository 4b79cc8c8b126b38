package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/meta"
)

// TestRegistryMustBeExact refuses a registry that cannot keep names and quotas.
func TestRegistryMustBeExact(t *testing.T) {
	for _, c := range []struct {
		cas     meta.Level
		allowed bool
		ok      bool
	}{
		{meta.Linearizable, false, true},
		{meta.WhenHealthy, false, false},
		{meta.WhenHealthy, true, true},
		{meta.None, false, false},
		{meta.None, true, false},
	} {
		registry := mem.NewMetaWith(meta.Capabilities{Name: "riak", CAS: c.cas})
		s := &Stores{Meta: registry, Registry: registry}
		err := s.Check(&config.Config{RegistryWhenHealthy: c.allowed})
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, ErrRegistry) || !strings.Contains(err.Error(), "MUCURA_REGISTRY")) {
			t.Errorf("%s, allowed %v: %v", c.cas, c.allowed, err)
		}
		s.Registry = mem.NewMeta()
		if err := s.Check(&config.Config{}); err != nil {
			t.Errorf("%s for the catalogue: %v", c.cas, err)
		}
	}
}
