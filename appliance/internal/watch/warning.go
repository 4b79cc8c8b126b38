// Package watch looks for what needs a person: disks that fail or fill, a clock
// that is wrong, a certificate or backup that is old.
package watch

import (
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"github.com/mucura/mucura/appliance/internal/host"
)

// Warning is one thing that needs a person.
type Warning struct {
	ID    string    `json:"id"`    // stays the same while it lasts
	Level string    `json:"level"` // warning or critical
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
}

// Levels.
const (
	Minor    = "warning"
	Critical = "critical"
)

// Read gives the warnings that were found last.
func Read(h *host.Host) ([]Warning, error) {
	b, err := h.ReadFile(host.Warnings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Warning
	return list, json.Unmarshal(b, &list)
}
