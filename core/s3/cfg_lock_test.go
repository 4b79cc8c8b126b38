package s3

import (
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

var lockNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestLockConfig(t *testing.T) {
	const enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
	rule := func(inner string) string {
		return enabled + "<Rule><DefaultRetention>" + inner + "</DefaultRetention></Rule>"
	}
	for _, test := range []struct {
		name, inner string
		want        catalog.LockConfig
		code        *s3err.Code
		message     string
	}{
		{name: "no rule", inner: enabled, want: catalog.LockConfig{Enabled: true}},
		{name: "days", inner: rule("<Mode>GOVERNANCE</Mode><Days>1</Days>"), want: catalog.LockConfig{Enabled: true, Mode: catalog.Governance, Days: 1}},
		{name: "years", inner: rule("<Mode>COMPLIANCE</Mode><Years>100</Years>"), want: catalog.LockConfig{Enabled: true, Mode: catalog.Compliance, Years: 100}},
		{name: "nothing", inner: "", code: s3err.MalformedXML},
		{name: "disabled", inner: strings.Replace(enabled, "Enabled<", "Disabled<", 1), code: s3err.MalformedXML},
		{name: "empty rule", inner: enabled + "<Rule/>", code: s3err.MalformedXML},
		{name: "no mode", inner: rule("<Days>1</Days>"), code: s3err.MalformedXML},
		{name: "wrong mode", inner: rule("<Mode>governance</Mode><Days>1</Days>"), code: s3err.MalformedXML},
		{name: "no period", inner: rule("<Mode>GOVERNANCE</Mode>"), code: s3err.MalformedXML},
		{name: "both periods", inner: rule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), code: s3err.MalformedXML},
		{name: "zero days", inner: rule("<Mode>GOVERNANCE</Mode><Days>0</Days>"), code: s3err.InvalidArgument, message: "Default retention period must be a positive integer value."},
		{name: "negative years", inner: rule("<Mode>GOVERNANCE</Mode><Years>-1</Years>"), code: s3err.InvalidArgument, message: "Default retention period must be a positive integer value."},
		{name: "too many days", inner: rule("<Mode>GOVERNANCE</Mode><Days>36501</Days>"), code: s3err.InvalidArgument, message: "Default retention period too large."},
		{name: "too many years", inner: rule("<Mode>GOVERNANCE</Mode><Years>101</Years>"), code: s3err.InvalidArgument, message: "Default retention period too large."},
	} {
		var doc lockConfigXML
		if err := parseXML([]byte("<ObjectLockConfiguration>"+test.inner+"</ObjectLockConfiguration>"), &doc); err != nil {
			t.Fatal(err)
		}
		got, err := doc.config()
		checkError(t, test.name, err, test.code, test.message)
		if test.code == nil && *got != test.want {
			t.Errorf("%s: got %+v", test.name, *got)
		}
	}
}

func TestDefaultRetention(t *testing.T) {
	for _, test := range []struct {
		lock *catalog.LockConfig
		want catalog.Retention
	}{
		{nil, catalog.Retention{}},
		{&catalog.LockConfig{Enabled: true}, catalog.Retention{}},
		{&catalog.LockConfig{Enabled: true, Mode: catalog.Governance, Days: 31}, catalog.Retention{Mode: catalog.Governance, Until: lockNow.AddDate(0, 1, 0)}},
		{&catalog.LockConfig{Enabled: true, Mode: catalog.Compliance, Years: 2}, catalog.Retention{Mode: catalog.Compliance, Until: lockNow.AddDate(2, 0, 0)}},
	} {
		if got := defaultRetention(&catalog.Bucket{Lock: test.lock}, lockNow); got != test.want {
			t.Errorf("%+v: got %+v, want %+v", test.lock, got, test.want)
		}
	}
}

func TestRetentionDocument(t *testing.T) {
	const future, past = "2026-06-01T00:00:00Z", "2026-04-01T00:00:00Z"
	for _, test := range []struct {
		mode, until string
		code        *s3err.Code
		message     string
	}{
		{"", "", nil, ""},
		{"GOVERNANCE", future, nil, ""},
		{"COMPLIANCE", "2026-06-01T02:00:00.123456+02:00", nil, ""},
		{"abc", future, s3err.MalformedXML, ""},
		{"governance", future, s3err.MalformedXML, ""},
		{"GOVERNANCE", "", s3err.MalformedXML, ""},
		{"", future, s3err.MalformedXML, ""},
		{"GOVERNANCE", "tomorrow", s3err.MalformedXML, ""},
		{"GOVERNANCE", past, s3err.InvalidArgument, "The retain until date must be in the future!"},
	} {
		doc := retentionXML{Mode: catalog.LockMode(test.mode), RetainUntilDate: test.until}
		_, err := doc.retention(lockNow)
		checkError(t, test.mode+" "+test.until, err, test.code, test.message)
	}
}

