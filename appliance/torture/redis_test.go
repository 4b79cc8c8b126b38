package torture

import (
	"os"
	"testing"

	"github.com/mucura/mucura/adapters/redis/redistest"
)

// onRedis makes the servers that a test starts from now on keep their metadata
// in a Redis of its own.
func onRedis(t *testing.T) *redistest.Server {
	t.Helper()
	redistest.Need(t)
	dir, err := os.MkdirTemp("", "mucura-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r, err := redistest.Start(t.Context(), redistest.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill)
	t.Setenv("MUCURA_METADATA", r.URL())
	return r
}

// TestKilledOnRedis kills the server, the Redis that keeps its metadata, and
// both. When only Redis dies, the server stays up and works again by itself.
func TestKilledOnRedis(t *testing.T) {
	r := onRedis(t)
	s := start(t, killArgs...)
	killedWhileWriting(t, s, number(t, "MUCURA_TEST_CYCLES", 6), func(cycle int) {
		if cycle%3 != 0 {
			r.Kill()
		}
		if cycle%3 != 1 {
			s.Kill()
		}
		if cycle%3 != 0 {
			if err := r.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if cycle%3 != 1 {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestLinearizableOnRedis is TestLinearizable over two servers on one Redis.
func TestLinearizableOnRedis(t *testing.T) {
	onRedis(t)
	TestLinearizable(t)
}
