package s3

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mucura/mucura/core/catalog"
)

// defaultContentType is what S3 gives to objects put without one.
const defaultContentType = "binary/octet-stream"

// timeXML is how documents write times.
const timeXML = "2006-01-02T15:04:05.000Z"

// quoted is an ETag as headers and documents carry it.
func quoted(etag string) string { return `"` + etag + `"` }

var bytesUnit = []string{"bytes"}

// describeIdentity sets the headers that every answer about a version carries,
// 304 included.
func (c *call) describeIdentity(o *catalog.Object) {
	h := c.w.Header()
	h["Etag"] = c.one(quoted(o.ETag))
	h["Last-Modified"] = c.one(o.ModTime.UTC().Format(http.TimeFormat))
	c.showVersion(o)
	c.set("Cache-Control", o.CacheControl)
	c.set("Expires", o.Expires)
}

// describe sets the headers of an object's metadata.
func (c *call) describe(o *catalog.Object) {
	c.describeIdentity(o)
	c.objectSize = o.Size
	h := c.w.Header()
	h["Accept-Ranges"] = bytesUnit
	if o.ContentType == "" {
		h["Content-Type"] = c.one(defaultContentType)
	} else {
		h["Content-Type"] = c.one(o.ContentType)
	}
	c.set("Content-Disposition", o.ContentDisposition)
	c.set("Content-Encoding", o.ContentEncoding)
	c.set("Content-Language", o.ContentLanguage)
	c.set("X-Amz-Website-Redirect-Location", o.Redirect)
	h["X-Amz-Storage-Class"] = c.one(storageClass(o.StorageClass))
	for _, m := range o.UserMeta {
		// Lower case, because some clients take the name as it is spelled here.
		h[metaPrefix+m.Key] = c.one(encodeMeta(m.Value))
	}
	c.describeEncryption(&o.Encryption)
	c.describeLock(o)
	if len(o.Tags) > 0 && c.decide("s3:GetObjectTagging", c.key, o).Allow {
		h["X-Amz-Tagging-Count"] = c.one(strconv.Itoa(len(o.Tags)))
	}
	c.showExpiration(o)
}

// describeLock shows retention and legal hold to those who may read them.
func (c *call) describeLock(o *catalog.Object) {
	if o.Retention.Mode != "" && c.decide("s3:GetObjectRetention", c.key, o).Allow {
		c.set("X-Amz-Object-Lock-Mode", string(o.Retention.Mode))
		c.set("X-Amz-Object-Lock-Retain-Until-Date", o.Retention.Until.UTC().Format(timeXML))
	}
	if (o.LegalHold || o.HoldReleased) && c.decide("s3:GetObjectLegalHold", c.key, o).Allow {
		state := "OFF"
		if o.LegalHold {
			state = "ON"
		}
		c.set("X-Amz-Object-Lock-Legal-Hold", state)
	}
}

// describeWritten sets the headers of an answer to a write.
func (c *call) describeWritten(o *catalog.Object) {
	c.objectSize = o.Size
	c.set("Etag", quoted(o.ETag))
	c.describeEncryption(&o.Encryption)
	c.showNewVersion(o)
	c.showExpiration(o)
}

// showNewVersion names the version that a write made. Where versioning is
// suspended S3 says nothing, as the null version is none that would be kept.
func (c *call) showNewVersion(o *catalog.Object) {
	if c.b.Versioning == catalog.VersioningEnabled {
		c.set("X-Amz-Version-Id", o.VersionID())
	}
}

// describeChecksum sets the header of a checksum.
func (c *call) describeChecksum(sum catalog.Checksum, parts int) {
	a := algorithmNamed(sum.Algorithm)
	if a == nil || sum.Value == "" {
		return
	}
	c.set(a.header, checksumText(sum, parts))
	if sum.Type != "" {
		c.set("X-Amz-Checksum-Type", string(sum.Type))
	}
}

// checksumText is a checksum as clients see it: with the number of parts when
// it is composite.
func checksumText(sum catalog.Checksum, parts int) string {
	if sum.Type == catalog.Composite && parts > 0 {
		return sum.Value + "-" + strconv.Itoa(parts)
	}
	return sum.Value
}

// storageClass is a storage class as clients see it.
func storageClass(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// encodeMeta writes a metadata value as a header: as it is when it is plain
// ASCII or no UTF-8 at all, else by RFC 2047, as S3 does.
func encodeMeta(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if plain || !utf8.ValidString(s) {
		return s
	}
	return mime.BEncoding.Encode("UTF-8", s)
}

// decodeMeta is the inverse of encodeMeta; what is not encoded stays as it is.
func decodeMeta(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
		return d
	}
	return s
}

// formatTime is a time as documents write it: to the second, as in S3, so that
// it is the one that headers show.
func formatTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(timeXML) }
