package sigv4

import (
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// Policy is the policy of a browser's form: until when it may be sent, and with
// what fields
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html).
type Policy struct {
	expiration time.Time
	conditions []condition
	min, max   int64
	ranged     bool
}

// condition is one on a field: equal to value, or beginning with it.
type condition struct {
	field  string // lower case
	value  string
	prefix bool
	text   string // as in the policy, for the error
}

// Expiration is when the policy ends.
func (p *Policy) Expiration() time.Time { return p.expiration }

// LengthRange is how many bytes the file may have, both ends included; ok is
// false when the policy does not say. Several ranges hold together.
func (p *Policy) LengthRange() (least, most int64, ok bool) {
	if p == nil {
		return 0, 0, false
	}
	return p.min, p.max, p.ranged
}

// Check holds the form against the policy: every field must be covered by a
// condition, every condition must be met, and one must be on the bucket. Names
// of fields are in lower case. bucket and key are the ones the object is to
// get, "${filename}" replaced. A nil Policy allows everything. The length is
// the caller's to check, with LengthRange, once it is known.
func (p *Policy) Check(fields map[string]string, bucket, key string) error {
	if p == nil {
		return nil
	}
	var extra []string
	for name := range fields {
		if !exempt(name) && !p.covers(name) {
			extra = append(extra, name)
		}
	}
	if extra != nil {
		slices.Sort(extra)
		return policyViolated("Extra input fields: " + strings.Join(extra, ", "))
	}
	for _, c := range p.conditions {
		value, ok := fields[c.field]
		switch c.field {
		case "bucket":
			value, ok = bucket, true
		case "key":
			value, ok = key, true
		}
		if !ok || !c.met(value) {
			return conditionFailed(c.text)
		}
	}
	if !p.covers("bucket") {
		return policyViolated("Extra input fields: bucket")
	}
	return nil
}

func (p *Policy) covers(field string) bool {
	return slices.ContainsFunc(p.conditions, func(c condition) bool { return c.field == field })
}

// exempt says whether a field needs no condition. A checksum needs none: all it
// can do is to have other bytes refused.
func exempt(field string) bool {
	switch field {
	case "file", "policy", "x-amz-signature", "awsaccesskeyid", "signature":
		return true
	}
	return strings.HasPrefix(field, "x-ignore-") || strings.HasPrefix(field, checksumHeaders)
}

func (c *condition) met(value string) bool {
	if !c.prefix {
		return value == c.value
	}
	if c.field != "content-type" {
		return strings.HasPrefix(value, c.value)
	}
	// A list of types must have the prefix throughout.
	for part := range strings.SplitSeq(value, ",") {
		if !strings.HasPrefix(strings.TrimSpace(part), c.value) {
			return false
		}
	}
	return true
}

func policyViolated(text string) error {
	return s3err.AccessDenied.Say("%s", "Invalid according to Policy: "+text)
}

func policyExpired() error { return policyViolated("Policy expired.") }

func conditionFailed(text string) error { return policyViolated("Policy Condition failed: " + text) }
