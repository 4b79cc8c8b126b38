package md5lanes

import (
	"runtime"
	"time"
)

// The longest that a piece waits for others. With processors to spare that is little
// enough for a client on a network of 1 Gbit/s to notice nothing: its next MiB takes
// 9 ms to arrive. Where they are busy others use the time, and each stream that is
// waited for frees some of it.
const (
	patienceIdle = 4 * time.Millisecond
	patienceBusy = 16 * time.Millisecond
)

// load tells whether this process has used more than half of its processors.
type load struct {
	at   time.Time
	used time.Duration // until then, by all threads
	busy bool
}

// stretch is the shortest time over which that is told.
const stretch = 20 * time.Millisecond

// patience is how long to wait now.
func (l *load) patience(now time.Time) time.Duration {
	if now.Sub(l.at) >= stretch {
		l.look(now, cpuTime(), runtime.GOMAXPROCS(0))
	}
	if l.busy {
		return patienceBusy
	}
	return patienceIdle
}

// look notes that so much CPU time has been used until now.
func (l *load) look(now time.Time, used time.Duration, processors int) {
	l.busy = (used-l.used)/time.Duration(processors) > now.Sub(l.at)/2
	l.at, l.used = now, used
}
