package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mucura/mucura/appliance/internal/host"
)

// release is what "git describe" said when it was built; see the Makefile.
var release string

func version(_ context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	fmt.Println("mucurad-appliance", running(c.host))
	return nil
}

// running is the version of the image, or of this program where there is none.
func running(h *host.Host) string {
	if b, err := h.ReadFile(host.Release); err == nil {
		return strings.TrimSpace(string(b))
	}
	if release != "" {
		return release
	}
	return "unknown"
}
