package repo

import (
	"context"
	"github.com/mucura/mucura/core/catalog"
)

func (r *Repo) listObjects(ctx context.Context, b *catalog.Bucket, in ListInput) (*Listing, error) {
	panic("unwritten")
}

func (r *Repo) listVersions(ctx context.Context, b *catalog.Bucket, in ListInput, afterVersion string) (*Listing, error) {
	panic("unwritten")
}

func (r *Repo) createUpload(ctx context.Context, in CreateUploadInput) (*catalog.Upload, error) {
	panic("unwritten")
}

func (r *Repo) upload(ctx context.Context, b *catalog.Bucket, key, uploadID string) (*catalog.Upload, error) {
	panic("unwritten")
}

func (r *Repo) uploadPart(ctx context.Context, in UploadPartInput) (*catalog.Part, error) {
	panic("unwritten")
}

func (r *Repo) copyPart(ctx context.Context, in CopyPartInput) (*catalog.Part, error) {
	panic("unwritten")
}

func (r *Repo) completeUpload(ctx context.Context, in CompleteUploadInput) (*catalog.Object, error) {
	panic("unwritten")
}

func (r *Repo) abortUpload(ctx context.Context, b *catalog.Bucket, key, uploadID string) error {
	panic("unwritten")
}

func (r *Repo) listParts(ctx context.Context, b *catalog.Bucket, key, uploadID string, after, max int) (parts []catalog.Part, more bool, err error) {
	panic("unwritten")
}

func (r *Repo) listUploads(ctx context.Context, b *catalog.Bucket, in ListInput, afterUpload string) (*UploadListing, error) {
	panic("unwritten")
}

func (r *Repo) createBucket(ctx context.Context, in catalog.Bucket) (*catalog.Bucket, error) {
	panic("unwritten")
}

func (r *Repo) bucket(ctx context.Context, name string) (*catalog.Bucket, error) { panic("unwritten") }

func (r *Repo) updateBucket(ctx context.Context, name string, change func(*catalog.Bucket) error) (*catalog.Bucket, error) {
	panic("unwritten")
}

func (r *Repo) deleteBucket(ctx context.Context, name string) error { panic("unwritten") }

func (r *Repo) listBuckets(ctx context.Context, account, prefix, after string, max int) (buckets []*catalog.Bucket, more bool, err error) {
	panic("unwritten")
}

func (r *Repo) allBuckets(ctx context.Context, fn func(*catalog.Bucket) error) error {
	panic("unwritten")
}

func (r *Repo) bucketDoc(ctx context.Context, b *catalog.Bucket, kind string) ([]byte, error) {
	panic("unwritten")
}

func (r *Repo) setBucketDoc(ctx context.Context, b *catalog.Bucket, kind string, doc []byte) error {
	panic("unwritten")
}
