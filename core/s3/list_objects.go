package s3

import (
	"net/http"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/repo"
)

// listObjects lists keys, version 1
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html).
func (c *call) listObjects() error {
	in, err := c.listInput("max-keys")
	if err != nil {
		return err
	}
	in.After = c.query.get("marker")
	l, err := c.f.Repo.ListObjects(c.ctx, c.b, in.ListInput)
	if err != nil {
		return err
	}
	b := c.begin("ListBucketResult", &in, len(l.Entries)+len(l.Prefixes))
	b = in.text(b, "Marker", in.After)
	if l.Truncated {
		b = in.text(b, "NextMarker", l.Next)
	}
	b = page(b, "MaxKeys", in.Max, l.Truncated)
	b = c.contents(b, &in, l, true)
	b = in.prefixes(b, l.Prefixes)
	return c.document(http.StatusOK, append(b, "</ListBucketResult>"...))
}

// listObjectsV2 lists keys, version 2
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
func (c *call) listObjectsV2() error {
	if v := c.query.get("list-type"); v != "2" {
		return badArgument("list-type", v, "Invalid List Type specified in Request")
	}
	in, err := c.listInput("max-keys")
	if err != nil {
		return err
	}
	startAfter, token := c.query.get("start-after"), c.query.get("continuation-token")
	if in.After, err = decodeToken(token); err != nil {
		return err
	}
	if token == "" { // which says where to go on, whatever the first request began with
		in.After = startAfter
	}
	l, err := c.f.Repo.ListObjects(c.ctx, c.b, in.ListInput)
	if err != nil {
		return err
	}
	b := c.begin("ListBucketResult", &in, len(l.Entries)+len(l.Prefixes))
	if c.query.has("continuation-token") {
		b = appendElement(b, "ContinuationToken", token)
	}
	if c.query.has("start-after") {
		b = in.text(b, "StartAfter", startAfter)
	}
	if l.Truncated {
		b = appendElement(b, "NextContinuationToken", encodeToken(l.Next))
	}
	b = appendElement(b, "KeyCount", strconv.Itoa(len(l.Entries)+len(l.Prefixes)))
	b = page(b, "MaxKeys", in.Max, l.Truncated)
	b = c.contents(b, &in, l, c.query.get("fetch-owner") == "true")
	b = in.prefixes(b, l.Prefixes)
	return c.document(http.StatusOK, append(b, "</ListBucketResult>"...))
}

// contents appends the lines of a listing of current objects.
func (c *call) contents(b []byte, in *listing, l *repo.Listing, withOwner bool) []byte {
	who := c.newOwners()
	for i := range l.Entries {
		e := &l.Entries[i]
		b = append(b, "<Contents>"...)
		b = in.text(b, "Key", e.Key)
		b = entry(b, e)
		if withOwner {
			b = who.append(b, "Owner", e.Owner)
		}
		b = append(b, "</Contents>"...)
	}
	return b
}

// entry appends what objects and versions say alike.
func entry(b []byte, e *repo.ListEntry) []byte {
	b = append(b, "<LastModified>"...)
	b = e.ModTime.UTC().Truncate(time.Second).AppendFormat(b, timeXML)
	b = append(b, "</LastModified><ETag>&quot;"...)
	b = append(b, e.ETag...)
	b = append(b, "&quot;</ETag>"...)
	if e.Checksum.Algorithm != "" {
		b = appendElement(b, "ChecksumAlgorithm", e.Checksum.Algorithm)
		if e.Checksum.Type != "" {
			b = appendElement(b, "ChecksumType", string(e.Checksum.Type))
		}
	}
	b = append(b, "<Size>"...)
	b = strconv.AppendInt(b, e.Size, 10)
	b = append(b, "</Size>"...)
	return appendElement(b, "StorageClass", storageClass(e.StorageClass))
}
