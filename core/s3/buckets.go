package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// maxBuckets is the most buckets a page of ListBuckets holds, and how many it
// holds when the client names no number.
const maxBuckets = 10000

// listBuckets lists the buckets of who asks
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html).
func (c *call) listBuckets() error {
	if c.principal.Anonymous() {
		return s3err.AccessDenied
	}
	if err := c.authorize("s3:ListAllMyBuckets", "", nil, nil); err != nil {
		return err
	}
	limit := maxBuckets
	if v := c.query.get("max-buckets"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxBuckets {
			return badArgument("max-buckets", v, "Argument max-buckets must be an integer between 1 and 10000.")
		}
		limit = n
	}
	after, err := decodeToken(c.query.get("continuation-token"))
	if err != nil {
		return err
	}
	prefix, region := c.query.get("prefix"), c.query.get("bucket-region")
	account := c.principal.ID()
	if c.principal.IsOperator() {
		account = "" // who may do everything in every bucket can see them, too
	}
	buckets, more, err := c.f.Repo.ListBuckets(c.ctx, account, prefix, after, limit)
	if err != nil {
		return err
	}
	b := make([]byte, 0, 512+160*len(buckets))
	b = append(b, xmlHeader+`<ListAllMyBucketsResult xmlns="`+namespace+`">`...)
	b = c.newOwners().append(b, "Owner", c.principal.ID())
	b = append(b, "<Buckets>"...)
	for _, bk := range buckets {
		if r := c.regionOf(bk); (region == "" || region == r) && access.InScope(c.principal.Scope, bk.Name) {
			b = append(b, "<Bucket>"...)
			b = appendElement(b, "Name", bk.Name)
			b = appendElement(b, "CreationDate", formatTime(bk.Created))
			b = appendElement(b, "BucketRegion", r)
			b = append(b, "</Bucket>"...)
		}
	}
	b = append(b, "</Buckets>"...)
	if more && len(buckets) > 0 {
		b = appendElement(b, "ContinuationToken", encodeToken(buckets[len(buckets)-1].Name))
	}
	if prefix != "" {
		b = appendElement(b, "Prefix", prefix)
	}
	return c.document(http.StatusOK, append(b, "</ListAllMyBucketsResult>"...))
}

// regionOf is where a bucket is said to be.
func (c *call) regionOf(b *catalog.Bucket) string {
	if b.Region != "" {
		return b.Region
	}
	return c.f.Region
}

// createBucketXML is the optional body of CreateBucket.
type createBucketXML struct {
	XMLName            xml.Name `xml:"CreateBucketConfiguration"`
	LocationConstraint string
	Tags               *struct {
		Tag []tagXML
	}
}

// createBucket makes a bucket
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
func (c *call) createBucket() error {
	if c.principal.Anonymous() {
		return s3err.AccessDenied
	}
	if d := c.ask(access.Request{Action: "s3:CreateBucket", NewBucket: c.bucket}, nil); !d.Allow {
		return s3err.AccessDenied
	}
	in := catalog.Bucket{Name: c.bucket, Owner: c.principal.ID()}
	if err := c.bucketFromBody(&in); err != nil {
		return err
	}
	if err := c.bucketFromHeaders(&in); err != nil {
		return err
	}
	if _, err := c.f.Repo.CreateBucket(c.ctx, in); err != nil {
		return err
	}
	c.set("Location", "/"+c.bucket)
	c.set("X-Amz-Bucket-Arn", "arn:aws:s3:::"+c.bucket)
	return c.empty(http.StatusOK)
}

// bucketFromBody reads region and tags.
func (c *call) bucketFromBody(in *catalog.Bucket) error {
	body, err := c.readBody(maxTaggingDoc)
	if err != nil || len(body) == 0 {
		return err
	}
	var doc createBucketXML
	if err := parseXML(body, &doc); err != nil {
		return s3err.MalformedXML.With(err)
	}
	if !c.knownRegion(doc.LocationConstraint) {
		return s3err.InvalidLocationConstraint.Field("LocationConstraint", doc.LocationConstraint)
	}
	in.Region = doc.LocationConstraint
	if doc.Tags != nil {
		for _, t := range doc.Tags.Tag {
			in.Tags = append(in.Tags, catalog.Tag(t))
		}
	}
	return validateTags(in.Tags, maxBucketTags)
}

// knownRegion tells whether a bucket may be made there: in the front's own
// region, however the client spells "nowhere in particular".
func (c *call) knownRegion(r string) bool {
	switch r {
	case "", "EU", "US", "auto", "default":
		return true
	case c.f.Region:
		return r != usEast1 // S3 takes this region only by silence
	}
	return false
}

// usEast1 is the region that S3 does not name in a LocationConstraint.
const usEast1 = "us-east-1"

// bucketFromHeaders reads ownership, object lock and ACL.
func (c *call) bucketFromHeaders(in *catalog.Bucket) (err error) {
	h := c.r.Header
	if v := h.Get("X-Amz-Object-Ownership"); v != "" {
		switch in.Ownership = catalog.Ownership(v); in.Ownership {
		case catalog.BucketOwnerEnforced, catalog.BucketOwnerPreferred, catalog.ObjectWriter:
		default:
			return s3err.InvalidArgument.Say("Invalid x-amz-object-ownership header: %s", v).Field("ArgumentName", "x-amz-object-ownership")
		}
	} else if c.f.Site.Ownership(in) == catalog.BucketOwnerEnforced {
		in.Ownership = catalog.BucketOwnerEnforced // said outright, as S3 does for new buckets
	}
	if strings.EqualFold(h.Get("X-Amz-Bucket-Object-Lock-Enabled"), "true") {
		in.Lock, in.Versioning = &catalog.LockConfig{Enabled: true}, catalog.VersioningEnabled
	}
	in.ACL, err = c.newBucketACL(in)
	return err
}

// headBucket tells that a bucket exists and may be read
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html).
func (c *call) headBucket() error {
	c.set("X-Amz-Bucket-Region", c.regionOf(c.b))
	c.set("X-Amz-Access-Point-Alias", "false")
	c.w.Header()["Content-Type"] = xmlType
	c.start(http.StatusOK)
	return nil
}

// deleteBucket deletes an empty bucket.
func (c *call) deleteBucket() error {
	err := c.f.Repo.DeleteBucket(c.ctx, c.bucket)
	if errors.Is(err, s3err.BucketNotEmpty) && c.b.Versioning != catalog.Unversioned {
		return s3err.BucketNotEmpty.Say("The bucket you tried to delete is not empty. You must delete all versions in the bucket.").
			Field("BucketName", c.bucket)
	}
	if err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

// getBucketLocation tells the region; us-east-1 is written as nothing.
func (c *call) getBucketLocation() error {
	region := c.regionOf(c.b)
	if region == usEast1 {
		region = ""
	}
	b := append([]byte(nil), xmlHeader+`<LocationConstraint xmlns="`+namespace+`">`...)
	b = appendText(b, region)
	return c.document(http.StatusOK, append(b, "</LocationConstraint>"...))
}
