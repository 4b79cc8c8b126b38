package catalog

import (
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Damaged is a partition of the catalogue: what scrubbing found damaged -> Damage.
const Damaged meta.Partition = "damaged"

// Damage marks a record whose content is not what it was, or is missing.
type Damage struct {
	Bucket  string    `json:"bucket"`
	Key     []byte    `json:"key"` // of the object; it may be no valid text
	Version string    `json:"version,omitempty"`
	What    string    `json:"what"`
	Found   time.Time `json:"found"` // last
}

// DamageKey is where the mark of a record of a bucket's partition lies.
func DamageKey(bucketID, recordKey string) string { return bucketID + "/" + recordKey }
