package lifecycle

import (
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

func parse(t *testing.T, rules string) *Config {
	t.Helper()
	c, err := Parse([]byte(doc(rules)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// full makes a rule with ID, filter, status and actions.
func full(id, filter, status, actions string) string {
	return `<Rule><ID>` + id + `</ID><Filter>` + filter + `</Filter><Status>` + status + `</Status>` + actions + `</Rule>`
}

func expire(days string) string { return `<Expiration><Days>` + days + `</Days></Expiration>` }

const (
	markers  = `<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>`
	old      = `<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>`
	oldKeep2 = `<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>`
)

func TestExpires(t *testing.T) {
	// The example of S3's manual: created 15 January 10:30, three days: 19 January 00:00.
	made := at("2014-01-15T10:30:00Z")
	latest := Candidate{Key: "a/x", Size: 10, ModTime: made, Latest: true, Tags: []catalog.Tag{{Key: "k", Value: "v"}, {Key: "l", Value: "w"}}}
	marker := Candidate{Key: "a/x", ModTime: made, Latest: true, DeleteMarker: true, Alone: true}
	covered := marker
	covered.Alone = false
	previous := Candidate{Key: "a/x", Size: 10, ModTime: at("2013-01-01T00:00:00Z"), NoncurrentSince: made}
	third := previous
	third.NewerNoncurrent = 2
	oldMarker := previous
	oldMarker.DeleteMarker = true

	for _, tc := range []struct {
		name   string
		rules  string
		v      Candidate
		now    string
		day    time.Duration
		want   Action
		ruleID string
	}{
		{"before midnight", full("r", "", "Enabled", expire("3")), latest, "2014-01-18T23:59:59Z", Day, Keep, ""},
		{"midnight", full("r", "", "Enabled", expire("3")), latest, "2014-01-19T00:00:00Z", Day, ExpireCurrent, "r"},
		{"short days", full("r", "", "Enabled", expire("3")), latest, "2014-01-15T10:30:05Z", 2 * time.Second, Keep, ""},
		{"short days, due", full("r", "", "Enabled", expire("3")), latest, "2014-01-15T10:30:06Z", 2 * time.Second, ExpireCurrent, "r"},
		{"disabled", full("r", "", "Disabled", expire("3")), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"date to come", full("r", "", "Enabled", `<Expiration><Date>2014-02-01T00:00:00Z</Date></Expiration>`), latest, "2014-01-31T23:00:00Z", Day, Keep, ""},
		{"date come", full("r", "", "Enabled", `<Expiration><Date>2014-02-01T00:00:00Z</Date></Expiration>`), latest, "2014-02-01T00:00:00Z", Day, ExpireCurrent, "r"},
		{"prefix", full("r", "<Prefix>a/</Prefix>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, ExpireCurrent, "r"},
		{"other prefix", full("r", "<Prefix>b/</Prefix>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"tag", full("r", "<Tag><Key>k</Key><Value>v</Value></Tag>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, ExpireCurrent, "r"},
		{"other tag", full("r", "<Tag><Key>k</Key><Value>w</Value></Tag>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"tags", full("r", "<And><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>w</Value></Tag></And>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, ExpireCurrent, "r"},
		{"not all tags", full("r", "<And><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>m</Key><Value>w</Value></Tag></And>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"size between", full("r", "<And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>11</ObjectSizeLessThan></And>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, ExpireCurrent, "r"},
		{"size not greater", full("r", "<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"size not less", full("r", "<ObjectSizeLessThan>10</ObjectSizeLessThan>", "Enabled", expire("1")), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"first due wins", full("slow", "", "Enabled", expire("9")) + full("quick", "", "Enabled", expire("2")), latest, "2024-01-01T00:00:00Z", Day, ExpireCurrent, "quick"},

		{"noncurrent, early", full("r", "", "Enabled", old), previous, "2014-01-17T23:59:59Z", Day, Keep, ""},
		{"noncurrent", full("r", "", "Enabled", old), previous, "2014-01-18T00:00:00Z", Day, RemoveVersion, "r"},
		{"noncurrent marker", full("r", "", "Enabled", old), oldMarker, "2014-01-18T00:00:00Z", Day, RemoveVersion, "r"},
		{"noncurrent rule, current version", full("r", "", "Enabled", old), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"current rule, noncurrent version", full("r", "", "Enabled", expire("1")), previous, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"newer ones are kept", full("r", "", "Enabled", oldKeep2), previous, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"beyond those kept", full("r", "", "Enabled", oldKeep2), third, "2024-01-01T00:00:00Z", Day, RemoveVersion, "r"},

		{"lone marker", full("r", "", "Enabled", markers), marker, "2014-01-15T10:30:00Z", Day, RemoveVersion, "r"},
		{"marker that hides versions", full("r", "", "Enabled", markers), covered, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"marker rule, object", full("r", "", "Enabled", markers), latest, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"marker as old as objects, early", full("r", "", "Enabled", expire("3")), marker, "2014-01-18T23:59:59Z", Day, Keep, ""},
		{"marker as old as objects", full("r", "", "Enabled", expire("3")), marker, "2014-01-19T00:00:00Z", Day, RemoveVersion, "r"},
		{"hiding marker as old as objects", full("r", "", "Enabled", expire("3")), covered, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"markers not wanted", full("r", "", "Enabled", `<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>`), marker, "2024-01-01T00:00:00Z", Day, Keep, ""},
		{"a marker has no tags", full("r", "<Tag><Key>k</Key><Value>v</Value></Tag>", "Enabled", expire("1")), marker, "2024-01-01T00:00:00Z", Day, Keep, ""},
	} {
		action, by := parse(t, tc.rules).Expires(tc.v, at(tc.now), tc.day)
		id := ""
		if by != nil {
			id = by.ID
		}
		if action != tc.want || id != tc.ruleID {
			t.Errorf("%s: got %v by %q, want %v by %q", tc.name, action, id, tc.want, tc.ruleID)
		}
	}
}

func TestAfter(t *testing.T) {
	for _, tc := range []struct {
		from string
		days int
		want string
	}{
		{"2014-01-15T10:30:00Z", 3, "2014-01-19T00:00:00Z"},
		{"2014-01-15T00:00:00Z", 3, "2014-01-18T00:00:00Z"},
		{"2014-01-15T00:00:00.000000001Z", 3, "2014-01-19T00:00:00Z"},
		{"2014-01-15T23:30:00-02:00", 1, "2014-01-18T00:00:00Z"},
		{"2014-01-15T10:30:00Z", 1<<31 - 1, "2113-12-23T00:00:00Z"},
	} {
		if got := after(at(tc.from), tc.days, Day); !got.Equal(at(tc.want)) {
			t.Errorf("%s + %d: got %v", tc.from, tc.days, got)
		}
	}
}

func TestAbort(t *testing.T) {
	abort := func(n string) string {
		return `<AbortIncompleteMultipartUpload><DaysAfterInitiation>` + n + `</DaysAfterInitiation></AbortIncompleteMultipartUpload>`
	}
	c := parse(t, full("late", "", "Enabled", abort("9"))+full("soon", "<Prefix>a/</Prefix>", "Enabled", abort("2"))+
		full("off", "", "Disabled", abort("1"))+full("none", "", "Enabled", expire("1")))
	begun := at("2024-03-01T12:00:00Z")
	when, id, ok := c.AbortDate("a/x", begun)
	if !ok || id != "soon" || !when.Equal(at("2024-03-04T00:00:00Z")) {
		t.Errorf("got %v %s %v", when, id, ok)
	}
	if _, id, _ := c.AbortDate("b/x", begun); id != "late" {
		t.Errorf("got %s", id)
	}
	if _, due := c.AbortUpload("a/x", begun, at("2024-03-03T23:59:59Z"), Day); due {
		t.Error("too early")
	}
	if r, due := c.AbortUpload("a/x", begun, at("2024-03-04T00:00:00Z"), Day); !due || r.ID != "soon" {
		t.Error("not due")
	}
	if r, due := c.AbortUpload("a/x", begun, begun.Add(2*time.Second), time.Second); !due || r.ID != "soon" {
		t.Error("not due with short days")
	}
	if _, _, ok := parse(t, full("r", "", "Enabled", expire("1"))).AbortDate("k", begun); ok {
		t.Error("a date without a rule")
	}
}

func TestExpirationHeader(t *testing.T) {
	c := parse(t, full("a b/ü", "<Tag><Key>key1</Key><Value>tag1</Value></Tag>", "Enabled", expire("1"))+
		full("later", "", "Enabled", `<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>`)+
		full("old", "", "Enabled", old))
	made := at("2024-03-01T12:00:00Z")
	when, id, ok := c.ExpirationHeader("k", 1, []catalog.Tag{{Key: "key1", Value: "tag1"}}, made)
	if !ok || id != "a b/ü" {
		t.Fatalf("got %v %s %v", when, id, ok)
	}
	if got, want := FormatExpiration(when, id), `expiry-date="Sun, 03 Mar 2024 00:00:00 GMT", rule-id="a%20b%2F%C3%BC"`; got != want {
		t.Errorf("got %s", got)
	}
	if when, id, _ = c.ExpirationHeader("k", 1, nil, made); id != "later" || !when.Equal(at("2030-01-01T00:00:00Z")) {
		t.Errorf("got %v %s", when, id)
	}
	if _, _, ok = parse(t, full("old", "", "Enabled", old)).ExpirationHeader("k", 1, nil, made); ok {
		t.Error("a noncurrent rule expires a current version")
	}
}

func TestWork(t *testing.T) {
	for _, tc := range []struct {
		rules string
		want  Work
	}{
		{full("r", "", "Disabled", expire("1")), Work{}},
		{full("r", "", "Enabled", expire("1")), Work{Current: true, Markers: true}},
		{full("r", "", "Enabled", markers), Work{Markers: true}},
		{full("r", "<Tag><Key>k</Key><Value>v</Value></Tag>", "Enabled", old), Work{Noncurrent: true, NeedTags: true}},
		{full("r", "", "Enabled", `<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>`), Work{Uploads: true}},
	} {
		if got := parse(t, tc.rules).Work(); got != tc.want {
			t.Errorf("%s: got %+v", tc.rules, got)
		}
	}
}
