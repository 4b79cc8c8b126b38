package riaktest

import (
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"
)

// address names an object.
type address struct{ kind, bucket, key string }

func (a address) hash() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q%q%q", a.kind, a.bucket, a.key)
	return h.Sum64()
}

// object is what lies at an address: values none of which has seen another.
type object struct {
	clock  vclock
	epoch  uint64 // makes the actors of every life of an address differ
	values []value
	// before is what the index showed before the write at changed.
	before  []value
	changed time.Time
}

// value is one sibling.
type value struct {
	dot      dot
	body     []byte
	kind     string // content type
	meta     http.Header
	index    map[string][]string
	etag     string
	modified time.Time
	deleted  bool
	// conditional tells that the object was created by If-None-Match under a
	// token; the tombstone of such an object swallows its re-creation.
	conditional bool
}

// state is what all nodes share.
type state struct {
	conf    Config
	mu      sync.RWMutex
	epoch   uint64
	objects map[address]*object
}

func (s *state) init(conf Config) {
	s.conf, s.objects = conf, map[address]*object{}
}

// snapshot gives the clock and values at an address; nil for nothing. Values
// are never changed once stored.
func (s *state) snapshot(a address) (vclock, []value) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.objects[a]
	if o == nil {
		return nil, nil
	}
	return o.clock, o.values
}

// put writes v as seen by a writer that knows seen, coordinated by node, and
// returns the new clock.
func (s *state) put(a address, seen vclock, v value, node string) vclock {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[a]
	if o == nil {
		s.epoch++
		o = &object{clock: vclock{}, epoch: s.epoch}
		s.objects[a] = o
	}
	known := o.clock.merge(seen)
	actor := fmt.Sprint(node, ".", o.epoch)
	v.dot = dot{actor, known[actor] + 1}
	var kept []value
	if s.conf.Types[a.kind].AllowMult {
		for _, old := range o.values {
			if !seen.covers(old.dot) {
				kept = append(kept, old)
			}
		}
	}
	v.etag, v.modified = etag(), time.Now()
	o.before, o.changed = o.values, v.modified
	o.values = append(kept, v)
	o.clock = known.merge(vclock{actor: v.dot.n})
	return o.clock
}

// delete writes a tombstone and has it reaped later, unless something else is
// there by then.
func (s *state) delete(a address, seen vclock, conditional bool, node string) {
	clock := s.put(a, seen, value{deleted: true, conditional: conditional}, node)
	if s.conf.DeleteAfter < 0 {
		return
	}
	time.AfterFunc(s.conf.DeleteAfter, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if o := s.objects[a]; o != nil && len(o.values) == 1 && o.values[0].deleted && o.clock.equal(clock) {
			delete(s.objects, a)
		}
	})
}

// gone tells whether all that is left is tombstones.
func gone(values []value) bool {
	for i := range values {
		if !values[i].deleted {
			return false
		}
	}
	return true
}

func etag() string { return rand.Text()[:22] }
