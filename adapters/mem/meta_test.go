package mem

import (
	"testing"

	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
	"github.com/mucura/mucura/core/storewrap"
)

// unknown cuts the connection of the next write, before or after it is done.
func unknown(t *testing.T, s meta.Store, done bool) meta.Store {
	cut := func(op storewrap.Op, _ meta.Partition, _ string) error {
		if op == storewrap.Put || op == storewrap.Delete {
			return meta.ErrOutcomeUnknown
		}
		return nil
	}
	if done {
		return &storewrap.Fault{Store: s, After: cut}
	}
	return &storewrap.Fault{Store: s, Before: cut}
}

func TestMeta(t *testing.T) {
	metatest.Run(t, metatest.Options{
		Open:    func(*testing.T) meta.Store { return NewMeta() },
		Unknown: unknown,
	})
}

// TestGrades runs the suite on stores that promise less.
func TestGrades(t *testing.T) {
	for name, caps := range map[string]meta.Capabilities{
		"no batch":     {CAS: meta.Linearizable, FreshScan: true, MaxInline: 64 << 10},
		"when healthy": {CAS: meta.WhenHealthy, MaxInline: 64 << 10},
		"none":         {CAS: meta.None, MaxValue: meta.MinValue},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.Run(t, metatest.Options{
				Open: func(*testing.T) meta.Store { return NewMetaWith(caps) },
			})
		})
	}
}

func TestCapabilitiesFilled(t *testing.T) {
	got := NewMetaWith(meta.Capabilities{}).Capabilities()
	if got.Name != "mem" || got.MaxValue != 1<<20 || got.MaxInline != 0 || got.Batch {
		t.Errorf("capabilities %+v", got)
	}
}