func TestMayRetain(t *testing.T) {
	at := func(mode catalog.LockMode, days int) catalog.Retention {
		return catalog.Retention{Mode: mode, Until: lockNow.AddDate(0, 0, days)}
	}
	const gov, comp = catalog.Governance, catalog.Compliance
	for _, test := range []struct {
		name         string
		old, want    catalog.Retention
		plain, force bool // allowed without and with bypass
	}{
		{"none before", catalog.Retention{}, at(comp, 1), true, true},
		{"expired", at(comp, -1), catalog.Retention{}, true, true},
		{"governance longer", at(gov, 1), at(gov, 2), true, true},
		{"governance same", at(gov, 1), at(gov, 1), true, true},
		{"governance shorter", at(gov, 2), at(gov, 1), false, true},
		{"governance removed", at(gov, 2), catalog.Retention{}, false, true},
		{"governance to compliance", at(gov, 1), at(comp, 2), false, true},
		{"compliance longer", at(comp, 1), at(comp, 2), true, true},
		{"compliance same", at(comp, 1), at(comp, 1), true, true},
		{"compliance shorter", at(comp, 2), at(comp, 1), false, false},
		{"compliance removed", at(comp, 2), catalog.Retention{}, false, false},
		{"compliance to governance", at(comp, 1), at(gov, 9), false, false},
	} {
		if got := mayRetain(test.old, test.want, lockNow, false); got != test.plain {
			t.Errorf("%s: %v without bypass", test.name, got)
		}
		if got := mayRetain(test.old, test.want, lockNow, true); got != test.force {
			t.Errorf("%s: %v with bypass", test.name, got)
		}
	}
}

func TestRetentionHeaders(t *testing.T) {
	const both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied."
	c := &call{now: lockNow}
	for _, test := range []struct {
		mode, until string
		code        *s3err.Code
		message     string
	}{
		{"", "", nil, ""},
		{"GOVERNANCE", "2027-01-01T00:00:00Z", nil, ""},
		{"COMPLIANCE", "20270101T000000Z", nil, ""},
		{"GOVERNANCE", "", s3err.InvalidArgument, both},
		{"", "2027-01-01T00:00:00Z", s3err.InvalidArgument, both},
		{"abc", "2027-01-01T00:00:00Z", s3err.InvalidArgument, "Unknown wormMode directive."},
		{"GOVERNANCE", "Fri, 01 Jan 2027", s3err.InvalidArgument, "The retain until date must be provided in ISO 8601 format"},
		{"GOVERNANCE", "2026-01-01T00:00:00Z", s3err.InvalidArgument, "The retain until date must be in the future!"},
	} {
		_, err := c.retentionFrom(test.mode, test.until)
		checkError(t, test.mode+" "+test.until, err, test.code, test.message)
	}
}

func TestLockTime(t *testing.T) {
	for in, want := range map[string]string{
		"2030-01-01T00:00:00Z":           "2030-01-01T00:00:00Z",
		"2030-01-01T00:00:00.5Z":         "2030-01-01T00:00:00.5Z",
		"2030-01-01T00:00:00.123456789Z": "2030-01-01T00:00:00.123Z",
		"2030-01-01T02:00:00+02:00":      "2030-01-01T00:00:00Z",
		"2030-01-01T02:00:00+0200":       "2030-01-01T00:00:00Z",
	} {
		got, err := parseLockTime(in)
		if err != nil || lockTime(got) != want {
			t.Errorf("%s: got %s, %v", in, lockTime(got), err)
		}
	}
}

func TestVersioningDocument(t *testing.T) {
	for _, test := range []struct {
		inner string
		want  catalog.Versioning
		code  *s3err.Code
	}{
		{"<Status>Enabled</Status>", catalog.VersioningEnabled, nil},
		{"<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>", catalog.VersioningSuspended, nil},
		{"", "", s3err.IllegalVersioningConfiguration},
		{"<Status/>", "", s3err.MalformedXML},
		{"<Status>enabled</Status>", "", s3err.MalformedXML},
		{"<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>", "", s3err.NotImplemented},
		{"<Status>Enabled</Status><MfaDelete>x</MfaDelete>", "", s3err.MalformedXML},
	} {
		var doc versioningXML
		if err := parseXML([]byte("<VersioningConfiguration>"+test.inner+"</VersioningConfiguration>"), &doc); err != nil {
			t.Fatal(err)
		}
		got, err := doc.state()
		checkError(t, test.inner, err, test.code, "")
		if got != test.want {
			t.Errorf("%s: got %q", test.inner, got)
		}
	}
}
