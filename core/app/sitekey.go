package app

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/sse"
)

// ParseSiteKeys reads site keys, 64 hexadecimal digits each, one a line or between
// commas: the first seals, the others open what was sealed before the key was
// changed. Errors tell no digit.
func ParseSiteKeys(text string) (key []byte, older [][]byte, err error) {
	var keys [][]byte
	for line := range strings.Lines(strings.TrimSpace(strings.ReplaceAll(text, ",", "\n")) + "\n") {
		k, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil || len(k) != sse.KeySize {
			return nil, nil, fmt.Errorf("line %d does not hold 64 hexadecimal digits", len(keys)+1)
		}
		keys = append(keys, k)
	}
	return keys[0], keys[1:], nil
}
