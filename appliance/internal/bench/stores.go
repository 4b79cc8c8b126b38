package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/adapters/swift/swifttest"
	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// large is the size of a large object.
const large = 64 << 20

// containers are what Mucura spreads contents over here. A site has 256, and each
// is made once in the life of a store.
const containers = 4

// lab is Mucura on Redis and Swift, and what speaks to the same Swift without it.
type lab struct {
	o      options
	redis  *redistest.Server
	swift  *swifttest.Node
	mucura *server
	s3api  *server // Swift's own S3 interface
	plain  *server // Swift's own protocol
}

// spent is CPU time so far, µs: of Mucura's process, and of the stores.
func (l *lab) spent() (own, stores float64, err error) {
	r, err := l.redis.CPU()
	if err != nil {
		return 0, 0, err
	}
	s, err := l.swift.CPU()
	return l.mucura.cpu(), float64((r + s).Microseconds()), err
}

// storesCase is a row: the same operation through Mucura and by another way.
type storesCase struct {
	name    string
	ops     int
	peer    func(*lab) *server
	prepare func(context.Context, *server, options) error
	op      func(ctx context.Context, s *server, round, i int) error
	goal    float64 // Mucura and its stores may cost so much of the peer
}

func storesCases() []storesCase {
	s3api := func(l *lab) *server { return l.s3api }
	plain := func(l *lab) *server { return l.plain }
	return []storesCase{
		{"PUT 4 KiB", 200, s3api, makeBucket, put(4<<10, "put/4k/%d/%d"), 1.0 / 3},
		{"GET 4 KiB", 400, s3api, fill(4<<10, "get/4k", 50), get("get/4k", 50, 4<<10), 1.0 / 3},
		{"LIST 1000 keys", 40, s3api, fillShort, list("list-type=2&prefix=list/", -1, 0), 0.1},
		{"PUT 64 MiB, beside plain Swift", 4, plain, makeContainers, eitherPut, 1.15},
		{"PUT 64 MiB, payload not signed", 4, plain, makeContainers, eitherPutUnsigned, 1.15},
		{"GET 64 MiB, beside plain Swift", 6, plain, fillLarge, eitherGet, 1.15},
	}
}

// storesRun measures all CPU that a request costs: of Mucura, Redis and Swift
// together, beside that of Swift alone.
func storesRun(o options) error {
	makePayload(4<<10, 128<<10, large)
	ctx := context.Background()
	dir, err := os.MkdirTemp(o.dir, "mucura-stores-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := &lab{o: o}
	if err := l.start(ctx, dir); err != nil {
		return errors.Join(err, l.stop())
	}
	fmt.Printf("%d clients, %d rounds; µs of CPU per operation, median\n\n", o.clients, o.rounds)
	fmt.Printf("%-32s%12s%12s%12s%8s%8s\n", "", "Mucura", "its stores", "the peer", "share", "goal")
	for _, c := range storesCases() {
		if !o.only.MatchString(c.name) {
			continue
		}
		if err := l.measure(ctx, c); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", c.name, err), l.stop())
		}
	}
	return l.stop()
}

func (l *lab) start(ctx context.Context, dir string) (err error) {
	if err := redistest.Install(ctx); err != nil {
		return err
	}
	if err := swifttest.Install(ctx, swifttest.Options{}); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "redis"), 0o700); err != nil {
		return err
	}
	if l.redis, err = redistest.Start(ctx, redistest.Options{Dir: filepath.Join(dir, "redis")}); err != nil {
		return err
	}
	if l.swift, err = swifttest.Start(ctx, swifttest.Options{}); err != nil {
		return err
	}
	bin, err := filepath.Abs(l.o.mucurad)
	if err != nil {
		return err
	}
	l.mucura, err = launch("mucura", filepath.Join(dir, "mucura"), func(port, admin, data string) *exec.Cmd {
		cmd := exec.Command(bin, "serve", "--listen", port, "--admin-listen", admin, "--data", data, "--sweep-interval", "0")
		cmd.Env = append(os.Environ(), "MUCURA_ROOT_ACCESS_KEY_ID="+harness.RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY="+harness.RootSecret,
			"MUCURA_METADATA="+l.redis.URL(), "MUCURA_CONTENT="+l.swift.URL()+"?containers="+strconv.Itoa(containers))
		return cmd
	})
	if err != nil {
		return err
	}
	pool := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	l.s3api = &server{name: "s3api", state: map[string]string{}, client: &harness.Client{
		Endpoint: "http://" + l.swift.Addr, Region: "us-east-1", HTTP: pool,
		Creds: sigv4.Credentials{AccessKeyID: swifttest.User, SecretAccessKey: swifttest.Key},
	}}
	l.plain = &server{name: "swift", state: map[string]string{}, client: &harness.Client{HTTP: pool}}
	return l.login(ctx)
}

func (l *lab) stop() error {
	if l.mucura != nil && l.mucura.cmd.Process != nil {
		l.mucura.stop()
	}
	if l.redis != nil {
		l.redis.Stop()
	}
	if l.swift != nil {
		return l.swift.Stop()
	}
	return nil
}

