package redis

import (
	"context"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mucura/mucura/core/meta"
)

// Get reads a record; with its content both come from one command, so they
// belong together.
func (s *Store) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	if err := meta.Check(s.caps, p, key, meta.Record{}); err != nil {
		return meta.Record{}, fmt.Errorf("redis get: %w", err)
	}
	if err := s.enter(ctx); err != nil {
		return meta.Record{}, err
	}
	defer s.leave()
	if err := s.confirm(ctx, p, key); err != nil {
		return meta.Record{}, failedCall(ctx, "get", err, false)
	}
	if withBody {
		return s.getBoth(ctx, p, key)
	}
	records, _ := s.a.keysOf(p)
	var got *goredis.StringCmd
	if _, err := s.send(ctx, records, 100, func(bool) []goredis.Cmder {
		got = goredis.NewStringCmd(ctx, "hget", records, "r"+key)
		return []goredis.Cmder{got}
	}, &s.reads); err != nil {
		return meta.Record{}, failedCall(ctx, "get", err, false)
	}
	if got.Err() == goredis.Nil {
		return meta.Record{}, notFound(p, key)
	}
	b, err := got.Bytes()
	if err == nil {
		var r meta.Record
		if r, err = decode(b); err == nil {
			return r, nil
		}
	}
	return meta.Record{}, failedCall(ctx, "get", err, false)
}

func (s *Store) getBoth(ctx context.Context, p meta.Partition, key string) (meta.Record, error) {
	records, _ := s.a.keysOf(p)
	var got *goredis.SliceCmd
	if _, err := s.send(ctx, records, 100, func(bool) []goredis.Cmder {
		got = goredis.NewSliceCmd(ctx, "hmget", records, "r"+key, "b"+key)
		return []goredis.Cmder{got}
	}, &s.reads); err != nil {
		return meta.Record{}, failedCall(ctx, "get", err, false)
	}
	both := got.Val()
	if len(both) != 2 {
		return meta.Record{}, failedCall(ctx, "get", errDamaged, false)
	}
	text, there := both[0].(string)
	if !there {
		return meta.Record{}, notFound(p, key)
	}
	r, err := decode([]byte(text))
	if err != nil {
		return meta.Record{}, failedCall(ctx, "get", err, false)
	}
	if body, ok := both[1].(string); ok {
		r.Body = []byte(body)
	}
	return r, nil
}

func notFound(p meta.Partition, key string) error {
	return fmt.Errorf("redis get %s %q: %w", p, key, meta.ErrNotFound)
}
