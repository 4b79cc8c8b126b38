package repo

import (
	"context"
	"github.com/mucura/mucura/core/catalog"
	"io"
)

type repoState struct{ queues queues }

func (r *Repo) putObject(ctx context.Context, in PutObjectInput) (*catalog.Object, error) {
	panic("unwritten")
}

func (r *Repo) open(ctx context.Context, b *catalog.Bucket, key, versionID string, withBody bool) (*Handle, error) {
	panic("unwritten")
}

func (h *Handle) openRange(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	panic("unwritten")
}

func (h *Handle) partList(ctx context.Context) ([]catalog.PartInfo, error) { panic("unwritten") }

func (h *Handle) partRange(ctx context.Context, n int) (offset, length int64, err error) {
	panic("unwritten")
}

func (r *Repo) deleteObject(ctx context.Context, in DeleteInput) (DeleteResult, error) {
	panic("unwritten")
}

func (r *Repo) copyObject(ctx context.Context, in CopyInput) (*catalog.Object, error) {
	panic("unwritten")
}

func (r *Repo) renameObject(ctx context.Context, b *catalog.Bucket, from, to string, source, dest WriteCond) error {
	panic("unwritten")
}

func (r *Repo) update(ctx context.Context, b *catalog.Bucket, key, versionID string, change func(*catalog.Object) error) (*catalog.Object, error) {
	panic("unwritten")
}
