package client

import (
	"context"
	"encoding/xml"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// Version is one version of an object, or a marker that hides the older ones.
type Version struct {
	Object
	Deleted bool // a delete marker
	Latest  bool // what a listing and a GET go by
}

type versionsPage struct {
	// Versions and markers, among other elements, in the order of the listing.
	Entries []struct {
		XMLName                            xml.Name
		Key, VersionId, LastModified, ETag string
		IsLatest                           bool
		Size                               int64
	} `xml:",any"`
	IsTruncated                        bool
	NextKeyMarker, NextVersionIdMarker string
	EncodingType                       string
}

// Versions gives the versions of the objects whose keys begin with a prefix: by key in
// bytewise order, of each the newest first. It ends at the first error.
func (c *Client) Versions(ctx context.Context, bucket, prefix string) iter.Seq2[*Version, error] {
	return func(yield func(*Version, error) bool) {
		for key, id := "", ""; ; {
			page, err := c.versionsPage(ctx, bucket, prefix, key, id)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range page.Entries {
				marker := e.XMLName.Local == "DeleteMarker"
				if !marker && e.XMLName.Local != "Version" {
					continue
				}
				v := &Version{Deleted: marker, Latest: e.IsLatest, Object: Object{
					Key: page.plain(e.Key), Size: e.Size, ETag: strings.Trim(e.ETag, `"`), VersionID: e.VersionId, LastModified: parseTime(e.LastModified)}}
				if !yield(v, nil) {
					return
				}
			}
			if key, id = page.plain(page.NextKeyMarker), page.NextVersionIdMarker; !page.IsTruncated || key == "" {
				return
			}
		}
	}
}

func (p *versionsPage) plain(s string) string {
	if p.EncodingType == "url" {
		if decoded, err := url.QueryUnescape(s); err == nil {
			return decoded
		}
	}
	return s
}

func (c *Client) versionsPage(ctx context.Context, bucket, prefix, key, id string) (*versionsPage, error) {
	pairs := []string{"versions", "", "encoding-type", "url"}
	for _, p := range [][2]string{{"prefix", prefix}, {"key-marker", key}, {"version-id-marker", id}} {
		if p[1] != "" {
			pairs = append(pairs, p[0], p[1])
		}
	}
	page := new(versionsPage)
	_, err := c.do(ctx, &request{method: http.MethodGet, bucket: bucket, query: values(pairs...)},
		func(r *http.Response) error { *page = versionsPage{}; return decode(r, page) })
	return page, err
}

// KeepVersions has a bucket keep what is overwritten and deleted in it, or no longer
// keep it; versions that are there stay.
func (c *Client) KeepVersions(ctx context.Context, bucket string, keep bool) error {
	status := map[bool]string{true: "Enabled", false: "Suspended"}[keep]
	doc := `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>` + status + `</Status></VersioningConfiguration>`
	q := &request{method: http.MethodPut, bucket: bucket, query: "versioning=", length: int64(len(doc)),
		body: func() io.Reader { return strings.NewReader(doc) }}
	_, err := c.do(ctx, q, nil)
	return err
}

// MaxLink is how long a link can be good.
const MaxLink = 7 * 24 * time.Hour

// Link gives a URL by which anybody may read an object for a while. With temporary
// credentials, which temporary tells, it ends with them at the latest.
func (c *Client) Link(ctx context.Context, bucket, key, version string, life time.Duration) (link string, temporary bool, err error) {
	q := &request{method: http.MethodGet, bucket: bucket, key: key, query: versionQuery(version)}
	r, err := http.NewRequestWithContext(ctx, q.method, c.Endpoint.String(), nil)
	if err != nil {
		return "", false, err
	}
	r.URL = c.target(q)
	r.Host = r.URL.Host
	keys, err := c.Keys.Credentials(ctx)
	if err != nil {
		return "", false, err
	}
	return sigv4.Presign(r, keys, c.Region, life, c.now()), keys.SessionToken != "", nil
}
