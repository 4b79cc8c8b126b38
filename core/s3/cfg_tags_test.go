package s3

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

const (
	badTagHeader = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
	badTagKey    = "The TagKey you have provided is invalid"
	badTagValue  = "The TagValue you have provided is invalid"
)

func TestParseTaggingHeader(t *testing.T) {
	for _, test := range []struct {
		in      string
		want    []catalog.Tag
		code    *s3err.Code
		message string
	}{
		{in: ""},
		{in: "&&"},
		{in: "key", want: []catalog.Tag{{Key: "key"}}},
		{in: "key=&", want: []catalog.Tag{{Key: "key"}}},
		{in: "b=2&a=1", want: []catalog.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}},
		{in: "key%20key=value++v", want: []catalog.Tag{{Key: "key key", Value: "value  v"}}},
		{in: "k%2D=v%2B", want: []catalog.Tag{{Key: "k-", Value: "v+"}}},
		{in: "gr%C3%B6%C3%9Fe=%E5%A4%A7", want: []catalog.Tag{{Key: "größe", Value: "大"}}},
		{in: "k=a=b", want: []catalog.Tag{{Key: "k", Value: "a=b"}}},
		{in: "=", code: s3err.InvalidArgument, message: badTagHeader},
		{in: "key%", code: s3err.InvalidArgument, message: badTagHeader},
		{in: "k=%zz", code: s3err.InvalidArgument, message: badTagHeader},
		{in: "k=1&k=1", code: s3err.InvalidArgument, message: badTagHeader},
		{in: "k?=v", code: s3err.InvalidTag, message: badTagKey},
		{in: "k=%ff", code: s3err.InvalidTag, message: badTagValue},
		{in: "k=v!", code: s3err.InvalidTag, message: badTagValue},
		{in: "aws:k=v", code: s3err.InvalidTag, message: "System tags cannot be added/updated by requester"},
		{in: manyTags(10) + "&k", code: s3err.BadRequest, message: "Object tags cannot be greater than 10"},
	} {
		got, err := parseTaggingHeader(test.in)
		checkError(t, test.in, err, test.code, test.message)
		if test.code == nil && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %v, want %v", test.in, got, test.want)
		}
	}
}

func manyTags(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("key%d=v", i)
	}
	return strings.Join(pairs, "&")
}

// checkError fails unless err is of the row, with the message when one is given.
func checkError(t *testing.T, what string, err error, code *s3err.Code, message string) {
	t.Helper()
	switch {
	case code == nil && err != nil:
		t.Errorf("%q: unexpected error %v", what, err)
	case code != nil && !errors.Is(err, code):
		t.Errorf("%q: got error %v, want %s", what, err, code.Code)
	case code != nil && message != "" && s3err.From(err).Message() != message:
		t.Errorf("%q: got message %q, want %q", what, s3err.From(err).Message(), message)
	}
}

func TestValidateTags(t *testing.T) {
	one := func(k, v string) []catalog.Tag { return []catalog.Tag{{Key: k, Value: v}} }
	many := func(n int) (tags []catalog.Tag) {
		for i := range n {
			tags = append(tags, catalog.Tag{Key: fmt.Sprint("k", i)})
		}
		return tags
	}
	for _, test := range []struct {
		name    string
		tags    []catalog.Tag
		limit   int
		code    *s3err.Code
		message string
	}{
		{name: "none", limit: 10},
		{name: "every character", tags: one("aZ0 +-=._:/@", "é 漢 ١"), limit: 10},
		{name: "greatest length in characters", tags: one(strings.Repeat("é", 128), strings.Repeat("漢", 256)), limit: 10},
		{name: "ten", tags: many(10), limit: repo.MaxTags},
		{name: "eleven", tags: many(11), limit: repo.MaxTags, code: s3err.BadRequest, message: "Object tags cannot be greater than 10"},
		{name: "fifty", tags: many(50), limit: maxBucketTags},
		{name: "fifty-one", tags: many(51), limit: maxBucketTags, code: s3err.BadRequest, message: "Bucket tag count cannot be greater than 50"},
		{name: "no key", tags: one("", "v"), limit: 10, code: s3err.InvalidTag, message: badTagKey},
		{name: "long key", tags: one(strings.Repeat("k", 129), ""), limit: 10, code: s3err.InvalidTag, message: badTagKey},
		{name: "long value", tags: one("k", strings.Repeat("v", 257)), limit: 10, code: s3err.InvalidTag, message: badTagValue},
		{name: "control character", tags: one("k", "a\tb"), limit: 10, code: s3err.InvalidTag, message: badTagValue},
		{name: "percent", tags: one("k%20", ""), limit: 10, code: s3err.InvalidTag, message: badTagKey},
		{name: "reserved", tags: one("AWS:x", ""), limit: 10, code: s3err.InvalidTag},
		{name: "twice", tags: append(one("k", "1"), one("k", "2")...), limit: 10, code: s3err.InvalidTag, message: "Cannot provide multiple Tags with the same key"},
	} {
		checkError(t, test.name, validateTags(test.tags, test.limit), test.code, test.message)
	}
}

func TestParseTagging(t *testing.T) {
	const head, tail = "<Tagging><TagSet>", "</TagSet></Tagging>"
	tags, err := parseTagging(`<?xml version="1.0"?><Tagging xmlns="` + namespace + `"><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value/></Tag></TagSet></Tagging>`)
	if want := []catalog.Tag{{Key: "a", Value: "1"}, {Key: "b"}}; err != nil || !reflect.DeepEqual(tags, want) {
		t.Errorf("got %v, %v, want %v", tags, err, want)
	}
	for doc, code := range map[string]*s3err.Code{
		head + tail:                             nil,
		"<Tagging/>":                            s3err.MalformedXML,
		"<Tag/>":                                s3err.MalformedXML,
		"":                                      s3err.MalformedXML,
		"invalid":                               s3err.MalformedXML,
		head + tail + head:                      s3err.MalformedXML,
		head + "<Tag/>" + tail:                  s3err.MalformedXML,
		head + "<Tag><Key>a</Key></Tag>" + tail: s3err.MalformedXML,
		head + "<Tag><Value>a</Value></Tag>" + tail:            s3err.MalformedXML,
		head + "<Tag><Key></Key><Value>a</Value></Tag>" + tail: s3err.InvalidTag,
		head + "<Tag></" + tail:                                s3err.MalformedXML,
	} {
		_, err := parseTagging(doc)
		checkError(t, doc, err, code, "")
	}
}

func FuzzTaggingHeader(f *testing.F) {
	for _, s := range []string{"", "a=b", "a=b&c=d", "%", "a=%2B&&=", "k+k=%C3%A9", manyTags(11), "aws:a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := parseTaggingHeader(s)
		if err != nil {
			if c := s3err.From(err).Code; c == s3err.InternalError {
				t.Fatalf("%q: %v has no row", s, err)
			}
			return
		}
		if err := validateTags(tags, repo.MaxTags); err != nil {
			t.Fatalf("%q gave tags that do not pass: %v", s, err)
		}
		again, err := parseTaggingHeader(tagHeader(tags))
		if err != nil || !reflect.DeepEqual(again, tags) {
			t.Fatalf("%q gave %v, which reads back as %v, %v", s, tags, again, err)
		}
	})
}
