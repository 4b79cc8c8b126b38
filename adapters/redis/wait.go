package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mucura/mucura/core/meta"
)

// With wait=N a write is acknowledged when N replicas have it. When they do
// not confirm in time, the outcome is unknown: the primary has the write, and a
// failover may forget it. The caller reads back then, and must not take for
// settled what is not: so until N replicas have confirmed, reading those keys
// through this handle fails.
//
// Other handles see such a write, as they see any before it is acknowledged.

// maxUnconfirmed is how many keys are told apart; with more, the rest of a
// partition is one.
const maxUnconfirmed = 10000

// unconfirmed is the keys whose last write replicas have not confirmed, with
// the number of that write.
type unconfirmed struct {
	mu   sync.Mutex
	n    int
	keys map[string]int // partition, NUL, key; without a key all of the partition
}

// of gives the writes to be confirmed before a key may be read.
func (w *unconfirmed) of(p meta.Partition, key string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.keys) == 0 {
		return nil
	}
	found := map[string]int{}
	for _, mark := range []string{markOf(p, key), markOf(p, "")} {
		if n, ok := w.keys[mark]; ok {
			found[mark] = n
		}
	}
	return found
}

// settle forgets writes, unless the same key was written again since.
func (w *unconfirmed) settle(found map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for mark, n := range found {
		if w.keys[mark] == n {
			delete(w.keys, mark)
		}
	}
}

var errUnconfirmed = errors.New("fewer replicas than asked for have confirmed the write")

func markOf(p meta.Partition, key string) string { return string(p) + "\x00" + key }

// withWait puts the wait for replicas behind a write, on the same connection.
func (s *Store) withWait(ctx context.Context, write goredis.Cmder) []goredis.Cmder {
	if s.a.wait == 0 {
		return []goredis.Cmder{write}
	}
	return []goredis.Cmder{write, s.waitCommand(ctx)}
}

// waitCommand is WAITAOF where all servers have it (7.2): the replicas have
// then fsynced the write. Before, WAIT says that they have it in memory.
func (s *Store) waitCommand(ctx context.Context) goredis.Cmder {
	ms := s.a.waitFor.Milliseconds()
	if s.a.unchecked || s.a.noWaitAOF.Load() {
		return goredis.NewCmd(ctx, "wait", s.a.wait, ms)
	}
	return goredis.NewCmd(ctx, "waitaof", 1, s.a.wait, ms)
}

// waited judges the answer to the wait: of WAIT the number of replicas, of
// WAITAOF whether the primary has fsynced, and the number of replicas that have.
func (s *Store) waited(cmds []goredis.Cmder) error {
	if s.a.wait == 0 {
		return nil
	}
	cmd, ok := cmds[len(cmds)-1].(*goredis.Cmd)
	if !ok {
		return &unknown{errUnconfirmed}
	}
	var replicas int64
	switch v := cmd.Val().(type) {
	case int64:
		replicas = v
	case []any:
		if len(v) == 2 && v[0] == int64(1) {
			replicas, _ = v[1].(int64)
		}
	}
	if replicas < int64(s.a.wait) {
		return &unknown{fmt.Errorf("%d of %d: %w", replicas, s.a.wait, errUnconfirmed)}
	}
	return nil
}

// note remembers the keys of a write whose outcome is unknown.
func (s *Store) note(p meta.Partition, ops []meta.Op, err error) {
	var u *unknown
	if s.a.wait == 0 || !errors.As(err, &u) {
		return
	}
	w := &s.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keys == nil {
		w.keys = map[string]int{}
	}
	w.n++
	for i := range ops {
		mark := markOf(p, ops[i].Key)
		if _, there := w.keys[mark]; !there && len(w.keys) >= maxUnconfirmed {
			mark = markOf(p, "")
		}
		w.keys[mark] = w.n
	}
}

// confirm makes sure that a key may be read. What replicas have of a write that
// comes later, they have of all before it: so a write of no consequence, and a
// wait for that, settles the ones before.
func (s *Store) confirm(ctx context.Context, p meta.Partition, key string) error {
	if s.a.wait == 0 {
		return nil
	}
	found := s.waiting.of(p, key)
	if len(found) == 0 {
		return nil
	}
	records, _ := s.a.keysOf(p)
	cmds, err := s.send(ctx, records, 0, func(bool) []goredis.Cmder {
		return s.withWait(ctx, goredis.NewStatusCmd(ctx, "set", records+":wait", "", "px", 1000))
	}, nil)
	if err == nil {
		err = s.waited(cmds)
	}
	if err == nil {
		s.waiting.settle(found)
	}
	return err
}
