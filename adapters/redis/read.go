package redis

import (
	"context"
	"fmt"
	"unsafe"

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
	// An absent field comes as "", which no record is; a record says itself
	// whether it has a content.
	var got *goredis.StringSliceCmd
	if _, err := s.send(ctx, records, 100, func(bool) []goredis.Cmder {
		got = goredis.NewStringSliceCmd(ctx, "hmget", records, "r"+key, "b"+key)
		return []goredis.Cmder{got}
	}, &s.reads); err != nil {
		return meta.Record{}, failedCall(ctx, "get", err, false)
	}
	both := got.Val()
	if len(both) != 2 {
		return meta.Record{}, failedCall(ctx, "get", errDamaged, false)
	}
	if both[0] == "" {
		return meta.Record{}, notFound(p, key)
	}
	r, err := decode(bytesOf(both[0]))
	if err != nil {
		return meta.Record{}, failedCall(ctx, "get", err, false)
	}
	if both[1] != "" {
		r.Body = bytesOf(both[1])
	}
	return r, nil
}

// bytesOf gives the memory of an answer as bytes. The library makes a string of
// its own for each answer, and we are the only ones to have it; copying the
// contents once more would cost as much as reading them.
func bytesOf(answer string) []byte { return unsafe.Slice(unsafe.StringData(answer), len(answer)) }

func notFound(p meta.Partition, key string) error {
	return fmt.Errorf("redis get %s %q: %w", p, key, meta.ErrNotFound)
}
