package catalog

import "time"

// Keys of the partition Site of the registry.
const (
	// SiteMaintenance: Maintenance.
	SiteMaintenance = "maintenance"
	// SiteMigration: of a repository that a migration fills, Migration.
	SiteMigration = "migration"
)

// Maintenance says whether the repository takes writes. No record means it does.
type Maintenance struct {
	On     bool      `json:"on"`
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"` // for people
}

// Migration marks the target of a migration.
type Migration struct {
	ID      string    `json:"id"` // of the migration, as its state remembers it
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended,omitzero"` // when the target became complete
	SiteKey string    `json:"site_key"`       // ID of the site key that the target's secrets are sealed under
}
