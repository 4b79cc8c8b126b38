package lifecycle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// Parse reads and checks a document as S3 does: s3err.MalformedXML when it does
// not follow the schema, s3err.InvalidArgument or s3err.InvalidRequest when what
// it says makes no sense, s3err.NotImplemented when it asks for another storage
// class. Rules without an ID get one.
func Parse(doc []byte) (*Config, error) {
	x, err := decode(doc)
	if err != nil {
		return nil, err
	}
	if len(x.Unknown) > 0 || len(x.Rules) == 0 || len(x.Rules) > MaxRules {
		return nil, s3err.MalformedXML
	}
	c := &Config{Rules: make([]Rule, len(x.Rules))}
	ids := map[string]bool{}
	legacy, filters := false, false
	for i := range x.Rules {
		r, err := x.Rules[i].rule()
		if err != nil {
			return nil, err
		}
		if r.ID == "" {
			r.ID = makeID(i, &x.Rules[i])
		}
		if ids[r.ID] {
			return nil, invalid("Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[r.ID] = true
		legacy, filters = legacy || r.Legacy, filters || !r.Legacy
		c.Rules[i] = r
	}
	if legacy && filters {
		return nil, s3err.InvalidRequest.Say("Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.")
	}
	return c, nil
}

// makeID gives a rule an ID. It depends on the rule and its place only, so
// putting the same document again changes nothing.
func makeID(i int, x *ruleXML) string {
	text, _ := encodeRule(x) // of what was just decoded; at worst an empty text
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s", i, text))
	return hex.EncodeToString(sum[:16])
}

func (x *ruleXML) rule() (r Rule, err error) {
	if len(x.Unknown) > 0 || x.Status == nil || (x.Prefix == nil) == (x.Filter == nil) {
		return r, s3err.MalformedXML
	}
	switch *x.Status {
	case "Enabled":
		r.Enabled = true
	case "Disabled":
	default:
		return r, s3err.MalformedXML
	}
	if x.ID != nil {
		if r.ID = *x.ID; len(r.ID) > 255 {
			return r, invalid("ID length should not exceed allowed limit of 255")
		}
	}
	if x.Prefix != nil {
		r.Legacy, r.Filter.Prefix = true, *x.Prefix
	} else if r.Filter, err = x.Filter.filter(); err != nil {
		return r, err
	}
	if len(r.Filter.Prefix) > 1024 {
		return r, s3err.InvalidRequest.Say("The maximum size of a prefix is 1024.")
	}
	if err = x.actions(&r); err != nil {
		return r, err
	}
	return r, r.check()
}

// actions reads what the rule does.
func (x *ruleXML) actions(r *Rule) (err error) {
	for _, t := range [...][]transitionXML{x.Transitions, x.NoncurrentTransitions} {
		for i := range t {
			if err := t[i].refuse(); err != nil {
				return err
			}
		}
	}
	if x.Expiration != nil {
		if r.Expiration, err = x.Expiration.expiration(); err != nil {
			return err
		}
	}
	if x.Noncurrent != nil {
		if r.Noncurrent, err = x.Noncurrent.noncurrent(); err != nil {
			return err
		}
	}
	if x.Abort != nil {
		if len(x.Abort.Unknown) > 0 || x.Abort.Days == nil {
			return s3err.MalformedXML
		}
		r.AbortAfterDays, err = positive(*x.Abort.Days, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	}
	return err
}

// check refuses combinations that S3 refuses.
func (r *Rule) check() error {
	markers := r.Expiration != nil && r.Expiration.DeleteMarkers != nil
	switch {
	case r.Expiration == nil && r.Noncurrent == nil && r.AbortAfterDays == 0:
		return s3err.InvalidRequest.Say("At least one action needs to be specified in a rule")
	case markers && len(r.Filter.Tags) > 0:
		return s3err.InvalidRequest.Say("ExpiredObjectDeleteMarker cannot be specified with Tags.")
	case r.AbortAfterDays > 0 && len(r.Filter.Tags) > 0:
		return s3err.InvalidRequest.Say("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case r.AbortAfterDays > 0 && r.Filter.sized():
		return s3err.InvalidRequest.Say("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
	}
	return nil
}

func (x *expirationXML) expiration() (*Expiration, error) {
	given := 0
	for _, p := range [...]*string{x.Date, x.Days, x.Markers} {
		if p != nil {
			given++
		}
	}
	if given != 1 || len(x.Unknown) > 0 {
		return nil, s3err.MalformedXML
	}
	e := &Expiration{}
	var err error
	switch {
	case x.Days != nil:
		e.Days, err = positive(*x.Days, "'Days' for Expiration action must be a positive integer")
	case x.Date != nil:
		e.Date, err = midnight(*x.Date)
	default:
		yes, bad := strconv.ParseBool(strings.TrimSpace(*x.Markers))
		if bad != nil {
			return nil, s3err.MalformedXML
		}
		e.DeleteMarkers = &yes
	}
	return e, err
}

func (x *noncurrentXML) noncurrent() (*Noncurrent, error) {
	if x.Days == nil || len(x.Unknown) > 0 {
		return nil, s3err.MalformedXML
	}
	var n Noncurrent
	var err error
	if n.Days, err = positive(*x.Days, "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"); err != nil {
		return nil, err
	}
	if x.Newer == nil {
		return &n, nil
	}
	const complaint = "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer"
	if n.Keep, err = positive(*x.Newer, complaint); err != nil {
		return nil, err
	}
	if n.Keep > 100 {
		return nil, invalid("'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be no more than 100")
	}
	return &n, nil
}

// refuse says why a transition cannot be: its date or class is wrong, or there
// is but one storage class here.
func (x *transitionXML) refuse() error {
	if x.Date != nil {
		if _, err := midnight(*x.Date); err != nil {
			return err
		}
	}
	if x.Class == nil {
		return s3err.MalformedXML
	}
	switch *x.Class {
	case "DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", "INTELLIGENT_TIERING", "ONEZONE_IA", "STANDARD_IA":
		return s3err.NotImplemented.Say("Transitions are not supported: there is one storage class.")
	}
	return s3err.MalformedXML
}

// positive reads a whole number above zero; complaint is the message for others.
func positive(s, complaint string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 0, s3err.MalformedXML
	}
	if n <= 0 {
		return 0, invalid(complaint)
	}
	return int(n), nil
}

// midnight reads a date, which must be at midnight UTC.
func midnight(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02Z07:00", "2006-01-02"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if t = t.UTC(); !t.Equal(t.Truncate(Day)) {
			return t, invalid("'Date' must be at midnight GMT")
		}
		return t, nil
	}
	return time.Time{}, s3err.MalformedXML
}

func invalid(text string) error { return &s3err.Error{Code: s3err.InvalidArgument, Text: text} }
