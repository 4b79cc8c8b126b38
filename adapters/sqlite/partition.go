package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"

	"github.com/mucura/mucura/core/meta"
)

// partitions remembers the numbers that stand for partition names in the
// file. A number once given is never taken back, by no process, so what is
// remembered cannot go stale.
type partitions struct {
	ids sync.Map // meta.Partition -> int64
}

func (ps *partitions) known(p meta.Partition) (int64, bool) {
	if id, ok := ps.ids.Load(p); ok {
		return id.(int64), true
	}
	return 0, false
}

func (ps *partitions) learn(p meta.Partition, id int64) { ps.ids.Store(p, id) }

// partition finds the number of a partition; found is false when it has never
// been written.
func (s *Store) partition(ctx context.Context, p meta.Partition) (id int64, found bool, err error) {
	if id, ok := s.parts.known(p); ok {
		return id, true, nil
	}
	err = s.read(ctx, func(c *conn) error {
		id, found, err = c.partition(p)
		return err
	})
	if err != nil {
		return 0, false, failed("find partition", err)
	}
	if found {
		s.parts.learn(p, id)
	}
	return id, found, nil
}

func (c *conn) partition(p meta.Partition) (id int64, found bool, err error) {
	var row [1]driver.Value
	found, err = c.row(findPartition, row[:], string(p))
	return number(row[0]), found, err
}
