package app

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/sse"
)

// ParseSiteKeys reads site keys, 64 hexadecimal digits each, between line ends or
// commas: the first seals, the others open what was sealed before the key was
// changed. Errors tell no digit.
func ParseSiteKeys(text string) (key []byte, older [][]byte, err error) {
	var keys [][]byte
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if field = strings.TrimSpace(field); field == "" && len(keys) > 0 {
			continue
		}
		k, err := hex.DecodeString(field)
		if err != nil || len(k) != sse.KeySize {
			return nil, nil, fmt.Errorf("key %d does not hold 64 hexadecimal digits", len(keys)+1)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("there is none")
	}
	return keys[0], keys[1:], nil
}
