//go:build !linux

package serve

import (
	"syscall"

	"github.com/mucura/mucura/core/config"
)

// dropStalled does nothing: other systems have no such option.
func dropStalled(*config.Config) func(string, string, syscall.RawConn) error { return nil }
