package function

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/sse"
)

// siteKeys reads the keys that seal secrets at rest, each a line of 64
// hexadecimal digits, the newest first. None is made here: every process of the
// site must have the same.
func siteKeys(c *config.Config) (key []byte, older [][]byte, err error) {
	text, err := os.ReadFile(c.SiteKeyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("site key (MUCURA_SITE_KEY_FILE): %w", err)
	}
	var keys [][]byte
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		k, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil || len(k) != sse.KeySize {
			return nil, nil, fmt.Errorf("site key: line %d of %s does not hold 64 hexadecimal digits", len(keys)+1, c.SiteKeyFile)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("site key: %s is empty", c.SiteKeyFile)
	}
	return keys[0], keys[1:], nil
}
