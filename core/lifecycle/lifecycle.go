// Package lifecycle holds the lifecycle configuration of a bucket: it reads and
// checks the document, writes it back, and tells which rule makes an object,
// a version, a delete marker or an unfinished upload expire, and when. It
// changes nothing itself.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
package lifecycle

import (
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// Limits of https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html
const (
	MaxRules = 1000
	MaxSize  = 256 << 10 // bytes of the document
)

// Day is the time unit of rules; see Config.Expires for other ones.
const Day = 24 * time.Hour

// Config is a bucket's lifecycle configuration.
type Config struct {
	Rules []Rule
}

// Rule is one rule. An action that is nil or zero is not in the rule.
type Rule struct {
	ID      string
	Enabled bool
	// Legacy: the prefix stands directly in the rule, as before there were
	// filters, and is written back there.
	Legacy bool
	Filter Filter

	Expiration     *Expiration
	Noncurrent     *Noncurrent
	AbortAfterDays int // days after an upload was begun; 0: never
}

// Filter tells which objects a rule is about: those for which all of it holds.
type Filter struct {
	Prefix   string
	Tags     []catalog.Tag
	MoreThan *int64 // bytes; ObjectSizeGreaterThan
	LessThan *int64 // bytes; ObjectSizeLessThan

	form form
}

// Expiration is about current versions. Exactly one field is set.
type Expiration struct {
	Days          int
	Date          time.Time // midnight UTC
	DeleteMarkers *bool     // ExpiredObjectDeleteMarker
}

// Noncurrent is about versions that are not current any more.
type Noncurrent struct {
	Days int // since it ceased to be current
	Keep int // NewerNoncurrentVersions: this many noncurrent versions stay; 0: none
}

// Candidate is a version, as far as rules ask about it.
type Candidate struct {
	Key     string
	Size    int64 // bytes
	Tags    []catalog.Tag
	ModTime time.Time
	// Latest: it is the newest version of its key.
	Latest       bool
	DeleteMarker bool
	// Alone: it is the only version of its key. Asked of delete markers only.
	Alone bool
	// NoncurrentSince is when the next newer version came. Asked unless Latest.
	NoncurrentSince time.Time
	// NewerNoncurrent is the number of noncurrent versions of the key that are
	// newer. Asked unless Latest.
	NewerNoncurrent int
}

// Action is what a rule wants done with a version.
type Action int

const (
	// Keep: nothing is due.
	Keep Action = iota
	// ExpireCurrent: delete the key as a client does who names no version: in a
	// versioned bucket that leaves a delete marker.
	ExpireCurrent
	// RemoveVersion: remove this version, or delete marker, for good.
	RemoveVersion
)
