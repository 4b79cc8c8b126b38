package client

import (
	"context"
	"net/http"
	"strconv"
)

// ObjectParts gives the sizes and checksums of the parts an object was made of,
// in order; none if the server does not keep them.
func (c *Client) ObjectParts(ctx context.Context, bucket, key, version string) (all []Part, err error) {
	for marker := 0; ; {
		var page struct {
			ObjectParts struct {
				IsTruncated          bool
				NextPartNumberMarker int
				Part                 []struct {
					PartNumber int
					Size       int64
					checksumElements
				}
			}
		}
		h := http.Header{"X-Amz-Object-Attributes": {"ObjectParts"}, "X-Amz-Max-Parts": {"1000"},
			"X-Amz-Part-Number-Marker": {strconv.Itoa(marker)}}
		query := "attributes="
		if version != "" {
			query = values("attributes", "", "versionId", version)
		}
		q := &request{method: http.MethodGet, bucket: bucket, key: key, query: query, header: h}
		if _, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &page) }); err != nil {
			return nil, err
		}
		for i := range page.ObjectParts.Part {
			p := &page.ObjectParts.Part[i]
			all = append(all, Part{Number: p.PartNumber, Size: p.Size, Checksum: p.checksum()})
		}
		marker = page.ObjectParts.NextPartNumberMarker
		if !page.ObjectParts.IsTruncated || len(page.ObjectParts.Part) == 0 {
			return all, nil
		}
	}
}