// login gets what Swift's own protocol needs.
func (l *lab) login(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+l.swift.Addr+"/auth/v1.0", nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-User", swifttest.User)
	r.Header.Set("X-Auth-Key", swifttest.Key)
	resp, err := l.plain.client.HTTP.Do(r)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	l.plain.state["url"], l.plain.state["token"] = resp.Header.Get("X-Storage-Url"), resp.Header.Get("X-Auth-Token")
	_, err = l.plain.native(ctx, "PUT", "", nil)
	l.plain.state["bucket"] = "made"
	return err
}

// measure runs the rounds of both, interleaved.
func (l *lab) measure(ctx context.Context, c storesCase) error {
	peer := c.peer(l)
	for _, s := range []*server{l.mucura, peer} {
		if err := c.prepare(ctx, s, l.o); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	n := max(2, int(float64(c.ops)*l.o.scale))
	var own, stores, other []float64
	for round := range l.o.rounds {
		for _, s := range []*server{l.mucura, peer} {
			a, b, err := l.spent()
			if err != nil {
				return err
			}
			stopProfile := func() {}
			if l.o.profile != "" && s == l.mucura {
				stopProfile = s.profile(profileFile(l.o, benchCase{name: c.name}))
			}
			err = parallel(min(n, l.o.clients), n, func(i int) error { return c.op(ctx, s, round, i) })
			stopProfile()
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			time.Sleep(300 * time.Millisecond) // what a store does after its answer counts, too
			a2, b2, err := l.spent()
			if err != nil {
				return err
			}
			if s == peer {
				other = append(other, (b2-b)/float64(n))
				continue
			}
			own = append(own, (a2-a)/float64(n))
			stores = append(stores, (b2-b)/float64(n))
		}
	}
	a, b, p := median(own), median(stores), median(other)
	fmt.Printf("%-32s%12.0f%12.0f%12.0f%8.2f%8.2f\n", c.name, a, b, p, (a+b)/p, c.goal)
	return nil
}

// fillShort makes as many objects as a few pages that overlap.
func fillShort(ctx context.Context, s *server, o options) error {
	if _, err := s.client.Must(ctx, "PUT", listBucket, "", "", nil, 200); err != nil {
		return err
	}
	return parallel(o.clients, 1000, func(i int) error {
		_, err := s.client.Must(ctx, "PUT", listBucket, fmt.Sprintf("list/00/k%06d", i), "", []byte("x"), 200)
		return err
	})
}

func fillLarge(ctx context.Context, s *server, o options) error {
	if err := makeBucket(ctx, s, o); err != nil {
		return err
	}
	return parallel(2, 2, func(i int) error { return eitherPut(ctx, s, 0, i) })
}

// makeContainers stores so many contents that every container is there.
func makeContainers(ctx context.Context, s *server, o options) error {
	if err := makeBucket(ctx, s, o); err != nil || s.state["token"] != "" {
		return err
	}
	return parallel(2, 8*containers, func(i int) error { return put(128<<10, "small/%d/%d")(ctx, s, 0, i) })
}

// eitherPut stores a large object, through S3 or by Swift's own protocol.
func eitherPut(ctx context.Context, s *server, _, i int) error {
	if s.state["token"] == "" {
		return put(large, "large/%d/%d")(ctx, s, 0, i)
	}
	_, err := s.native(ctx, "PUT", fmt.Sprint("/large-", i), payload[large])
	return err
}

// eitherPutUnsigned is eitherPut as SDKs do it over TLS: the signature is of the head
// alone, so there is no SHA-256 of the payload.
func eitherPutUnsigned(ctx context.Context, s *server, round, i int) error {
	if s.state["token"] != "" {
		return eitherPut(ctx, s, round, i)
	}
	url := fmt.Sprintf("%s/%s/unsigned-%d", s.client.Endpoint, bucket, i)
	r, err := http.NewRequestWithContext(ctx, "PUT", url, bytes.NewReader(payload[large]))
	if err != nil {
		return err
	}
	sigv4.Sign(r, s.client.Creds, harness.Region, "UNSIGNED-PAYLOAD", time.Now())
	resp, err := s.client.HTTP.Do(r)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 {
		err = errors.New(resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

func eitherGet(ctx context.Context, s *server, _, i int) error {
	var got []byte
	var err error
	if s.state["token"] == "" {
		var a *harness.Answer
		if a, err = s.client.Must(ctx, "GET", bucket, fmt.Sprintf("large/0/%d", i%2), "", nil, 200); err == nil {
			got = a.Body
		}
	} else {
		got, err = s.native(ctx, "GET", fmt.Sprint("/large-", i%2), nil)
	}
	if err == nil && !bytes.Equal(got, payload[large]) {
		err = fmt.Errorf("got %d other bytes", len(got))
	}
	return err
}

// native makes a request of Swift's own protocol in a container for this.
func (s *server) native(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.state["url"]+"/plain"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Auth-Token", s.state["token"])
	resp, err := s.client.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return b, err
}
