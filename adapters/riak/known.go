package riak

import (
	"container/list"
	"sync"
	"time"
)

// state is what a write has to know of the record it replaces.
type state struct {
	prior
	live    bool // there is a record, not a tombstone record
	version string
	stamp   int64
	read    time.Time // when it was read
}

// known remembers the states read last, so that a write that follows a read
// needs no other. What it says is always checked by the write's condition;
// only that there is nothing at all is not: see usable.
type known struct {
	mu    sync.Mutex
	most  int
	byKey map[string]*list.Element
	order list.List // of *knownState, latest first
}

type knownState struct {
	key string
	state
}

func newKnown(most int) *known { return &known{most: most, byKey: map[string]*list.Element{}} }

// absentFor is how long it may be believed that a key has no tombstone. A
// record that was created and deleted since then has a tombstone record, which
// a write sees, until it is reaped: that takes reapAge, which is longer.
const absentFor = time.Hour

func (k *known) get(key string, now time.Time) (state, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.byKey[key]
	if e == nil {
		return state{}, false
	}
	s := e.Value.(*knownState).state
	if !s.exists && (s.clock != "" || now.Sub(s.read) > absentFor) {
		return state{}, false // a tombstone goes away by itself
	}
	k.order.MoveToFront(e)
	return s, true
}

func (k *known) put(key string, s state) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.byKey[key]; e != nil {
		e.Value.(*knownState).state = s
		k.order.MoveToFront(e)
		return
	}
	k.byKey[key] = k.order.PushFront(&knownState{key, s})
	if k.order.Len() > k.most {
		last := k.order.Back()
		k.order.Remove(last)
		delete(k.byKey, last.Value.(*knownState).key)
	}
}

func (k *known) forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.byKey[key]; e != nil {
		k.order.Remove(e)
		delete(k.byKey, key)
	}
}
