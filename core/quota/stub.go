package quota

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
)

type keeperState struct{}

func (k *Keeper) reserve(ctx context.Context, acct *catalog.Account, bytes int64) (*Reservation, error) {
	panic("unwritten")
}
func (r *Reservation) grow(ctx context.Context, acct *catalog.Account, more int64) error {
	panic("unwritten")
}
func (r *Reservation) settle(bytes, objects int64)          { panic("unwritten") }
func (r *Reservation) cancel()                              { panic("unwritten") }
func (k *Keeper) note(account string, bytes, objects int64) { panic("unwritten") }
func (k *Keeper) flush(ctx context.Context) error           { panic("unwritten") }
func (k *Keeper) usage(ctx context.Context, account string) (u catalog.Usage, err error) {
	panic("unwritten")
}
