package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
)

// quotaFor is a reservation with the account it is for. The zero value counts nothing.
type quotaFor struct {
	account *catalog.Account
	res     *quota.Reservation
}

// room refuses a write of so many bytes when the stores are almost full.
func (r *Repo) room(ctx context.Context, bytes int64, inline bool) error {
	if r.Room == nil {
		return nil
	}
	return wrap(r.Room(ctx, bytes, inline))
}

// reserve sets bytes aside for a write into b, whose owner pays for what is in it.
func (r *Repo) reserve(ctx context.Context, b *catalog.Bucket, bytes int64) (*quotaFor, error) {
	if r.Quota == nil {
		return &quotaFor{}, nil
	}
	account, err := r.Accounts.Account(ctx, b.Owner)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, s3err.AccessDenied.With(err)
	}
	if err != nil {
		return nil, wrap(err)
	}
	res, err := r.Quota.Reserve(ctx, account, bytes)
	if err != nil {
		return nil, wrap(err)
	}
	return &quotaFor{account, res}, nil
}

// grow sets more bytes aside.
func (q *quotaFor) grow(ctx context.Context, more int64) error {
	if q.res == nil || more == 0 {
		return nil
	}
	return wrap(q.res.Grow(ctx, q.account, more))
}
