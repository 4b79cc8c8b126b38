package quota_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
	"pgregory.net/rapid"
)

// world is two processes over one registry, the objects there really are, and
// a count of them that goes on at its own pace.
type world struct {
	t       *rapid.T
	reg     *registry
	clock   *clock
	limit   int64
	procs   []*process
	started int
	objects map[int]int64 // by place, which a count visits in order

	counting bool
	token    int64
	place    int // the count has seen those below
	bytes    int64
	number   int64
}

type process struct {
	k     *quota.Keeper
	open  []write
	owing []func() // what committed writes have still to tell the keeper
}

type write struct {
	r *quota.Reservation
	n int64
}

const places = 30

func (w *world) start(i int) {
	w.started++
	k := keeper(w.reg, w.clock, fmt.Sprint(w.started))
	k.Chunk = rapid.SampledFrom([]int64{0, -1, 50}).Draw(w.t, "chunk")
	w.procs[i] = &process{k: k}
}

func (w *world) draw(name string) *process {
	return w.procs[rapid.IntRange(0, len(w.procs)-1).Draw(w.t, name)]
}

func (w *world) reserve(t *rapid.T) {
	p := w.draw("process")
	n := rapid.Int64Range(0, w.limit/3).Draw(t, "bytes")
	r, err := p.k.Reserve(ctx, account(w.limit), n)
	switch {
	case err == nil:
		p.open = append(p.open, write{r, n})
	case !errors.Is(err, s3err.QuotaExceeded) && !errors.Is(err, s3err.SlowDown):
		t.Fatal(err)
	}
}

// take removes an open write from its process.
func (w *world) take(t *rapid.T, p *process) (write, bool) {
	if len(p.open) == 0 {
		return write{}, false
	}
	i := rapid.IntRange(0, len(p.open)-1).Draw(t, "write")
	o := p.open[i]
	p.open = append(p.open[:i:i], p.open[i+1:]...)
	return o, true
}

// tell lets the keeper know of a change, now or later.
func (p *process) tell(t *rapid.T, fn func()) {
	if rapid.Bool().Draw(t, "later") {
		p.owing = append(p.owing, fn)
	} else {
		fn()
	}
}

func (p *process) tellAll() {
	for _, fn := range p.owing {
		fn()
	}
	p.owing = nil
}

func (w *world) commit(t *rapid.T) {
	p := w.draw("process")
	o, ok := w.take(t, p)
	if !ok {
		return
	}
	place := rapid.IntRange(0, places-1).Draw(t, "place")
	old, replaced := w.objects[place]
	w.objects[place] = o.n
	objects := int64(1)
	if replaced {
		objects = 0
	}
	p.tell(t, func() { o.r.Settle(o.n-old, objects) })
}

func (w *world) cancel(t *rapid.T) {
	if o, ok := w.take(t, w.draw("process")); ok {
		o.r.Cancel()
	}
}

func (w *world) remove(t *rapid.T) {
	p := w.draw("process")
	place := rapid.IntRange(0, places-1).Draw(t, "place")
	old, ok := w.objects[place]
	if !ok {
		return
	}
	delete(w.objects, place)
	p.tell(t, func() { p.k.Note("a1", -old, -1) })
}

func (w *world) told(*rapid.T) { w.draw("process").tellAll() }

func (w *world) flush(*rapid.T) { w.draw("process").k.Flush(ctx) }

// kill ends a process as a power cut does.
func (w *world) kill(t *rapid.T) {
	w.start(rapid.IntRange(0, len(w.procs)-1).Draw(t, "process"))
}

// pass lets time go by; timers flush meanwhile.
func (w *world) pass(t *rapid.T) {
	for range rapid.SampledFrom([]int{1, 3, 12}).Draw(t, "steps") {
		w.clock.pass(20 * time.Second)
		for _, p := range w.procs {
			p.tellAll()
			p.k.Flush(ctx)
		}
	}
}

// fail makes the next write of the registry fail.
func (w *world) fail(t *rapid.T) {
	w.reg.put = rapid.SampledFrom([]error{meta.ErrUnavailable, meta.ErrOutcomeUnknown, meta.ErrConflict}).Draw(t, "error")
	w.reg.landed = w.reg.put == meta.ErrOutcomeUnknown && rapid.Bool().Draw(t, "landed")
}

func (w *world) begin(*rapid.T) {
	token, err := w.draw("process").k.BeginRecount(ctx, "a1")
	if err == nil {
		w.counting, w.token, w.place, w.bytes, w.number = true, token, 0, 0, 0
	}
}

func (w *world) count(t *rapid.T) {
	for range rapid.IntRange(1, places).Draw(t, "objects") {
		if n, ok := w.objects[w.place]; ok && w.place < places {
			w.bytes += n
			w.number++
		}
		w.place = min(w.place+1, places)
	}
}

func (w *world) end(t *rapid.T) {
	if !w.counting {
		return
	}
	for w.place < places {
		w.count(t)
	}
	for _, p := range w.procs { // what EndRecount waits for
		p.tellAll()
	}
	w.counting = false
	w.draw("process").k.EndRecount(ctx, "a1", w.token, w.bytes, w.number)
}

func (w *world) used() (bytes, number int64) {
	for _, n := range w.objects {
		bytes += n
	}
	return bytes, int64(len(w.objects))
}

// check says what holds at all times.
func (w *world) check(t *rapid.T) {
	used, _ := w.used()
	if used > w.limit {
		t.Fatalf("%d bytes used of %d", used, w.limit)
	}
	if u := w.reg.usage(t, "a1"); used > u.Bytes+leased(u) {
		t.Fatalf("%d bytes used, but %d recorded and %d leased", used, u.Bytes, leased(u))
	}
}

// finish ends everything and recounts; then the figure is exact.
func (w *world) finish() {
	t := w.t
	w.reg.put = nil
	for _, p := range w.procs {
		p.tellAll()
		for _, o := range p.open {
			o.r.Cancel()
		}
		if err := p.k.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	w.check(t)
	w.clock.pass(time.Hour)
	k := keeper(w.reg, w.clock, "last")
	token, err := k.BeginRecount(ctx, "a1")
	bytes, number := w.used()
	if err == nil {
		err = k.EndRecount(ctx, "a1", token, bytes, number)
	}
	if err != nil {
		t.Fatal(err)
	}
	u := w.reg.usage(t, "a1")
	if u.Bytes != bytes || u.Objects != number || len(u.Leases) != 0 || u.Doubt != 0 || u.Recount != nil {
		t.Fatalf("%d bytes, %d objects in truth; recorded %+v", bytes, number, u)
	}
}

// TestModel lets processes write, delete, flush, die and recount in any order,
// over a registry that fails, and compares with what there really is.
func TestModel(t *testing.T) {
	for range 5 {
		rapid.Check(t, model)
	}
}

func model(t *rapid.T) {
	w := &world{
		t: t, reg: newRegistry(), clock: newClock(), objects: map[int]int64{},
		limit: rapid.SampledFrom([]int64{100, 1000, 100_000}).Draw(t, "limit"),
		procs: make([]*process, 2),
	}
	w.start(0)
	w.start(1)
	t.Repeat(map[string]func(*rapid.T){
		"reserve": w.reserve, "commit": w.commit, "cancel": w.cancel, "remove": w.remove,
		"told": w.told, "flush": w.flush, "kill": w.kill, "pass": w.pass, "fail": w.fail,
		"begin": w.begin, "count": w.count, "end": w.end,
		"": w.check,
	})
	w.finish()
}
