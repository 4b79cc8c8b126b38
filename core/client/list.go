package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bucket is a bucket.
type Bucket struct {
	Name    string
	Created time.Time
	Region  string
}

// Buckets lists the buckets that the caller owns or may see.
func (c *Client) Buckets(ctx context.Context) (all []Bucket, err error) {
	for token := ""; ; {
		query := values("max-buckets", "1000")
		if token != "" {
			query = values("continuation-token", token, "max-buckets", "1000")
		}
		var page struct {
			Buckets struct {
				Bucket []struct{ Name, CreationDate, BucketRegion string }
			}
			ContinuationToken string
		}
		q := &request{method: http.MethodGet, query: query}
		if _, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &page) }); err != nil {
			return nil, err
		}
		for _, b := range page.Buckets.Bucket {
			all = append(all, Bucket{b.Name, parseTime(b.CreationDate), b.BucketRegion})
		}
		if token = page.ContinuationToken; token == "" {
			return all, nil
		}
	}
}

// CreateBucket makes a bucket.
func (c *Client) CreateBucket(ctx context.Context, bucket string) error {
	repeated, err := c.do(ctx, &request{method: http.MethodPut, bucket: bucket, body: noBody}, nil)
	if repeated && HasCode(err, "BucketAlreadyOwnedByYou") {
		return nil
	}
	return err
}

// DeleteBucket deletes an empty bucket.
func (c *Client) DeleteBucket(ctx context.Context, bucket string) error {
	repeated, err := c.do(ctx, &request{method: http.MethodDelete, bucket: bucket}, nil)
	if repeated && HasCode(err, "NoSuchBucket") {
		return nil
	}
	return err
}

// HeadBucket finds out whether a bucket is there and may be listed.
func (c *Client) HeadBucket(ctx context.Context, bucket string) error {
	q := &request{method: http.MethodGet, bucket: bucket, query: values("list-type", "2", "max-keys", "0")}
	_, err := c.do(ctx, q, nil)
	return err
}

// ListOptions narrow a listing.
type ListOptions struct {
	Prefix    string
	Delimiter string // "/" for one level
	// PageSize is the number of keys asked for at once; 0 means 1,000.
	PageSize int
}

// Entry is a line of a listing: an object, or with a delimiter a common prefix.
type Entry struct {
	Prefix string // "" for an object
	Object
}

// Name is the key, or the prefix.
func (e *Entry) Name() string {
	if e.Prefix != "" {
		return e.Prefix
	}
	return e.Key
}

type listPage struct {
	Contents []struct {
		Key, LastModified, ETag, StorageClass string
		Size                                  int64
	}
	CommonPrefixes        []struct{ Prefix string }
	IsTruncated           bool
	NextContinuationToken string
	EncodingType          string
}

// List gives the objects of a bucket in bytewise order of their keys, a page at
// a time: memory does not grow with the bucket. It ends at the first error.
func (c *Client) List(ctx context.Context, bucket string, in ListOptions) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for token := ""; ; {
			page, err := c.listPage(ctx, bucket, in, token)
			if err != nil {
				yield(nil, err)
				return
			}
			if !page.entries(yield) {
				return
			}
			if token = page.NextContinuationToken; !page.IsTruncated || token == "" {
				return
			}
		}
	}
}

func (c *Client) listPage(ctx context.Context, bucket string, in ListOptions, token string) (*listPage, error) {
	// Encoded, because XML cannot carry every key.
	pairs := []string{"list-type", "2", "encoding-type", "url"}
	add := func(name, value string) {
		if value != "" {
			pairs = append(pairs, name, value)
		}
	}
	add("prefix", in.Prefix)
	add("delimiter", in.Delimiter)
	add("continuation-token", token)
	if in.PageSize > 0 {
		add("max-keys", strconv.Itoa(in.PageSize))
	}
	page := new(listPage)
	_, err := c.do(ctx, &request{method: http.MethodGet, bucket: bucket, query: values(pairs...)},
		func(r *http.Response) error { *page = listPage{}; return decode(r, page) })
	return page, err
}

// entries yields objects and prefixes, merged into one order.
func (p *listPage) entries(yield func(*Entry, error) bool) bool {
	plain := func(s string) string {
		if p.EncodingType == "url" {
			if decoded, err := url.QueryUnescape(s); err == nil {
				return decoded
			}
		}
		return s
	}
	i, j := 0, 0
	for i < len(p.Contents) || j < len(p.CommonPrefixes) {
		var e Entry
		key, prefix := "", ""
		if i < len(p.Contents) {
			key = plain(p.Contents[i].Key)
		}
		if j < len(p.CommonPrefixes) {
			prefix = plain(p.CommonPrefixes[j].Prefix)
		}
		if j < len(p.CommonPrefixes) && (i == len(p.Contents) || prefix < key) {
			e.Prefix = prefix
			j++
		} else {
			x := &p.Contents[i]
			e.Object = Object{Key: key, Size: x.Size, ETag: strings.Trim(x.ETag, `"`),
				LastModified: parseTime(x.LastModified), StorageClass: x.StorageClass}
			i++
		}
		if !yield(&e, nil) {
			return false
		}
	}
	return true
}
