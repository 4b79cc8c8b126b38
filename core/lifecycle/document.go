package lifecycle

import (
	"bytes"
	"encoding/xml"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// namespace is that of all S3 documents. It may be left out.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// The wire types follow the schema; every one ends with a catch-all, so that an
// element in the wrong place is an error and not silently ignored: a filter that
// got lost would delete too much.

type documentXML struct {
	XMLName xml.Name     `xml:"LifecycleConfiguration"`
	Xmlns   string       `xml:"xmlns,attr,omitempty"`
	Rules   []ruleXML    `xml:"Rule"`
	Unknown []unknownXML `xml:",any"`
}

type ruleXML struct {
	Abort                 *abortXML       `xml:"AbortIncompleteMultipartUpload"`
	Expiration            *expirationXML  `xml:"Expiration"`
	ID                    *string         `xml:"ID"`
	Filter                *filterXML      `xml:"Filter"`
	Prefix                *string         `xml:"Prefix"`
	Noncurrent            *noncurrentXML  `xml:"NoncurrentVersionExpiration"`
	Status                *string         `xml:"Status"`
	Transitions           []transitionXML `xml:"Transition"`
	NoncurrentTransitions []transitionXML `xml:"NoncurrentVersionTransition"`
	Unknown               []unknownXML    `xml:",any"`
}

type filterXML struct {
	And      *andXML      `xml:"And"`
	MoreThan *string      `xml:"ObjectSizeGreaterThan"`
	LessThan *string      `xml:"ObjectSizeLessThan"`
	Prefix   *string      `xml:"Prefix"`
	Tag      *tagXML      `xml:"Tag"`
	Unknown  []unknownXML `xml:",any"`
}

type andXML struct {
	MoreThan *string      `xml:"ObjectSizeGreaterThan"`
	LessThan *string      `xml:"ObjectSizeLessThan"`
	Prefix   *string      `xml:"Prefix"`
	Tags     []tagXML     `xml:"Tag"`
	Unknown  []unknownXML `xml:",any"`
}

type tagXML struct {
	Key     *string      `xml:"Key"`
	Value   *string      `xml:"Value"`
	Unknown []unknownXML `xml:",any"`
}

type expirationXML struct {
	Date    *string      `xml:"Date"`
	Days    *string      `xml:"Days"`
	Markers *string      `xml:"ExpiredObjectDeleteMarker"`
	Unknown []unknownXML `xml:",any"`
}

type noncurrentXML struct {
	Newer   *string      `xml:"NewerNoncurrentVersions"`
	Days    *string      `xml:"NoncurrentDays"`
	Unknown []unknownXML `xml:",any"`
}

type abortXML struct {
	Days    *string      `xml:"DaysAfterInitiation"`
	Unknown []unknownXML `xml:",any"`
}

type transitionXML struct {
	Date    *string      `xml:"Date"`
	Class   *string      `xml:"StorageClass"`
	Unknown []unknownXML `xml:",any"`
}

type unknownXML struct {
	XMLName xml.Name
}

// decode reads exactly one document.
func decode(doc []byte) (*documentXML, error) {
	if len(doc) > MaxSize {
		return nil, s3err.MaxMessageLengthExceeded
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	var x documentXML
	if err := d.Decode(&x); err != nil {
		return nil, s3err.MalformedXML.With(err)
	}
	if ns := x.XMLName.Space; ns != "" && ns != namespace {
		return nil, s3err.MalformedXML
	}
	for {
		switch t, err := d.Token(); t.(type) {
		case nil:
			if err != io.EOF {
				return nil, s3err.MalformedXML.With(err)
			}
			return &x, nil
		case xml.CharData, xml.Comment, xml.ProcInst: // blanks and the like
		default:
			return nil, s3err.MalformedXML
		}
	}
}

// Encode writes the document that GetBucketLifecycleConfiguration returns.
func (c *Config) Encode() ([]byte, error) {
	x := documentXML{Xmlns: namespace}
	for i := range c.Rules {
		x.Rules = append(x.Rules, c.Rules[i].wire())
	}
	b, err := xml.Marshal(&x)
	return append([]byte(xml.Header), b...), err
}

func encodeRule(x *ruleXML) ([]byte, error) { return xml.Marshal(x) }

func (r *Rule) wire() ruleXML {
	x := ruleXML{ID: &r.ID, Status: text("Disabled")}
	if r.Enabled {
		x.Status = text("Enabled")
	}
	if r.Legacy {
		x.Prefix = &r.Filter.Prefix
	} else {
		x.Filter = r.Filter.wire()
	}
	if e := r.Expiration; e != nil {
		x.Expiration = e.wire()
	}
	if n := r.Noncurrent; n != nil {
		x.Noncurrent = &noncurrentXML{Days: number(n.Days)}
		if n.Keep > 0 {
			x.Noncurrent.Newer = number(n.Keep)
		}
	}
	if r.AbortAfterDays > 0 {
		x.Abort = &abortXML{Days: number(r.AbortAfterDays)}
	}
	return x
}

func (e *Expiration) wire() *expirationXML {
	x := &expirationXML{}
	switch {
	case e.DeleteMarkers != nil && *e.DeleteMarkers:
		x.Markers = text("true")
	case e.DeleteMarkers != nil:
		x.Markers = text("false")
	case e.Days > 0:
		x.Days = number(e.Days)
	default:
		x.Date = text(e.Date.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return x
}

func wireTags(tags []catalog.Tag) []tagXML {
	var out []tagXML
	for i := range tags {
		out = append(out, tagXML{Key: &tags[i].Key, Value: &tags[i].Value})
	}
	return out
}
