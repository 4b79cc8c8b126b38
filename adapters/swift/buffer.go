package swift

import (
	"context"
	"crypto/md5"
	"hash/crc32"
	"sync"
	"time"

	"github.com/mucura/mucura/core/md5lanes"
)

// blockSize is what buffers grow by, bytes.
const blockSize = 1 << 20

// castagnoli is the polynomial of the checksum that is kept beside an object. It
// costs a thirtieth of an MD5.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// budget is the memory all writers of a store share. A writer that finds none
// left sends what it has as a shorter segment; only below that segment's least
// length it overdraws. So no writer ever waits for another to end, and memory
// stays below the budget and a least segment for each writer.
type budget struct {
	mu     sync.Mutex
	limit  int64 // bytes
	taken  int64
	peak   int64
	freed  chan struct{} // closed when somebody gave back; nil: nobody waits
	blocks sync.Pool     // of *[blockSize]byte
	md5s   md5lanes.Group
}

func newBudget(limit int64) *budget {
	b := &budget{limit: limit}
	b.blocks.New = func() any { return new([blockSize]byte) }
	return b
}

// take takes n bytes; false when they are not there, unless overdraw.
func (b *budget) take(n int64, overdraw bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken+n > b.limit && !overdraw {
		return false
	}
	b.taken += n
	b.peak = max(b.peak, b.taken)
	return true
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken -= n
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// wait returns when somebody has given memory back, or after d.
func (b *budget) wait(ctx context.Context, d time.Duration) error {
	b.mu.Lock()
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	freed := b.freed
	b.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-freed:
		return nil
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// buffer holds the bytes of one segment in blocks, so that they can be sent
// again.
type buffer struct {
	budget *budget
	blocks [][]byte // the last one may have room
	size   int64    // bytes held
	crc    uint32   // of them, see castagnoli
	taken  int64    // bytes of the budget
}

// room is how many bytes append takes.
func (b *buffer) room() int {
	if len(b.blocks) == 0 {
		return 0
	}
	last := b.blocks[len(b.blocks)-1]
	return cap(last) - len(last)
}

// grow adds a block of at most want bytes; false when the budget is spent.
func (b *buffer) grow(want int64, overdraw bool) bool {
	n := min(max(want, 4<<10), blockSize)
	if !b.budget.take(n, overdraw) {
		return false
	}
	b.taken += n
	if n == blockSize {
		b.blocks = append(b.blocks, b.budget.blocks.Get().(*[blockSize]byte)[:0])
	} else {
		b.blocks = append(b.blocks, make([]byte, 0, n))
	}
	return true
}

// append copies what there is room for.
func (b *buffer) append(p []byte) int {
	n := min(len(p), b.room())
	if n > 0 {
		last := &b.blocks[len(b.blocks)-1]
		*last = append(*last, p[:n]...)
		b.size += int64(n)
		b.crc = crc32.Update(b.crc, castagnoli, p[:n])
	}
	return n
}

// md5 is that of the bytes.
func (b *buffer) md5() [md5.Size]byte {
	h := b.budget.md5s.New()
	for _, block := range b.blocks {
		h.Write(block)
	}
	return [md5.Size]byte(h.Sum(nil))
}

// reader gives the bytes from their beginning, as the body of a request.
func (b *buffer) reader(w watchdog) *sentBody {
	return &sentBody{blocks: append([][]byte(nil), b.blocks...), watch: w, closed: make(chan struct{})}
}

// free gives the memory back. Nobody may read the buffer any more.
func (b *buffer) free() {
	for _, block := range b.blocks {
		if cap(block) == blockSize {
			b.budget.blocks.Put((*[blockSize]byte)(block[:blockSize]))
		}
	}
	if b.taken > 0 {
		b.budget.give(b.taken)
	}
	b.blocks, b.size, b.taken, b.crc = nil, 0, 0, 0
}
