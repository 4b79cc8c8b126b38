package torture

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// TestQuotaTorture lets 64 writers at once, over two servers, store what is twice
// a person's quota, round after round. At no moment may more be stored than the
// quota; about half must fit; whoever is refused is told what is used, the limit
// and where to raise it. With MUCURA_TEST_CYCLES both servers are killed while
// they write, and a sweep must leave no byte counted that is not there.
func TestQuotaTorture(t *testing.T) {
	t.Parallel()
	const (
		writers = 64
		each    = 100 << 10
		limit   = writers * each / 2
	)
	one, other := two(t)
	id, secret := keyPair(t, on(t, one, "account", "add", "mia", "--quota", fmt.Sprint(limit)))
	clients := []*harness.Client{one.NewClient().As(id, secret), other.NewClient().As(id, secret)}
	newBucket(t, clients[0])
	for round := range number(t, "MUCURA_TEST_ROUNDS", 3) {
		var wg sync.WaitGroup
		var stored, refused atomic.Int64
		for w := range writers {
			wg.Go(func() {
				key := fmt.Sprint("w", w)
				a, err := clients[w%2].Do(ctx, "PUT", bucket, key, "", body(key, round, each))
				switch {
				case err != nil:
					t.Error(err)
				case a.Status == 200:
					stored.Add(each)
				case a.Status == 403 && a.Code() == "QuotaExceeded":
					refused.Add(1)
					for _, want := range []string{"uses", fmt.Sprintf("(%d bytes)", limit), "mucura quota set"} {
						if !strings.Contains(string(a.Body), want) {
							t.Errorf("%s does not say %q", a.Body, want)
						}
					}
				default:
					t.Errorf("%d %s", a.Status, a.Body)
				}
			})
		}
		wg.Wait()
		if stored.Load() > limit {
			t.Errorf("round %d: %d bytes are stored, the quota is %d", round, stored.Load(), limit)
		}
		if stored.Load() < limit*3/4 {
			t.Errorf("round %d: only %d of %d bytes were let in", round, stored.Load(), limit)
		}
		t.Logf("round %d: %d bytes stored, %d writers refused", round, stored.Load(), refused.Load())
		eventually(t, "both have told what they did", func() bool { return used(t, one, "mia") == stored.Load() })
		for _, key := range list(t, clients[0]) {
			if _, err := clients[round%2].Must(ctx, "DELETE", bucket, key, "", nil, 204); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all is free again", func() bool { return used(t, one, "mia") == 0 })
	}
	if os.Getenv("MUCURA_TEST_CYCLES") != "" {
		killedThenExact(t, one, other, clients)
	}
}
