package repo

import (
	"context"
	"github.com/mucura/mucura/core/catalog"
)

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
