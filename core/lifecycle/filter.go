package lifecycle

import (
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// form is how a filter was written, so that it is written back so.
type form struct {
	prefix bool // there was a Prefix, perhaps an empty one
	and    bool // there was an And
}

// MaxObjectSize is the greatest size a filter may name, bytes: 50 TB.
const MaxObjectSize = 50 << 40

// filter reads a filter. S3 wants one element in it, And being one; several, as
// Ceph has them, are taken to mean that all must hold, which is the reading
// under which the least expires.
func (x *filterXML) filter() (f Filter, err error) {
	if len(x.Unknown) > 0 {
		return f, s3err.MalformedXML
	}
	group := andXML{MoreThan: x.MoreThan, LessThan: x.LessThan, Prefix: x.Prefix}
	if x.Tag != nil {
		group.Tags = []tagXML{*x.Tag}
	}
	if err = group.addTo(&f); err != nil {
		return f, err
	}
	if x.And != nil {
		f.form.and = true
		if err = x.And.addTo(&f); err != nil {
			return f, err
		}
	}
	return f, f.check()
}

// addTo makes the filter ask for what is in the group, too.
func (x *andXML) addTo(f *Filter) error {
	if len(x.Unknown) > 0 {
		return s3err.MalformedXML
	}
	if x.Prefix != nil {
		p := *x.Prefix
		switch {
		case strings.HasPrefix(p, f.Prefix):
			f.Prefix = p
		case !strings.HasPrefix(f.Prefix, p):
			return s3err.MalformedXML // nothing has both prefixes
		}
		f.form.prefix = true
	}
	for i := range x.Tags {
		t := &x.Tags[i]
		if t.Key == nil || t.Value == nil || len(t.Unknown) > 0 {
			return s3err.MalformedXML
		}
		f.Tags = append(f.Tags, catalog.Tag{Key: *t.Key, Value: *t.Value})
	}
	if err := setSize(&f.MoreThan, x.MoreThan, 0); err != nil {
		return err
	}
	return setSize(&f.LessThan, x.LessThan, 1)
}

// setSize reads a size of at least least bytes into to, which must not hold one yet.
func setSize(to **int64, s *string, least int64) error {
	if s == nil {
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(*s), 10, 64)
	if err != nil || *to != nil {
		return s3err.MalformedXML
	}
	if n < least || n > MaxObjectSize {
		return s3err.InvalidRequest.Say("Object size in a filter should be between %d and %d bytes", least, int64(MaxObjectSize))
	}
	*to = &n
	return nil
}

func (f *Filter) check() error {
	if f.MoreThan != nil && f.LessThan != nil && *f.LessThan <= *f.MoreThan {
		return s3err.InvalidRequest.Say("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")
	}
	seen := map[string]bool{}
	for _, t := range f.Tags {
		switch {
		case t.Key == "", len([]rune(t.Key)) > 128, len([]rune(t.Value)) > 256:
			return s3err.InvalidTag
		case seen[t.Key]:
			return s3err.InvalidRequest.Say("Duplicate Tag Keys are not allowed.")
		}
		seen[t.Key] = true
	}
	return nil
}

func (f *Filter) sized() bool { return f.MoreThan != nil || f.LessThan != nil }

// wire writes the filter: with an And when it had one, or needs one.
func (f *Filter) wire() *filterXML {
	g := andXML{Tags: wireTags(f.Tags), MoreThan: size(f.MoreThan), LessThan: size(f.LessThan)}
	n := len(g.Tags)
	for _, given := range [...]bool{f.MoreThan != nil, f.LessThan != nil, f.form.prefix || f.Prefix != ""} {
		if given {
			n++
		}
	}
	if f.form.prefix || f.Prefix != "" {
		g.Prefix = &f.Prefix
	}
	if f.form.and || n > 1 {
		return &filterXML{And: &g}
	}
	x := &filterXML{Prefix: g.Prefix, MoreThan: g.MoreThan, LessThan: g.LessThan}
	if len(g.Tags) > 0 {
		x.Tag = &g.Tags[0]
	}
	return x
}

func text(s string) *string { return &s }

func number(n int) *string { return text(strconv.Itoa(n)) }

func size(n *int64) *string {
	if n == nil {
		return nil
	}
	return text(strconv.FormatInt(*n, 10))
}
