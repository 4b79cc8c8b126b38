package torture

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// two starts two servers on one data directory.
func two(t *testing.T, args ...string) (a, b *harness.Server) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	return startOn(t, data, args...), startOn(t, data, args...)
}

// TestTwoProcesses: what one server did the other knows at its next request.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	a, b := one.NewClient(), other.NewClient()
	do := func(c *harness.Client, method, key, query string, body []byte, status int) *harness.Answer {
		t.Helper()
		answer, err := c.Must(ctx, method, bucket, key, query, body, status)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for round := range 20 {
		do(a, "PUT", "", "", nil, 200)
		do(b, "HEAD", "", "", nil, 200)
		for i, size := range sizes[:2] {
			key := fmt.Sprint("k", i)
			first, second := body("first", round, size), body("second", round, size)
			put(t, a, key, first)
			wantObject(t, b, key, first)
			put(t, b, key, second)
			wantObject(t, a, key, second)
			do(b, "DELETE", key, "", nil, 204)
			wantObject(t, a, key, nil)
		}
		do(b, "PUT", "", "versioning=", []byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"), 200)
		if v := do(a, "PUT", "v", "", []byte("x"), 200).Header.Get("x-amz-version-id"); v == "" {
			t.Fatal("the other server does not know that there are versions")
		} else {
			do(b, "DELETE", "v", "versionId="+v, nil, 204)
		}
		var up struct{ UploadId string }
		if err := xml.Unmarshal(do(a, "POST", "m", "uploads=", nil, 200).Body, &up); err != nil {
			t.Fatal(err)
		}
		part := body("part", round, 100<<10)
		do(b, "PUT", "m", "partNumber=1&uploadId="+up.UploadId, part, 200)
		done := do(a, "POST", "m", "uploadId="+up.UploadId, []byte(fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>", etag(part))), 200)
		wantObject(t, b, "m", part)
		do(b, "DELETE", "m", "versionId="+done.Header.Get("x-amz-version-id"), nil, 204)
		do(b, "DELETE", "", "", nil, 204)
		do(a, "GET", "", "", nil, 404)
	}
	fsck(t, one)
}

// TestKeysOfTwoProcesses: a key that is removed opens nothing from then on,
// whichever server had seen it before; a new one works at once.
func TestKeysOfTwoProcesses(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	newBucket(t, one.NewClient())
	on(t, one, "account", "add", "mia")
	for range 5 {
		id, secret := keyPair(t, on(t, one, "key", "add", "mia"))
		clients := []*harness.Client{one.NewClient().As(id, secret), other.NewClient().As(id, secret)}
		for _, c := range clients {
			if _, err := c.Must(ctx, "GET", "", "", "", nil, 200); err != nil {
				t.Fatal(err)
			}
		}
		on(t, one, "key", "rm", id)
		for _, c := range clients {
			a, err := c.Do(ctx, "GET", "", "", "", nil)
			wantAnswer(t, "removed key", a, err, 403, "InvalidAccessKeyId")
		}
	}
}

// TestQuotaOverTwoProcesses writes and deletes through two servers as fast as it
// can, near the quota all the time. At no moment may more be stored. With
// MUCURA_TEST_CYCLES both are killed at the end, and the figure must be exact
// after a sweep.
func TestQuotaOverTwoProcesses(t *testing.T) {
	t.Parallel()
	const limit = 4 << 20
	one, other := two(t)
	out := on(t, one, "account", "add", "mia", "--quota", fmt.Sprint(limit))
	id, secret := keyPair(t, out)
	clients := []*harness.Client{one.NewClient().As(id, secret), other.NewClient().As(id, secret)}
	newBucket(t, clients[0])
	// What may be stored at most at any moment: an object counts from the answer
	// to its PUT to the sending of its DELETE.
	var stored, most, refused, kept atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			c := clients[w%2].As(id, secret)
			rnd := rand.New(rand.NewPCG(uint64(w), 3))
			mine := map[string]int64{}
			for n := range number(t, "MUCURA_TEST_OPS", 120) {
				key := fmt.Sprintf("w%d-%d", w, n)
				size := rnd.IntN(200 << 10)
				a, err := c.Do(ctx, "PUT", bucket, key, "", body(key, n, size))
				switch {
				case err != nil:
					t.Error(err)
				case a.Status == 200:
					mine[key] = int64(size)
					now := stored.Add(int64(size))
					for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
					}
				case a.Code() == "QuotaExceeded":
					refused.Add(1)
				default:
					t.Errorf("PUT: %d %s", a.Status, a.Body)
				}
				if refused.Load()%3 != 1 || len(mine) == 0 {
					continue
				}
				for victim, size := range mine {
					stored.Add(-size)
					delete(mine, victim)
					if _, err := c.Must(ctx, "DELETE", bucket, victim, "", nil, 204); err != nil {
						t.Error(err)
					}
					break
				}
			}
			for _, size := range mine {
				kept.Add(size)
			}
		})
	}
	wg.Wait()
	t.Logf("at most %d of %d bytes, %d refused", most.Load(), limit, refused.Load())
	if most.Load() > limit {
		t.Errorf("%d bytes were stored, the quota is %d", most.Load(), limit)
	}
	if refused.Load() == 0 || most.Load() < limit/2 {
		t.Errorf("the quota was not reached: %d bytes, %d refused", most.Load(), refused.Load())
	}
	eventually(t, "both have told what they did", func() bool { return used(t, one, "mia") == kept.Load() })
	if os.Getenv("MUCURA_TEST_CYCLES") != "" {
		killedThenExact(t, one, other, clients)
	}
}

// killedThenExact kills both servers while they write, and counts after the time
// a lease is good for.
func killedThenExact(t *testing.T, one, other *harness.Server, clients []*harness.Client) {
	t.Helper()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 6 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					_, _ = clients[w%2].Do(ctx, "PUT", bucket, fmt.Sprintf("killed-%d-%d", w, n%10), "", body("k", n, 3000))
					_, _ = clients[w%2].Do(ctx, "DELETE", bucket, fmt.Sprintf("killed-%d-%d", w, (n+5)%10), "", nil)
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	one.Kill()
	other.Kill()
	close(stop)
	wg.Wait()
	time.Sleep(130 * time.Second) // twice the time of a lease, and some
	if err := one.Start(); err != nil {
		t.Fatal(err)
	}
	on(t, one, "sweep")
	var really int64
	for _, key := range list(t, clients[0]) {
		a, err := clients[0].Must(ctx, "HEAD", bucket, key, "", nil, 200)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(a.Header.Get("Content-Length"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		really += n
	}
	if got := used(t, one, "mia"); got != really {
		t.Errorf("after a sweep %d bytes are counted, %d are there", got, really)
	}
}

func list(t *testing.T, c *harness.Client) []string {
	t.Helper()
	keys, err := c.List(ctx, bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// used is what the account list says an account uses.
func used(t *testing.T, s *harness.Server, name string) int64 {
	t.Helper()
	for line := range strings.Lines(on(t, s, "account", "ls")) {
		if f := strings.Fields(line); f[0] == name {
			n, err := strconv.ParseInt(f[3], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no account %s", name)
	return 0
}
