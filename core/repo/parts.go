package repo

import (
	"context"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func (h *Handle) partList(ctx context.Context) ([]catalog.PartInfo, error) {
	if h.PartCount == 0 {
		return nil, nil
	}
	if h.Manifest == "" || len(h.Parts) > 0 {
		return h.Parts, nil
	}
	m, err := h.repo.manifest(ctx, h.Manifest)
	if err != nil {
		return nil, wrap(err)
	}
	return m.parts, nil
}

func (h *Handle) partRange(ctx context.Context, n int) (offset, length int64, err error) {
	if n == 1 && h.PartCount == 0 {
		return 0, h.Size, nil
	}
	parts, err := h.partList(ctx)
	if err != nil {
		return 0, 0, err
	}
	if n < 1 || n > len(parts) {
		return 0, 0, s3err.InvalidPartNumber.Field("PartNumberRequested", fmt.Sprint(n)).
			Field("ActualPartCount", fmt.Sprint(max(h.PartCount, 1)))
	}
	for i := range n - 1 {
		offset += parts[i].Size
	}
	return offset, parts[n-1].Size, nil
}
