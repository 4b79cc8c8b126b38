package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

func doc(rules string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><LifecycleConfiguration xmlns="` + namespace + `">` + rules + `</LifecycleConfiguration>`
}

// rule makes a rule that would be right, with more in it.
func rule(more string) string {
	return `<Rule><ID>r</ID><Filter><Prefix>p/</Prefix></Filter><Status>Enabled</Status>` + more + `</Rule>`
}

// filtered makes a rule with a filter.
func filtered(filter string) string {
	return `<Rule><ID>r</ID><Filter>` + filter + `</Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`
}

const days = `<Expiration><Days>3</Days></Expiration>`

func TestParseErrors(t *testing.T) {
	many := ""
	for i := range MaxRules + 1 {
		many += fmt.Sprintf(`<Rule><ID>%d</ID><Prefix>a</Prefix><Status>Enabled</Status>`+days+`</Rule>`, i)
	}
	for _, tc := range []struct {
		doc  string
		code *s3err.Code
		text string // "" is the row's
	}{
		{"", s3err.MalformedXML, ""},
		{"not XML", s3err.MalformedXML, ""},
		{"<LifecycleConfiguration>", s3err.MalformedXML, ""},
		{"<CORSConfiguration/>", s3err.MalformedXML, ""},
		{`<LifecycleConfiguration xmlns="http://example.org/"/>`, s3err.MalformedXML, ""},
		{doc(""), s3err.MalformedXML, ""},
		{doc(rule(days)) + doc(rule(days)), s3err.MalformedXML, ""},
		{doc(rule(days) + "<Other/>"), s3err.MalformedXML, ""},
		{doc(rule(days + "<Other/>")), s3err.MalformedXML, ""},
		{doc(many), s3err.MalformedXML, ""},
		{strings.Repeat(" ", MaxSize+1), s3err.MaxMessageLengthExceeded, ""},
		{doc(`<Rule><Prefix>a</Prefix>` + days + `</Rule>`), s3err.MalformedXML, ""},
		{doc(`<Rule><Prefix>a</Prefix><Status>enabled</Status>` + days + `</Rule>`), s3err.MalformedXML, ""},
		{doc(`<Rule><Status>Enabled</Status>` + days + `</Rule>`), s3err.MalformedXML, ""},
		{doc(`<Rule><Prefix/><Filter/><Status>Enabled</Status>` + days + `</Rule>`), s3err.MalformedXML, ""},
		{doc(rule("")), s3err.InvalidRequest, "At least one action needs to be specified in a rule"},
		{doc(rule(days) + rule(days)), s3err.InvalidArgument, "Rule ID must be unique. Found same ID for more than one rule"},
		{doc(`<Rule><ID>` + strings.Repeat("x", 256) + `</ID><Prefix/><Status>Enabled</Status>` + days + `</Rule>`),
			s3err.InvalidArgument, "ID length should not exceed allowed limit of 255"},
		{doc(rule(days) + `<Rule><Prefix/><Status>Enabled</Status>` + days + `</Rule>`),
			s3err.InvalidRequest, "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."},
		{doc(`<Rule><Prefix>` + strings.Repeat("x", 1025) + `</Prefix><Status>Enabled</Status>` + days + `</Rule>`),
			s3err.InvalidRequest, "The maximum size of a prefix is 1024."},
		{doc(rule(`<Expiration/>`)), s3err.MalformedXML, ""},
		{doc(rule(`<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>`)), s3err.MalformedXML, ""},
		{doc(rule(`<Expiration><Days>0</Days></Expiration>`)), s3err.InvalidArgument, "'Days' for Expiration action must be a positive integer"},
		{doc(rule(`<Expiration><Days>-1</Days></Expiration>`)), s3err.InvalidArgument, "'Days' for Expiration action must be a positive integer"},
		{doc(rule(`<Expiration><Days>1.5</Days></Expiration>`)), s3err.MalformedXML, ""},
		{doc(rule(`<Expiration><Days>99999999999</Days></Expiration>`)), s3err.MalformedXML, ""},
		{doc(rule(`<Expiration><Date>20300101</Date></Expiration>`)), s3err.MalformedXML, ""},
		{doc(rule(`<Expiration><Date>2030-01-01T01:00:00Z</Date></Expiration>`)), s3err.InvalidArgument, "'Date' must be at midnight GMT"},
		{doc(rule(`<Expiration><ExpiredObjectDeleteMarker>maybe</ExpiredObjectDeleteMarker></Expiration>`)), s3err.MalformedXML, ""},
		{doc(rule(`<NoncurrentVersionExpiration/>`)), s3err.MalformedXML, ""},
		{doc(rule(`<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>`)), s3err.MalformedXML, ""},
		{doc(rule(`<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>`)),
			s3err.InvalidArgument, "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"},
		{doc(rule(`<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>0</NewerNoncurrentVersions></NoncurrentVersionExpiration>`)),
			s3err.InvalidArgument, "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer"},
		{doc(rule(`<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>`)),
			s3err.InvalidArgument, "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be no more than 100"},
		{doc(rule(`<AbortIncompleteMultipartUpload/>`)), s3err.MalformedXML, ""},
		{doc(rule(`<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>`)),
			s3err.InvalidArgument, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"},
		{doc(rule(`<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>`)),
			s3err.NotImplemented, "Transitions are not supported: there is one storage class."},
		{doc(rule(`<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>`)),
			s3err.NotImplemented, "Transitions are not supported: there is one storage class."},
		{doc(rule(days + `<Transition><Days>1</Days><StorageClass>CHEAP</StorageClass></Transition>`)), s3err.MalformedXML, ""},
		{doc(rule(days + `<Transition><Days>1</Days></Transition>`)), s3err.MalformedXML, ""},
		{doc(rule(days + `<Transition><Date>20200101</Date><StorageClass>GLACIER</StorageClass></Transition>`)), s3err.MalformedXML, ""},
		{doc(filtered(`<Other/>`)), s3err.MalformedXML, ""},
		{doc(filtered(`<And><Other/></And>`)), s3err.MalformedXML, ""},
		{doc(filtered(`<Tag><Key>k</Key></Tag>`)), s3err.MalformedXML, ""},
		{doc(filtered(`<Tag><Key></Key><Value>v</Value></Tag>`)), s3err.InvalidTag, ""},
		{doc(filtered(`<And><Tag><Key>k</Key><Value>1</Value></Tag><Tag><Key>k</Key><Value>2</Value></Tag></And>`)),
			s3err.InvalidRequest, "Duplicate Tag Keys are not allowed."},
		{doc(filtered(`<Prefix>a/</Prefix><And><Prefix>b/</Prefix></And>`)), s3err.MalformedXML, ""},
		{doc(filtered(`<ObjectSizeGreaterThan>x</ObjectSizeGreaterThan>`)), s3err.MalformedXML, ""},
		{doc(filtered(`<ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan>`)), s3err.InvalidRequest, "Object size in a filter should be between 0 and 54975581388800 bytes"},
		{doc(filtered(`<And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And>`)),
			s3err.InvalidRequest, "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'"},
		{doc(`<Rule><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>`),
			s3err.InvalidRequest, "ExpiredObjectDeleteMarker cannot be specified with Tags."},
		{doc(`<Rule><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`),
			s3err.InvalidRequest, "AbortIncompleteMultipartUpload cannot be specified with Tags."},
		{doc(`<Rule><Filter><ObjectSizeLessThan>7</ObjectSizeLessThan></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`),
			s3err.InvalidRequest, "AbortIncompleteMultipartUpload cannot be specified with Object Size."},
	} {
		_, err := Parse([]byte(tc.doc))
		if !errors.Is(err, tc.code) {
			t.Errorf("%.300s: got %v, want %s", tc.doc, err, tc.code.Code)
			continue
		}
		if text := s3err.From(err).Message(); tc.text != "" && text != tc.text {
			t.Errorf("%.300s:\n got %s\nwant %s", tc.doc, text, tc.text)
		}
	}
}

// What is put comes back: the same rules, written in S3's order of elements.
func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct{ in, out string }{
		{`<Rule><Status>Enabled</Status><ID>a</ID><Prefix></Prefix>` + days + `</Rule>`,
			`<Rule>` + days + `<ID>a</ID><Prefix></Prefix><Status>Enabled</Status></Rule>`},
		{`<Rule><ID>a</ID><Filter/><Status>Disabled</Status>` + days + `</Rule>`,
			`<Rule>` + days + `<ID>a</ID><Filter></Filter><Status>Disabled</Status></Rule>`},
		{`<Rule><ID>a</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Expiration><Date>2030-01-01</Date></Expiration></Rule>`,
			`<Rule><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration><ID>a</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status></Rule>`},
		{filtered(`<Tag><Key>k</Key><Value></Value></Tag>`),
			`<Rule><Expiration><Days>1</Days></Expiration><ID>r</ID><Filter><Tag><Key>k</Key><Value></Value></Tag></Filter><Status>Enabled</Status></Rule>`},
		{filtered(`<And><Prefix></Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>w</Value></Tag><ObjectSizeLessThan>9</ObjectSizeLessThan></And>`),
			`<Rule><Expiration><Days>1</Days></Expiration><ID>r</ID><Filter><And><ObjectSizeLessThan>9</ObjectSizeLessThan><Prefix></Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>w</Value></Tag></And></Filter><Status>Enabled</Status></Rule>`},
		{filtered(`<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan>`),
			`<Rule><Expiration><Days>1</Days></Expiration><ID>r</ID><Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter><Status>Enabled</Status></Rule>`},
		{filtered(`<Prefix>days1/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><And><Prefix>days1</Prefix><Tag><Key>l</Key><Value>w</Value></Tag></And>`),
			`<Rule><Expiration><Days>1</Days></Expiration><ID>r</ID><Filter><And><Prefix>days1/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>w</Value></Tag></And></Filter><Status>Enabled</Status></Rule>`},
		{rule(`<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>`),
			`<Rule><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><ID>r</ID><Filter><Prefix>p/</Prefix></Filter><NoncurrentVersionExpiration><NewerNoncurrentVersions>5</NewerNoncurrentVersions><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration><Status>Enabled</Status></Rule>`},
		{rule(`<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>`),
			`<Rule><Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration><ID>r</ID><Filter><Prefix>p/</Prefix></Filter><Status>Enabled</Status></Rule>`},
	} {
		for _, in := range []string{doc(tc.in), strings.Replace(doc(tc.in), ` xmlns="`+namespace+`"`, "", 1) + "\n<!-- end -->\n"} {
			c, err := Parse([]byte(in))
			if err != nil {
				t.Errorf("%s: %v", in, err)
				continue
			}
			out, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(out), "\n", "")
			if want := doc(tc.out); got != want {
				t.Errorf("%s\n got %s\nwant %s", in, got, want)
			}
			if again, err := Parse(out); err != nil || len(again.Rules) != len(c.Rules) {
				t.Errorf("read again: %v", err)
			}
		}
	}
}

func TestMadeIDs(t *testing.T) {
	r := `<Rule><Prefix>a</Prefix><Status>Enabled</Status>` + days + `</Rule>`
	in := []byte(doc(r + r))
	a, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Parse(in)
	if a.Rules[0].ID == "" || a.Rules[0].ID == a.Rules[1].ID || a.Rules[0].ID != b.Rules[0].ID {
		t.Errorf("%q %q %q", a.Rules[0].ID, a.Rules[1].ID, b.Rules[0].ID)
	}
}

// Whatever is put is refused with a row, or comes back readable and the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "<", doc(""), doc(rule(days)),
		doc(filtered(`<And><Tag><Key>k</Key><Value>&amp;</Value></Tag><ObjectSizeLessThan>9</ObjectSizeLessThan></And>`)),
		doc(rule(`<Expiration><Date>2030-01-01T00:00:00+00:00</Date></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation> 7 </DaysAfterInitiation></AbortIncompleteMultipartUpload>`))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := Parse(in)
		if err != nil {
			if s3err.From(err).Code == s3err.InternalError {
				t.Fatal(err)
			}
			return
		}
		once, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, _ := d.Encode(); string(twice) != string(once) {
			t.Fatalf("%s\n%s", once, twice)
		}
	})
}
