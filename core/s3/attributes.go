package s3

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// attributes are what GetObjectAttributes can be asked for.
type attributes struct {
	etag, checksum, parts, class, size bool
}

// parseAttributes reads x-amz-object-attributes.
func parseAttributes(values []string) (a attributes, err error) {
	for name := range strings.SplitSeq(strings.Join(values, ","), ",") {
		switch name = strings.TrimSpace(name); name {
		case "":
		case "ETag":
			a.etag = true
		case "Checksum":
			a.checksum = true
		case "ObjectParts":
			a.parts = true
		case "StorageClass":
			a.class = true
		case "ObjectSize":
			a.size = true
		default:
			return a, badArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
		}
	}
	if a == (attributes{}) {
		return a, s3err.InvalidRequest.Say("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return a, nil
}

// getObjectAttributes tells metadata of an object in a document
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html).
func (c *call) getObjectAttributes() error {
	want, err := parseAttributes(c.r.Header["X-Amz-Object-Attributes"])
	if err != nil {
		return err
	}
	h, err := c.openForRead("s3:GetObject", "s3:GetObjectVersion", false)
	if err != nil {
		return err
	}
	action := "s3:GetObjectAttributes"
	if c.query.get("versionId") != "" {
		action = "s3:GetObjectVersionAttributes"
	}
	if err := c.authorize(action, c.key, h.Object, nil); err != nil {
		return err
	}
	key, err := c.givenKey()
	if err != nil {
		return err
	}
	if err := h.Unlock(key); err != nil {
		return err
	}
	b := append([]byte(nil), xmlHeader+`<GetObjectAttributesResponse xmlns="`+namespace+`">`...)
	if want.etag {
		b = appendElement(b, "ETag", h.ETag)
	}
	if want.checksum && h.Checksum.Value != "" {
		b = append(b, "<Checksum>"...)
		b = appendChecksum(b, h.Checksum, h.PartCount)
		b = append(b, "</Checksum>"...)
	}
	if want.parts && h.PartCount > 0 {
		if b, err = c.appendParts(b, h); err != nil {
			return err
		}
	}
	if want.class {
		b = appendElement(b, "StorageClass", storageClass(h.StorageClass))
	}
	if want.size {
		b = appendElement(b, "ObjectSize", strconv.FormatInt(h.Size, 10))
	}
	c.set("Last-Modified", h.ModTime.UTC().Format(http.TimeFormat))
	c.showVersion(h.Object)
	return c.document(http.StatusOK, append(b, "</GetObjectAttributesResponse>"...))
}

// appendParts appends a page of the object's parts.
func (c *call) appendParts(b []byte, h *repo.Handle) ([]byte, error) {
	limit, err := parsePageSize("max-parts", c.r.Header.Get("X-Amz-Max-Parts"))
	if err != nil {
		return nil, err
	}
	after, err := partMarker("part-number-marker", c.r.Header.Get("X-Amz-Part-Number-Marker"))
	if err != nil {
		return nil, err
	}
	parts, err := h.PartList(c.ctx)
	if err != nil {
		return nil, err
	}
	total := len(parts)
	for len(parts) > 0 && parts[0].Number <= after {
		parts = parts[1:]
	}
	shown := parts[:min(limit, len(parts))]
	next := 0
	if len(shown) > 0 {
		next = shown[len(shown)-1].Number
	}
	b = append(b, "<ObjectParts>"...)
	b = appendElement(b, "PartsCount", strconv.Itoa(total))
	b = appendElement(b, "PartNumberMarker", strconv.Itoa(after))
	b = appendElement(b, "NextPartNumberMarker", strconv.Itoa(next))
	b = page(b, "MaxParts", limit, len(shown) < len(parts))
	for i := range shown {
		b = appendPartInfo(b, &shown[i], h.Checksum.Algorithm)
	}
	return append(b, "</ObjectParts>"...), nil
}

func appendPartInfo(b []byte, p *catalog.PartInfo, sum string) []byte {
	b = append(b, "<Part>"...)
	b = appendElement(b, "PartNumber", strconv.Itoa(p.Number))
	b = appendElement(b, "Size", strconv.FormatInt(p.Size, 10))
	if a := algorithmNamed(sum); a != nil && p.Checksum != "" {
		b = appendElement(b, a.element, p.Checksum)
	}
	return append(b, "</Part>"...)
}
