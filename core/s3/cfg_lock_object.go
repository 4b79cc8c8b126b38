package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// retentionXML is the body of the retention operations.
type retentionXML struct {
	XMLName         xml.Name         `xml:"Retention"`
	Xmlns           string           `xml:"xmlns,attr,omitempty"`
	Mode            catalog.LockMode `xml:",omitempty"`
	RetainUntilDate string           `xml:",omitempty"`
}

// retention checks the document and gives the retention it asks for; an empty
// document asks to take it away.
func (r *retentionXML) retention(now time.Time) (want catalog.Retention, err error) {
	if r.Mode == "" && r.RetainUntilDate == "" {
		return want, nil
	}
	want.Mode = r.Mode
	want.Until, err = parseLockTime(r.RetainUntilDate)
	if err != nil || !validLockMode(r.Mode) {
		return want, s3err.MalformedXML
	}
	if !want.Until.After(now) {
		return want, badArgument("RetainUntilDate", r.RetainUntilDate, "The retain until date must be in the future!")
	}
	return want, nil
}

// mayRetain tells whether a version's retention may be changed from old to
// want: longer always, COMPLIANCE never otherwise, GOVERNANCE with bypass.
func mayRetain(old, want catalog.Retention, now time.Time, bypass bool) bool {
	switch {
	case old.Mode == "" || !old.Until.After(now):
		return true
	case want.Mode == old.Mode && !want.Until.Before(old.Until.Truncate(time.Millisecond)):
		return true
	}
	return old.Mode == catalog.Governance && bypass
}

// bypassGovernance tells whether the caller wants to act in spite of a
// GOVERNANCE retention, and may.
func (c *call) bypassGovernance(o *catalog.Object) bool {
	return strings.EqualFold(c.r.Header.Get("X-Amz-Bypass-Governance-Retention"), "true") &&
		c.decide("s3:BypassGovernanceRetention", c.key, o).Allow
}

// getRetention is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html
func getRetention(c *call) error {
	h, err := c.openFor("s3:GetObjectRetention", "s3:GetObjectRetention")
	if err != nil {
		return err
	}
	if err := c.mustLock(c.b); err != nil {
		return err
	}
	if h.Retention.Mode == "" {
		return s3err.NoSuchObjectLockConfiguration
	}
	return c.xml(http.StatusOK, &retentionXML{
		Xmlns: namespace, Mode: h.Retention.Mode, RetainUntilDate: lockTime(h.Retention.Until),
	})
}

// mustLock is the error for object lock requests to buckets without it.
func (c *call) mustLock(b *catalog.Bucket) error {
	if !locked(b) {
		return s3err.InvalidRequest.Say("Bucket is missing Object Lock Configuration")
	}
	return nil
}

// putRetention is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html
func putRetention(c *call) error {
	var doc retentionXML
	var want catalog.Retention
	bad := c.readXML(&doc, maxConfigDoc)
	if bad == nil {
		want, bad = doc.retention(c.now)
	}
	h, err := c.openWith("s3:PutObjectRetention", "s3:PutObjectRetention", c.retentionKeys(want), bad)
	if err != nil {
		return err
	}
	if err := c.mustLock(c.b); err != nil {
		return err
	}
	bypass := c.bypassGovernance(h.Object)
	return c.changeObject(http.StatusOK, func(o *catalog.Object) error {
		if !mayRetain(o.Retention, want, c.now, bypass) {
			return s3err.ObjectLocked
		}
		o.Retention = want
		return nil
	})
}

// retentionKeys gives the condition keys of a retention asked for.
func (c *call) retentionKeys(want catalog.Retention) map[string][]string {
	if want.Mode == "" {
		return nil
	}
	days := int64(want.Until.Sub(c.now) / (24 * time.Hour))
	return map[string][]string{
		"s3:object-lock-mode":                     {string(want.Mode)},
		"s3:object-lock-retain-until-date":        {lockTime(want.Until)},
		"s3:object-lock-remaining-retention-days": {strconv.FormatInt(days, 10)},
	}
}

// legalHoldXML is the body of the legal hold operations.
type legalHoldXML struct {
	XMLName xml.Name `xml:"LegalHold"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Status  string
}

// getLegalHold is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLegalHold.html
func getLegalHold(c *call) error {
	h, err := c.openFor("s3:GetObjectLegalHold", "s3:GetObjectLegalHold")
	if err != nil {
		return err
	}
	if err := c.mustLock(c.b); err != nil {
		return err
	}
	status := legalHoldStatus(h.Object)
	if status == "" {
		return s3err.NoSuchObjectLockConfiguration
	}
	return c.xml(http.StatusOK, &legalHoldXML{Xmlns: namespace, Status: status})
}

// legalHoldStatus is what S3 says of a version's legal hold, "" when there
// never was one.
func legalHoldStatus(o *catalog.Object) string {
	switch {
	case o.LegalHold:
		return "ON"
	case o.HoldReleased:
		return "OFF"
	}
	return ""
}

// putLegalHold is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html
func putLegalHold(c *call) error {
	var doc legalHoldXML
	bad := c.readXML(&doc, maxConfigDoc)
	if bad == nil && doc.Status != "ON" && doc.Status != "OFF" {
		bad = s3err.MalformedXML
	}
	keys := map[string][]string{"s3:object-lock-legal-hold": {doc.Status}}
	if err := c.mayChange("s3:PutObjectLegalHold", "s3:PutObjectLegalHold", keys, bad); err != nil {
		return err
	}
	if err := c.mustLock(c.b); err != nil {
		return err
	}
	return c.changeObject(http.StatusOK, func(o *catalog.Object) error {
		o.LegalHold, o.HoldReleased = doc.Status == "ON", doc.Status == "OFF"
		return nil
	})
}
