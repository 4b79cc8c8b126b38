package s3

import (
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/cors"
	"github.com/mucura/mucura/core/s3err"
)

// getCORS is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html
func getCORS(c *call) error {
	doc, err := c.f.Repo.BucketDoc(c.ctx, c.b, catalog.DocCORS)
	if err != nil {
		return err
	}
	if doc == nil {
		return s3err.NoSuchCORSConfiguration.Field("BucketName", c.bucket)
	}
	return c.document(http.StatusOK, doc)
}

// putCORS keeps the configuration in the form in which it is read again
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html).
func putCORS(c *call) error {
	body, err := c.readBody(cors.MaxSize)
	if err != nil {
		return err
	}
	cfg, err := cors.Parse(body)
	if err != nil {
		return err
	}
	doc, err := cfg.Encode()
	if err != nil {
		return s3err.InternalError.With(err)
	}
	if err := c.f.Repo.SetBucketDoc(c.ctx, c.b, catalog.DocCORS, doc); err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// deleteCORS is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketCors.html
func deleteCORS(c *call) error {
	if err := c.f.Repo.SetBucketDoc(c.ctx, c.b, catalog.DocCORS, nil); err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

// preflight answers a browser that asks whether a page may send a request
// (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html). It
// is never signed, and tells nothing but what the bucket's rules say.
func preflight(c *call) error {
	b, err := c.f.Repo.Bucket(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	cfg, err := c.corsOf(b)
	if err != nil {
		return err
	}
	if err := cors.Preflight(cfg, c.r.Header, c.header()); err != nil {
		return forbidden(err, c.r.Header.Get("Access-Control-Request-Method"), c.level())
	}
	return c.empty(http.StatusOK)
}

// forbidden adds what was asked for to a refusal.
func forbidden(err error, method string, lv level) error {
	e := s3err.From(err)
	if e.Code != s3err.AccessForbidden {
		return e
	}
	kind := "OBJECT"
	if lv == bucket {
		kind = "BUCKET"
	}
	return e.Field("Method", method).Field("ResourceType", kind)
}

// corsHeaders adds the headers that the bucket's CORS rules give to the
// request's Origin.
func (c *call) corsHeaders() error {
	cfg, err := c.corsOf(c.b)
	if err != nil {
		return err
	}
	cors.Apply(cfg, c.r.Method, c.r.Header, c.header())
	return nil
}

// corsOf reads a bucket's CORS configuration; nil when there is none.
func (c *call) corsOf(b *catalog.Bucket) (*cors.Config, error) {
	if !b.HasCORS {
		return nil, nil
	}
	doc, err := c.f.Repo.BucketDoc(c.ctx, b, catalog.DocCORS)
	if err != nil || doc == nil {
		return nil, err
	}
	cfg, err := cors.Parse(doc)
	if err != nil {
		return nil, s3err.InternalError.With(err)
	}
	return cfg, nil
}
