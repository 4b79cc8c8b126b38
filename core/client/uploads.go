package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/checksum"
)

// Part is one part of a multipart upload.
type Part struct {
	Number   int
	Size     int64
	ETag     string
	Checksum Checksum
}

// Upload is a multipart upload in progress.
type Upload struct {
	Key, ID   string
	Initiated time.Time
}

// CreateUpload begins a multipart upload, whose object will have a checksum of
// the whole in the algorithm, "" for none.
func (c *Client) CreateUpload(ctx context.Context, bucket, key, algorithm string, in PutOptions) (id string, err error) {
	in.IfMatch, in.IfNoneMatch = "", false // conditions are for the end
	h := in.header()
	if algorithm != "" {
		h.Set("X-Amz-Checksum-Algorithm", algorithm)
		h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	var result struct{ UploadId string }
	q := &request{method: http.MethodPost, bucket: bucket, key: key, query: values("uploads", ""), header: h, body: noBody}
	_, err = c.do(ctx, q, func(r *http.Response) error { return decode(r, &result) })
	return result.UploadId, err
}

// PutPart sends one part. Its checksum is checked by the server.
func (c *Client) PutPart(ctx context.Context, bucket, key, id string, number int, body Body, sum Checksum) (*Part, error) {
	h := http.Header{}
	if sum.Algorithm != "" {
		h.Set(checksum.HeaderName(sum.Algorithm), sum.Value)
	}
	p := &Part{Number: number, Size: body.Length, Checksum: sum}
	q := &request{method: http.MethodPut, bucket: bucket, key: key, header: h,
		query: values("partNumber", strconv.Itoa(number), "uploadId", id),
		body:  body.Open, length: body.Length, sha256: body.SHA256}
	_, err := c.do(ctx, q, func(r *http.Response) error {
		if p.ETag = strings.Trim(r.Header.Get("Etag"), `"`); p.ETag == "" {
			return &NetError{Err: errNotS3}
		}
		return discard(r)
	})
	return p, err
}

// Parts lists the parts that an upload has.
func (c *Client) Parts(ctx context.Context, bucket, key, id string) (all []Part, err error) {
	for marker := ""; ; {
		var page struct {
			Part []struct {
				PartNumber int
				Size       int64
				ETag       string
				checksumElements
			}
			IsTruncated          bool
			NextPartNumberMarker string
		}
		query := values("uploadId", id)
		if marker != "" {
			query = values("part-number-marker", marker, "uploadId", id)
		}
		q := &request{method: http.MethodGet, bucket: bucket, key: key, query: query}
		if _, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &page) }); err != nil {
			return nil, err
		}
		for i := range page.Part {
			p := &page.Part[i]
			all = append(all, Part{p.PartNumber, p.Size, strings.Trim(p.ETag, `"`), p.checksum()})
		}
		if marker = page.NextPartNumberMarker; !page.IsTruncated {
			return all, nil
		}
	}
}

// CompleteUpload makes the object of its parts, which are in order. sum is the
// whole object's checksum, which the server compares with its own; its
// Algorithm may be "".
func (c *Client) CompleteUpload(ctx context.Context, bucket, key, id string, parts []Part, sum Checksum, in PutOptions) (*Object, error) {
	type part struct {
		PartNumber int
		ETag       string
	}
	doc := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Part    []part
	}{}
	size := int64(0)
	for _, p := range parts {
		doc.Part = append(doc.Part, part{p.Number, `"` + p.ETag + `"`})
		size += p.Size
	}
	body, err := xml.Marshal(&doc)
	if err != nil {
		return nil, err
	}
	h := http.Header{"Content-Type": {"application/xml"}}
	if sum.Algorithm != "" {
		h.Set(checksum.HeaderName(sum.Algorithm), sum.Value)
		h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	in.conditions(h)
	var result copyResult
	hash := sha256.Sum256(body)
	q := &request{method: http.MethodPost, bucket: bucket, key: key, query: values("uploadId", id), header: h,
		body: func() io.Reader { return bytes.NewReader(body) }, length: int64(len(body)), sha256: hex.EncodeToString(hash[:])}
	repeated, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &result) })
	if repeated && (HasCode(err, "NoSuchUpload") || HasStatus(err, http.StatusPreconditionFailed)) {
		return c.ours(ctx, bucket, key, sum, err)
	}
	if err != nil {
		return nil, err
	}
	return &Object{Key: key, Size: size, ETag: strings.Trim(result.ETag, `"`), Checksum: result.checksum()}, nil
}

// AbortUpload drops an upload and its parts.
func (c *Client) AbortUpload(ctx context.Context, bucket, key, id string) error {
	_, err := c.do(ctx, &request{method: http.MethodDelete, bucket: bucket, key: key, query: values("uploadId", id)}, nil)
	if HasCode(err, "NoSuchUpload") {
		return nil
	}
	return err
}

// Uploads lists unfinished uploads of keys with a prefix.
func (c *Client) Uploads(ctx context.Context, bucket, prefix string) (all []Upload, err error) {
	for keyMarker, idMarker := "", ""; ; {
		pairs := []string{}
		if keyMarker != "" {
			pairs = append(pairs, "key-marker", keyMarker, "upload-id-marker", idMarker)
		}
		pairs = append(pairs, "prefix", prefix, "uploads", "")
		var page struct {
			Upload                            []struct{ Key, UploadId, Initiated string }
			IsTruncated                       bool
			NextKeyMarker, NextUploadIdMarker string
		}
		q := &request{method: http.MethodGet, bucket: bucket, query: values(pairs...)}
		if _, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &page) }); err != nil {
			return nil, err
		}
		for _, u := range page.Upload {
			all = append(all, Upload{u.Key, u.UploadId, parseTime(u.Initiated)})
		}
		keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIdMarker
		if !page.IsTruncated {
			return all, nil
		}
	}
}
