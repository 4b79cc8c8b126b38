package s3

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// Limits of tags
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html).
const (
	maxBucketTags = 50
	maxTagKey     = 128 // characters
	maxTagValue   = 256 // characters
)

// maxTaggingDoc bounds a tagging document: 50 tags of the greatest length, in
// characters of up to four bytes, and escaped.
const maxTaggingDoc = 256 << 10

// tagXML is one tag in a document.
type tagXML struct {
	Key   string
	Value string
}

// UnmarshalXML reads a tag, which must have both elements: MalformedXML.
func (t *tagXML) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var in struct{ Key, Value *string }
	if err := d.DecodeElement(&in, &start); err != nil {
		return err
	}
	if in.Key == nil || in.Value == nil {
		return s3err.MalformedXML
	}
	*t = tagXML{*in.Key, *in.Value}
	return nil
}

// taggingXML is the body of the tagging operations.
type taggingXML struct {
	XMLName xml.Name `xml:"Tagging"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	TagSet  *tagSetXML
}

type tagSetXML struct {
	Tag []tagXML
}

// taggingOf makes the document of a tag set.
func taggingOf(tags []catalog.Tag) *taggingXML {
	set := &tagSetXML{Tag: make([]tagXML, len(tags))}
	for i, t := range tags {
		set.Tag[i] = tagXML(t)
	}
	return &taggingXML{Xmlns: namespace, TagSet: set}
}

// tags gives the document's tags, validated. A document without a TagSet is
// malformed; an empty one means no tags.
func (t *taggingXML) tags(limit int) ([]catalog.Tag, error) {
	if t.TagSet == nil {
		return nil, s3err.MalformedXML
	}
	tags := make([]catalog.Tag, len(t.TagSet.Tag))
	for i, tag := range t.TagSet.Tag {
		tags[i] = catalog.Tag(tag)
	}
	return tags, validateTags(tags, limit)
}

// parseTagging reads a tagging document that did not come as a request's body:
// the form field of a browser upload.
func parseTagging(doc string) ([]catalog.Tag, error) {
	var t taggingXML
	if err := parseXML([]byte(doc), &t); err != nil {
		return nil, s3err.MalformedXML.With(err)
	}
	return t.tags(repo.MaxTags)
}

// errTaggingHeader is what S3 says of a malformed x-amz-tagging.
func errTaggingHeader(value string) error {
	return badArgument("x-amz-tagging", value,
		"The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
}

// parseTaggingHeader reads x-amz-tagging, tags encoded as a URL query, for an
// object. "" gives no tags. They come in the order of their keys, as in a header
// they have none of their own. InvalidArgument when it is malformed or names a
// key twice, InvalidTag or BadRequest as validateTags.
func parseTaggingHeader(value string) ([]catalog.Tag, error) {
	if value == "" {
		return nil, nil
	}
	var tags []catalog.Tag
	for pair := range strings.SplitSeq(value, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		if err != nil || key == "" {
			return nil, errTaggingHeader(value)
		}
		val, err := url.QueryUnescape(v)
		if err != nil || hasTag(tags, key) {
			return nil, errTaggingHeader(value)
		}
		if len(tags) == repo.MaxTags {
			return nil, errTooManyTags(repo.MaxTags)
		}
		tags = append(tags, catalog.Tag{Key: key, Value: val})
	}
	slices.SortFunc(tags, func(a, b catalog.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, validateTags(tags, repo.MaxTags)
}

// validateTags checks a tag set of at most limit tags: repo.MaxTags for an
// object, maxBucketTags for a bucket. BadRequest for too many, InvalidTag for
// a key or value that is too long or has a character S3 does not allow, for a
// reserved key and for one that occurs twice.
func validateTags(tags []catalog.Tag, limit int) error {
	if len(tags) > limit {
		return errTooManyTags(limit)
	}
	for i, t := range tags {
		switch {
		case t.Key == "" || !validTagText(t.Key, maxTagKey):
			return errTag("The TagKey you have provided is invalid", t)
		case !validTagText(t.Value, maxTagValue):
			return errTag("The TagValue you have provided is invalid", t)
		case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
			return errTag("System tags cannot be added/updated by requester", t)
		case hasTag(tags[:i], t.Key):
			return errTag("Cannot provide multiple Tags with the same key", t)
		}
	}
	return nil
}

func errTooManyTags(limit int) error {
	if limit == maxBucketTags {
		return s3err.BadRequest.Say("Bucket tag count cannot be greater than %d", limit)
	}
	return s3err.BadRequest.Say("Object tags cannot be greater than %d", limit)
}

func errTag(message string, t catalog.Tag) error {
	return s3err.InvalidTag.Say("%s", message).Field("TagKey", t.Key).Field("TagValue", t.Value)
}

func hasTag(tags []catalog.Tag, key string) bool {
	for i := range tags {
		if tags[i].Key == key {
			return true
		}
	}
	return false
}

// validTagText tells whether s has at most limit characters, all of them
// letters, digits, spaces or one of + - = . _ : / @
func validTagText(s string, limit int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

// tagHeader encodes tags as x-amz-tagging does; the inverse of parseTaggingHeader.
func tagHeader(tags []catalog.Tag) string {
	var b strings.Builder
	for i, t := range tags {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(t.Key) + "=" + url.QueryEscape(t.Value))
	}
	return b.String()
}
