package swift

import (
	"net"
	"sync"
	"time"
)

const (
	// lowWaterMark is how much of a long answer is waited for, bytes: Swift sends
	// 64 KiB at a time, and to be woken for each costs a third of a download.
	lowWaterMark = 1 << 20
	// lowWaterWait is how long bytes that are there may be waited upon. Who is
	// slower is read as it sends.
	lowWaterWait = time.Second
)

// lowWater keeps a connection from waking its reader for few bytes, while there
// are many to come. A nil one does nothing.
type lowWater struct {
	mu    sync.Mutex
	conn  *net.TCPConn // nil: cleared
	timer *time.Timer
}

// setLowWater sets the mark on the connection of an answer of length bytes; nil
// where that is of no use, or cannot be done.
func setLowWater(c net.Conn, length int64) *lowWater {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	t, ok := c.(*conn)
	if !ok || length < 4*lowWaterMark || !receiveLowWater(t.TCPConn, lowWaterMark) {
		return nil
	}
	l := &lowWater{conn: t.TCPConn}
	l.timer = time.AfterFunc(lowWaterWait, l.clear)
	l.timer.Stop()
	return l
}

// wait is called before a read when so many bytes of the body are to come. The
// end would be waited for without end: the connection stays open.
func (l *lowWater) wait(left int64) {
	switch {
	case l == nil:
	case left < 2*lowWaterMark:
		l.clear()
	default:
		l.timer.Reset(lowWaterWait)
	}
}

// done is called after a read.
func (l *lowWater) done() {
	if l != nil {
		l.timer.Stop()
	}
}

// clear takes the mark away, which wakes a reader for what is there.
func (l *lowWater) clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	if l.conn != nil {
		receiveLowWater(l.conn, 1)
		l.conn = nil
	}
}
