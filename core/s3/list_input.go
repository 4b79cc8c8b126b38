package s3

import (
	"strconv"

	"github.com/mucura/mucura/core/repo"
)

// maxPage is the most lines of a listing.
const maxPage = 1000

// listing is a listing as the client asks for it.
type listing struct {
	repo.ListInput
	encode bool // encoding-type=url
}

// listInput reads what all listings of keys share.
func (c *call) listInput(maxName string) (in listing, err error) {
	in.Prefix, in.Delimiter = c.query.get("prefix"), c.query.get("delimiter")
	if c.query.has("encoding-type") {
		v := c.query.get("encoding-type")
		if v != "url" {
			return in, badArgument("encoding-type", v, "Invalid Encoding Method specified in Request")
		}
		in.encode = true
	}
	in.Max, err = c.pageSize(maxName)
	return in, err
}

// pageSize reads max-keys and its like: 0 to 2147483647, of which at most 1000
// are given.
func (c *call) pageSize(name string) (int, error) {
	return parsePageSize(name, c.query.get(name))
}

func parsePageSize(name, v string) (int, error) {
	if v == "" {
		return maxPage, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	switch {
	case err != nil:
		return 0, badArgument(name, v, "Provided "+name+" not an integer or within integer range")
	case n < 0:
		return 0, badArgument(name, v, "Argument "+v+" must be an integer between 0 and 2147483647")
	}
	return int(min(n, maxPage)), nil
}

// text appends an element whose text is encoded as the client asked.
func (in *listing) text(b []byte, name, s string) []byte {
	if !in.encode {
		return appendElement(b, name, s)
	}
	b = append(b, '<')
	b = append(b, name...)
	b = append(b, '>')
	b = appendURL(b, s)
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

// appendURL appends s percent-encoded as encoding-type=url has it: slashes stay.
func appendURL(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		ch := s[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9',
			ch == '-', ch == '_', ch == '.', ch == '~', ch == '/', ch == '*':
			b = append(b, ch)
		default:
			b = append(b, '%', digits[ch>>4], digits[ch&15])
		}
	}
	return b
}

// begin starts a document with what all listings say first.
func (c *call) begin(root string, in *listing, lines int) []byte {
	b := make([]byte, 0, 1024+384*lines)
	b = append(b, xmlHeader+"<"...)
	b = append(b, root...)
	b = append(b, ` xmlns="`+namespace+`">`...)
	b = appendElement(b, "Name", c.bucket)
	b = in.text(b, "Prefix", in.Prefix)
	if in.Delimiter != "" {
		b = in.text(b, "Delimiter", in.Delimiter)
	}
	if in.encode {
		b = append(b, "<EncodingType>url</EncodingType>"...)
	}
	return b
}

// page appends max-keys and whether there is more.
func page(b []byte, maxName string, limit int, truncated bool) []byte {
	b = appendElement(b, maxName, strconv.Itoa(limit))
	return appendElement(b, "IsTruncated", strconv.FormatBool(truncated))
}

// prefixes appends the common prefixes.
func (in *listing) prefixes(b []byte, list []string) []byte {
	for _, p := range list {
		b = append(b, "<CommonPrefixes>"...)
		b = in.text(b, "Prefix", p)
		b = append(b, "</CommonPrefixes>"...)
	}
	return b
}
