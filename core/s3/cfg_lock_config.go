package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// Limits of a default retention period.
const (
	maxLockDays  = 36500
	maxLockYears = 100
)

// lockConfigXML is the body of the object lock configuration operations.
type lockConfigXML struct {
	XMLName           xml.Name     `xml:"ObjectLockConfiguration"`
	Xmlns             string       `xml:"xmlns,attr,omitempty"`
	ObjectLockEnabled string       `xml:",omitempty"`
	Rule              *lockRuleXML `xml:",omitempty"`
}

type lockRuleXML struct {
	DefaultRetention *defaultRetentionXML
}

type defaultRetentionXML struct {
	Mode  catalog.LockMode
	Days  *int `xml:",omitempty"`
	Years *int `xml:",omitempty"`
}

// config checks the document and gives the configuration it asks for.
func (l *lockConfigXML) config() (*catalog.LockConfig, error) {
	if l.ObjectLockEnabled != "Enabled" {
		return nil, s3err.MalformedXML
	}
	cfg := &catalog.LockConfig{Enabled: true}
	if l.Rule == nil {
		return cfg, nil
	}
	d := l.Rule.DefaultRetention
	if d == nil || !validLockMode(d.Mode) || (d.Days == nil) == (d.Years == nil) {
		return nil, s3err.MalformedXML
	}
	cfg.Mode = d.Mode
	if d.Days != nil {
		cfg.Days = *d.Days
		return cfg, checkPeriod("Days", *d.Days, maxLockDays)
	}
	cfg.Years = *d.Years
	return cfg, checkPeriod("Years", *d.Years, maxLockYears)
}

func checkPeriod(name string, n, limit int) error {
	switch {
	case n <= 0:
		return badArgument(name, strconv.Itoa(n), "Default retention period must be a positive integer value.")
	case n > limit:
		return badArgument(name, strconv.Itoa(n), "Default retention period too large.")
	}
	return nil
}

func validLockMode(m catalog.LockMode) bool {
	return m == catalog.Governance || m == catalog.Compliance
}

// locked tells whether the bucket can hold locked objects.
func locked(b *catalog.Bucket) bool { return b.Lock != nil && b.Lock.Enabled }

// defaultRetention is what the bucket gives to an object written now.
func defaultRetention(b *catalog.Bucket, now time.Time) (r catalog.Retention) {
	if !locked(b) || b.Lock.Mode == "" {
		return r
	}
	return catalog.Retention{
		Mode:  b.Lock.Mode,
		Until: now.UTC().AddDate(b.Lock.Years, 0, b.Lock.Days).Truncate(time.Millisecond),
	}
}

// getLockConfig is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html
func getLockConfig(c *call) error {
	if !locked(c.b) {
		return s3err.ObjectLockConfigurationNotFound.Field("BucketName", c.bucket)
	}
	doc := lockConfigXML{Xmlns: namespace, ObjectLockEnabled: "Enabled"}
	if l := c.b.Lock; l.Mode != "" {
		d := &defaultRetentionXML{Mode: l.Mode}
		if l.Days > 0 {
			d.Days = &l.Days
		} else {
			d.Years = &l.Years
		}
		doc.Rule = &lockRuleXML{d}
	}
	return c.xml(http.StatusOK, &doc)
}

// putLockConfig is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html
// It also enables object lock on a bucket that was made without, if versioning is on.
// Once enabled it cannot be taken away.
func putLockConfig(c *call) error {
	body, err := c.readBody(maxConfigDoc)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return s3err.MissingRequestBody
	}
	var doc lockConfigXML
	if err := parseXML(body, &doc); err != nil {
		return s3err.MalformedXML.With(err)
	}
	cfg, err := doc.config()
	if err != nil {
		return err
	}
	return c.changeBucket(http.StatusOK, func(b *catalog.Bucket) error {
		if b.Versioning != catalog.VersioningEnabled {
			return s3err.InvalidBucketState.Say("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		b.Lock = cfg
		return nil
	})
}

// parseLockTime reads a date as S3 takes it: ISO 8601 with a time zone.
func parseLockTime(s string) (time.Time, error) {
	for _, layout := range [...]string{time.RFC3339Nano, "20060102T150405Z", "2006-01-02T15:04:05.999Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, errors.New("date is not in ISO 8601 format")
}

// lockTime shows a date of a retention.
func lockTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.999Z")
}
