package torture

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/adapters/swift"
	"github.com/mucura/mucura/adapters/swift/swifttest"
	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/content"
)

// swiftNode is the Swift that the tests share.
var swiftNode swifttest.Shared

// onSwift makes the servers that a test starts from now on keep their contents
// in containers of its own, and gives what lists them.
func onSwift(t *testing.T, name string) (n *swifttest.Node, stored func() []string) {
	t.Helper()
	n = swiftNode.Get(t)
	url := n.URL() + "?containers=4&prefix=" + name
	t.Setenv("MUCURA_CONTENT", url)
	return n, func() (ids []string) {
		// Listings lag, so each content is asked for.
		if err := n.Settle(); err != nil {
			t.Fatal(err)
		}
		s, err := swift.Open(t.Context(), url, swift.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.Walk(t.Context(), "", func(i content.Info) error {
			_, err := s.Stat(t.Context(), i.ID)
			if err == nil {
				ids = append(ids, string(i.ID))
			} else if errors.Is(err, content.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
}

// restartSwift starts servers that were killed.
func restartSwift(t *testing.T, n *swifttest.Node, servers ...string) {
	t.Helper()
	for _, server := range servers {
		if err := n.StartServer(server); err != nil {
			t.Fatal(err)
		}
	}
	for _, server := range servers {
		if err := n.WaitFor(t.Context(), server); err != nil {
			t.Fatal(err)
		}
	}
}

func killSwift(t *testing.T, n *swifttest.Node, servers ...string) {
	t.Helper()
	for _, server := range servers {
		if err := n.StopServer(server); err != nil { // by SIGKILL
			t.Fatal(err)
		}
	}
}

// TestKilledOnSwiftAndRedis kills the server, Redis, Swift's proxy, its object
// server, and all of them, while clients write. When only stores die, the server
// stays up and works again by itself.
func TestKilledOnSwiftAndRedis(t *testing.T) {
	n, stored := onSwift(t, "killed")
	r := onRedis(t)
	s := start(t, killArgs...)
	// At most 60: Swift takes some seconds to start again.
	killedOn(t, s, min(number(t, "MUCURA_TEST_CYCLES", 5), 60), func(cycle int) {
		switch cycle % 5 {
		case 0:
			s.Kill()
			worked(t, s.Start())
		case 1:
			r.Kill()
			worked(t, r.Restart(t.Context()))
		case 2:
			killSwift(t, n, "proxy-server")
			restartSwift(t, n, "proxy-server")
		case 3:
			killSwift(t, n, "object-server")
			restartSwift(t, n, "object-server")
		case 4:
			s.Kill()
			r.Kill()
			killSwift(t, n, "proxy-server", "object-server")
			worked(t, r.Restart(t.Context()))
			restartSwift(t, n, "object-server", "proxy-server")
			worked(t, s.Start())
		}
	}, stored)
}

// outage is what happens to a store, and what of the rest must go on.
type outage struct {
	name      string
	cut, mend func(t *testing.T, n *swifttest.Node, r *redistest.Server)
	small     bool // objects kept in their records can still be read and written
	large     bool // others, too: nobody notices
}

var outages = []outage{
	{name: "Redis is killed", cut: func(t *testing.T, _ *swifttest.Node, r *redistest.Server) { r.Kill() },
		mend: func(t *testing.T, _ *swifttest.Node, r *redistest.Server) { worked(t, r.Restart(t.Context())) }},
	{name: "Redis hangs", cut: func(t *testing.T, _ *swifttest.Node, r *redistest.Server) { worked(t, r.Pause()) },
		mend: func(t *testing.T, _ *swifttest.Node, r *redistest.Server) { worked(t, r.Resume()) }},
	{name: "Swift's proxy is killed", small: true,
		cut:  func(t *testing.T, n *swifttest.Node, _ *redistest.Server) { killSwift(t, n, "proxy-server") },
		mend: func(t *testing.T, n *swifttest.Node, _ *redistest.Server) { restartSwift(t, n, "proxy-server") }},
	{name: "Swift's object servers are killed", small: true,
		cut:  func(t *testing.T, n *swifttest.Node, _ *redistest.Server) { killSwift(t, n, "object-server") },
		mend: func(t *testing.T, n *swifttest.Node, _ *redistest.Server) { restartSwift(t, n, "object-server") }},
	{name: "tokens are revoked", small: true, large: true,
		cut:  func(t *testing.T, n *swifttest.Node, _ *redistest.Server) { worked(t, n.RevokeTokens()) },
		mend: func(*testing.T, *swifttest.Node, *redistest.Server) {}},
}

func worked(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOutagesOnSwiftAndRedis: when a store is away, clients get 503 SlowDown or
// the right answer, never a wrong one; when it is back all works again without a
// restart, and what was acknowledged meanwhile is there.
func TestOutagesOnSwiftAndRedis(t *testing.T) {
	n, _ := onSwift(t, "outages")
	r := onRedis(t)
	s := start(t, "--sweep-interval", "0")
	c := s.NewClient()
	newBucket(t, c)
	// The server waits up to half a minute for a store, so all is asked at once.
	for i, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			p := &probe{t: t, c: c, round: i, may: map[string][][]byte{}}
			p.fill()
			o.cut(t, n, r)
			p.ask(o)
			o.mend(t, n, r)
			p.recover()
		})
	}
	fsck(t, s)
}

// probe knows what each key may hold.
type probe struct {
	t     *testing.T
	c     *harness.Client
	round int

	mu  sync.Mutex
	may map[string][][]byte // nil: nothing
}

var probeSizes = map[string]int{"small": 1000, "large": 400 << 10}

func (p *probe) key(size, name string) string { return fmt.Sprintf("%d/%s-%s", p.round, size, name) }

func (p *probe) fill() {
	p.t.Helper()
	for size, bytes := range probeSizes {
		for _, name := range []string{"read", "replaced", "deleted"} {
			key := p.key(size, name)
			b := body(key, 1, bytes)
			put(p.t, p.c, key, b)
			p.may[key] = [][]byte{b}
		}
	}
}

// ask reads, writes, deletes and lists during an outage.
func (p *probe) ask(o outage) {
	var wg sync.WaitGroup
	for size, bytes := range probeSizes {
		works := o.small && size == "small" || o.large
		wg.Go(func() {
			key := p.key(size, "read")
			a := p.do("GET", key, nil)
			p.judge("read a "+size+" object", a, works, 200)
			if a.Status == 200 {
				p.check(key, a.Body)
			}
		})
		wg.Go(func() { p.judge("look at a "+size+" object", p.do("HEAD", p.key(size, "read"), nil), o.small, 200) })
		for _, name := range []string{"replaced", "new"} {
			key := p.key(size, name)
			b := body(key, 2, bytes)
			wg.Go(func() { p.change("write a "+size+" object", "PUT", key, b, works, 200) })
		}
		wg.Go(func() { p.change("delete a "+size+" object", "DELETE", p.key(size, "deleted"), nil, o.small, 204) })
	}
	wg.Go(func() {
		a, err := p.c.Do(ctx, "GET", bucket, "", "list-type=2", nil)
		if err != nil {
			p.t.Error(err)
			return
		}
		p.judge("list", a, o.small, 200)
	})
	wg.Wait()
}

func (p *probe) do(method, key string, b []byte) *harness.Answer {
	a, err := p.c.Do(ctx, method, bucket, key, "", b)
	if err != nil {
		p.t.Errorf("%s %s: %v", method, key, err)
		return &harness.Answer{}
	}
	return a
}

// judge wants success where the store concerned works, and else that or a request
// to try again.
func (p *probe) judge(what string, a *harness.Answer, works bool, status int) {
	switch {
	case a.Status == status:
	case works:
		p.t.Errorf("%s: %d %s, want %d", what, a.Status, a.Body, status)
	case a.Status != 503 || a.Header.Get("Retry-After") == "" || len(a.Body) > 0 && a.Code() != "SlowDown":
		p.t.Errorf("%s: %d %s %v, want %d or 503 SlowDown", what, a.Status, a.Body, a.Header, status)
	}
}

// change makes a change and notes what the key may hold afterwards.
func (p *probe) change(what, method, key string, b []byte, works bool, status int) {
	a := p.do(method, key, b)
	p.judge(what, a, works, status)
	p.mu.Lock()
	defer p.mu.Unlock()
	before, known := p.may[key]
	if !known {
		before = [][]byte{nil}
	}
	if a.Status == status {
		p.may[key] = [][]byte{b}
		return
	}
	p.may[key] = append(before, b)
}

func (p *probe) check(key string, got []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.may[key] {
		if bytes.Equal(b, got) && (b == nil) == (got == nil) {
			return
		}
	}
	p.t.Errorf("%s holds %d bytes that it may not", key, len(got))
}

// recover waits until every key can be read and written again, and checks them.
func (p *probe) recover() {
	p.t.Helper()
	for size, bytes := range probeSizes {
		key := p.key(size, "after")
		b := body(key, 3, bytes)
		eventually(p.t, "writes", func() bool { return p.do("PUT", key, b).Status == 200 })
		p.may[key] = [][]byte{b}
	}
	for key := range p.may {
		var a *harness.Answer
		eventually(p.t, "reads", func() bool { a = p.do("GET", key, nil); return a.Status != 503 })
		switch a.Status {
		case 200:
			p.check(key, append([]byte{}, a.Body...))
		case 404:
			p.check(key, nil)
		default:
			p.t.Errorf("GET %s: %d %s", key, a.Status, a.Body)
		}
	}
}
