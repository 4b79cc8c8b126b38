package sqlite

import "sync/atomic"

// headerWords is the length of a WAL index's header, in words of 32 bits, and
// headerSum where in it the checksum begins.
const (
	headerWords   = 12
	headerSum     = 10
	headerVersion = 3007000
)

// header is what SQLite keeps of the state of a database: how many frames of the
// log are valid, their running checksum, the salts of the log, a count of commits.
// A commit of any process changes it, after the log is synced and before COMMIT
// returns, and nobody sees the commit before. So while it stays the same, the
// database does. The zero header is none.
type header [headerWords]uint32

// walIndex is the beginning of a database's -shm file in memory. There lies the
// header, twice: writers write the second copy and then the first, readers read
// the first and then the second
// (https://www.sqlite.org/walformat.html#the_wal_index_header). SQLite itself
// learns in this way what is committed.
type walIndex struct {
	words *[2 * headerWords]uint32 // written by SQLite, of any process
	users int                      // stores of this process
	file  mapping
}

// is tells whether the state is h now. A commit that is being written is not
// acknowledged to anybody, so the first copy is enough to look at.
func (x *walIndex) is(h *header) bool {
	for i := range h {
		if atomic.LoadUint32(&x.words[i]) != h[i] {
			return false
		}
	}
	return true
}

// read reads the header. It is the zero header when it cannot be had, because it
// is being written or not known to this program.
func (x *walIndex) read() (h header) {
	var again header
	for i := range h {
		h[i] = atomic.LoadUint32(&x.words[i])
	}
	for i := range again {
		again[i] = atomic.LoadUint32(&x.words[headerWords+i])
	}
	if h != again || h[0] != headerVersion {
		return header{}
	}
	var a, b uint32
	for i := 0; i < headerSum; i += 2 {
		a += h[i] + b
		b += h[i+1] + a
	}
	if a != h[headerSum] || b != h[headerSum+1] {
		return header{}
	}
	return h
}
