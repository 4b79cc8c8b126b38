package function

import (
	"fmt"
	"os"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
)

// siteKeys gives the keys that seal secrets at rest, the newest first. None is
// made here: every process of the site must have the same.
func siteKeys(c *config.Config) (key []byte, older [][]byte, err error) {
	text := c.SiteKey
	if text == "" {
		file, err := os.ReadFile(c.SiteKeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("site key (MUCURA_SITE_KEY or MUCURA_SITE_KEY_FILE): %w", err)
		}
		text = string(file)
	}
	key, older, err = app.ParseSiteKeys(text)
	if err != nil {
		return nil, nil, fmt.Errorf("site key: %w", err)
	}
	return key, older, nil
}
