package cors

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// namespace is that of all S3 documents. It may be left out.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

type documentXML struct {
	XMLName xml.Name     `xml:"CORSConfiguration"`
	Xmlns   string       `xml:"xmlns,attr,omitempty"`
	Rules   []ruleXML    `xml:"CORSRule"`
	Unknown []unknownXML `xml:",any"`
}

type ruleXML struct {
	ID      string       `xml:"ID,omitempty"`
	Headers []string     `xml:"AllowedHeader"`
	Methods []string     `xml:"AllowedMethod"`
	Origins []string     `xml:"AllowedOrigin"`
	Expose  []string     `xml:"ExposeHeader"`
	MaxAge  *string      `xml:"MaxAgeSeconds"`
	Unknown []unknownXML `xml:",any"`
}

// unknownXML catches what the schema does not have.
type unknownXML struct {
	XMLName xml.Name
}

// methods are those a rule may allow.
func methods() []string { return []string{"GET", "PUT", "POST", "DELETE", "HEAD"} }

// Parse reads and checks a document as S3 does: s3err.MalformedXML when it does
// not follow the schema, s3err.InvalidRequest when what it says makes no sense.
func Parse(doc []byte) (*Config, error) {
	x, err := decode(doc)
	if err != nil {
		return nil, err
	}
	if len(x.Unknown) > 0 || len(x.Rules) == 0 {
		return nil, s3err.MalformedXML
	}
	if len(x.Rules) > MaxRules {
		return nil, invalid("The number of CORS rules should not exceed allowed limit of 100 rules.")
	}
	c := &Config{Rules: make([]Rule, len(x.Rules))}
	for i := range x.Rules {
		if c.Rules[i], err = x.Rules[i].rule(); err != nil {
			return nil, err
		}
	}
	return c, nil
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

func (x *ruleXML) rule() (Rule, error) {
	r := Rule{ID: x.ID, Origins: x.Origins, Methods: x.Methods, Headers: x.Headers, Expose: x.Expose}
	if len(x.Unknown) > 0 || len(x.Methods) == 0 || len(x.Origins) == 0 {
		return r, s3err.MalformedXML
	}
	if len(x.ID) > 255 {
		return r, invalid("ID length should not exceed allowed limit of 255")
	}
	if x.MaxAge != nil {
		n, err := strconv.ParseInt(strings.TrimSpace(*x.MaxAge), 10, 32)
		if err != nil {
			return r, s3err.MalformedXML
		}
		age := int(n)
		r.MaxAge = &age
	}
	return r, r.check()
}

func (r *Rule) check() error {
	for _, m := range r.Methods {
		if !contains(methods(), m) {
			return invalid("Found unsupported HTTP method in CORS config. Unsupported method is " + m)
		}
	}
	for _, o := range r.Origins {
		switch {
		case strings.Count(o, "*") > 1:
			return invalid(`AllowedOrigin "` + o + `" can not have more than one wildcard.`)
		case o == "", strings.ContainsAny(o, "\r\n"):
			return s3err.MalformedXML
		}
	}
	for _, h := range r.Headers {
		switch {
		case strings.Count(h, "*") > 1:
			return invalid(`AllowedHeader "` + h + `" can not have more than one wildcard.`)
		case !token(h):
			return invalid(`AllowedHeader "` + h + `" contains invalid character.`)
		}
	}
	for _, h := range r.Expose {
		switch {
		case strings.Contains(h, "*"):
			return invalid(`ExposeHeader "` + h + `" contains wildcard. We currently do not support wildcard for ExposeHeader.`)
		case !token(h):
			return invalid(`ExposeHeader "` + h + `" contains invalid character.`)
		}
	}
	return nil
}

func invalid(text string) error { return &s3err.Error{Code: s3err.InvalidRequest, Text: text} }

// Encode writes the document that GetBucketCors returns.
func (c *Config) Encode() ([]byte, error) {
	x := documentXML{Xmlns: namespace}
	for i := range c.Rules {
		r := &c.Rules[i]
		one := ruleXML{ID: r.ID, Headers: r.Headers, Methods: r.Methods, Origins: r.Origins, Expose: r.Expose}
		if r.MaxAge != nil {
			age := strconv.Itoa(*r.MaxAge)
			one.MaxAge = &age
		}
		x.Rules = append(x.Rules, one)
	}
	b, err := xml.Marshal(&x)
	return append([]byte(xml.Header), b...), err
}
