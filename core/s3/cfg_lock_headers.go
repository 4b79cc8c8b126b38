package s3

import (
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// lockFromHeaders reads the object lock headers of a request that writes
// c.key, and gives what the new version gets: the bucket's default retention
// when the headers name none. Setting a retention or a hold needs
// s3:PutObjectRetention or s3:PutObjectLegalHold besides. InvalidArgument for
// what is malformed, InvalidRequest on a bucket without object lock.
func lockFromHeaders(c *call) (r catalog.Retention, legalHold bool, err error) {
	h := c.r.Header
	mode, until := h.Get("X-Amz-Object-Lock-Mode"), h.Get("X-Amz-Object-Lock-Retain-Until-Date")
	hold := h.Get("X-Amz-Object-Lock-Legal-Hold")
	if mode == "" && until == "" && hold == "" {
		return defaultRetention(c.b, c.now), false, nil
	}
	if r, err = c.retentionFrom(mode, until); err != nil {
		return r, false, err
	}
	if hold != "" && hold != "ON" && hold != "OFF" {
		return r, false, badArgument("x-amz-object-lock-legal-hold", hold, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	if !locked(c.b) {
		return r, false, s3err.InvalidRequest.Say("Bucket is missing ObjectLockConfiguration")
	}
	if hold != "" {
		if err := c.authorize("s3:PutObjectLegalHold", c.key, nil, nil); err != nil {
			return r, false, err
		}
	}
	if r.Mode == "" {
		return defaultRetention(c.b, c.now), hold == "ON", nil
	}
	err = c.authorize("s3:PutObjectRetention", c.key, nil, c.retentionKeys(r))
	return r, hold == "ON", err
}

// retentionFrom reads the two retention headers, which come together or not at all.
func (c *call) retentionFrom(mode, until string) (r catalog.Retention, err error) {
	const both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied."
	switch {
	case mode == "" && until == "":
		return r, nil
	case mode == "":
		return r, badArgument("x-amz-object-lock-mode", "", both)
	case until == "":
		return r, badArgument("x-amz-object-lock-retain-until-date", "", both)
	}
	r.Mode = catalog.LockMode(mode)
	if !validLockMode(r.Mode) {
		return r, badArgument("x-amz-object-lock-mode", mode, "Unknown wormMode directive.")
	}
	const name = "x-amz-object-lock-retain-until-date"
	if r.Until, err = parseLockTime(until); err != nil {
		return r, badArgument(name, until, "The retain until date must be provided in ISO 8601 format")
	}
	if !r.Until.After(c.now) {
		return r, badArgument(name, until, "The retain until date must be in the future!")
	}
	return r, nil
}
