package redis

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mucura/mucura/core/meta"
)

//go:embed script.lua
var scriptText string

// scriptHash is how Redis names a script it has been given; no secret.
func scriptHash() string {
	sum := sha1.Sum([]byte(scriptText))
	return hex.EncodeToString(sum[:])
}

// Put replaces a record.
func (s *Store) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if err := meta.Check(s.caps, p, key, r); err != nil {
		return "", fmt.Errorf("redis put: %w", err)
	}
	v := newVersion()
	if err := s.apply(ctx, "put", p, []meta.Op{{Key: key, Record: r, Cond: cond}}, v); err != nil {
		return "", err
	}
	return v, nil
}

// Delete removes a record.
func (s *Store) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if err := meta.Check(s.caps, p, key, meta.Record{}); err != nil {
		return fmt.Errorf("redis delete: %w", err)
	}
	return s.apply(ctx, "delete", p, []meta.Op{{Key: key, Delete: true, Cond: cond}}, "")
}

// Batch does all ops or none.
func (s *Store) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	if err := meta.CheckBatch(s.caps, p, ops); err != nil {
		return fmt.Errorf("redis batch: %w", err)
	}
	if len(ops) == 0 {
		return ctx.Err()
	}
	// One version for all: versions are compared per key.
	return s.apply(ctx, "batch", p, ops, newVersion())
}

// apply runs the script over one partition.
func (s *Store) apply(ctx context.Context, what string, p meta.Partition, ops []meta.Op, v meta.Version) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	records, index := s.a.keysOf(p)
	args, size := arguments(records, index, ops, v)
	var answer *goredis.Cmd
	cmds, err := s.send(ctx, records, size, func(full bool) []goredis.Cmder {
		args[0], args[1] = "evalsha", s.script
		if full {
			args[0], args[1] = "eval", scriptText
		}
		answer = goredis.NewCmd(ctx, args...)
		return s.withWait(ctx, answer)
	}, &s.writes)
	if err == nil || len(cmds) > 0 && cmds[0].Err() == nil {
		if n, ok := answer.Val().(int64); ok && n > 0 && int(n) <= len(ops) {
			return fmt.Errorf("redis %s %s %q: %w", what, p, ops[n-1].Key, meta.ErrConflict)
		}
		if err == nil {
			err = s.waited(cmds)
		}
	}
	if err != nil {
		s.note(p, ops, err)
		return failedCall(ctx, what, err, true)
	}
	return nil
}

// arguments are those of EVALSHA, the first two to be filled in, and about how
// many bytes they are. See script.lua.
func arguments(records, index string, ops []meta.Op, v meta.Version) (args []any, size int) {
	args = make([]any, 5, 5+5*len(ops))
	args[2], args[3], args[4] = 2, records, index
	for i := range ops {
		op := &ops[i]
		var record, body any = "", ""
		if !op.Delete {
			record, body = encode(op.Record, v), op.Record.Body
			size += len(op.Record.Value) + len(op.Record.Body)
		}
		size += 100 + 2*len(op.Key)
		args = append(args, condition(op.Cond), "r"+op.Key, appendEscaped(make([]byte, 0, len(op.Key)+2), op.Key), record, body)
	}
	return args, size
}

func condition(c meta.Cond) string {
	switch c.Kind {
	case meta.Absent:
		return "n"
	case meta.Match:
		return "m" + string(c.Version)
	}
	return "a"
}
