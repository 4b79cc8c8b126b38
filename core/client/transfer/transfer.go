// Package transfer moves files between a machine and a repository: in parts
// and in parallel, resumed where an earlier try was killed, verified from end
// to end by checksums, and visible under their name only when they are whole.
package transfer

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/client"
)

// algorithm is the checksum that uploads are sent with: a CRC, so that those of
// parts combine, and one the server keeps for every object anyway.
const algorithm = "CRC64NVME"

const (
	usualPart = 16 << 20
	minPart   = 5 << 20
	maxParts  = 10000
)

// Engine moves files. Its fields are set before the first use; it is safe for
// concurrent use.
type Engine struct {
	Client *client.Client
	// Parallel is the number of requests with content at once; 0 means 6.
	Parallel int
	// PartSize is the size of parts and ranges in bytes, 0 for 16 MiB; contents
	// larger than twice that are moved in parts.
	PartSize int64
	// StateDir is where uploads are remembered, to be resumed; "" for nowhere.
	StateDir string
	// Progress is told what moves; nil for nobody.
	Progress Progress
	Now      func() time.Time // nil: time.Now

	slots chan struct{}
}

// Progress is told of transfers as they go.
type Progress interface {
	// Begin announces a transfer of total bytes, -1 if that is unknown.
	Begin(name string, total int64) Task
}

// Task is one transfer.
type Task interface {
	// Add says that n more bytes have moved; negative when some must be moved again.
	Add(n int64)
	// End says that nothing more will move.
	End()
}

// Result says what a transfer did.
type Result struct {
	Bytes int64
	// Resumed is how many of them were there from an earlier try.
	Resumed int64
	ETag    string
	// Checksum was compared between both ends; Algorithm is "" when the server
	// tells none to compare with.
	Checksum client.Checksum
}

// New makes an engine ready for use of its settings.
func New(e Engine) *Engine {
	if e.Parallel <= 0 {
		e.Parallel = 6
	}
	if e.PartSize <= 0 {
		e.PartSize = usualPart
	}
	e.PartSize = max(e.PartSize, minPart)
	e.slots = make(chan struct{}, e.Parallel)
	return &e
}

// slot waits until one more request with content may be made.
func (e *Engine) slot(ctx context.Context) (release func(), err error) {
	select {
	case e.slots <- struct{}{}:
		return func() { <-e.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (e *Engine) begin(name string, total int64) Task {
	if e.Progress == nil {
		return silent{}
	}
	return e.Progress.Begin(name, total)
}

type silent struct{}

func (silent) Add(int64) {}
func (silent) End()      {}

// partSize is the size of parts for a content of a known size.
func (e *Engine) partSize(size int64) int64 {
	const unit = 1 << 20
	least := (size + maxParts - 1) / maxParts
	return max(e.PartSize, (least+unit-1)/unit*unit)
}

// counted makes a body whose bytes are counted as they are sent, and taken back
// when they must be sent again.
func counted(open func() io.Reader, length int64, task Task) client.Body {
	var last *tally
	return client.Body{Length: length, Open: func() io.Reader {
		if last != nil {
			last.takeBack()
		}
		last = &tally{task: task}
		return &countingReader{open(), last.add}
	}}
}

// tally counts what one attempt sends. The transport may go on reading the body
// of an attempt that has failed; that counts no more.
type tally struct {
	mu   sync.Mutex
	task Task
	sent int64
	over bool
}

func (t *tally) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.sent += n
		t.task.Add(n)
	}
}

func (t *tally) takeBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.task.Add(-t.sent)
}

type countingReader struct {
	r     io.Reader
	moved func(int64)
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.moved(int64(n))
	return n, err
}

// sums are the checksums of a section of a file.
type sums struct {
	crc    []byte
	sha256 string // "" if it was not asked for
}

// sumOf reads a section of a file. The server compares what it receives with
// these, so a file that changes meanwhile is not stored.
func sumOf(r io.ReaderAt, offset, length int64, withSHA bool) (s sums, err error) {
	crc, sha := checksum.New(algorithm), checksum.New("SHA256")
	w := io.Writer(crc)
	if withSHA {
		w = io.MultiWriter(crc, sha)
	}
	n, err := io.Copy(w, io.NewSectionReader(r, offset, length))
	if err == nil && n != length {
		err = io.ErrUnexpectedEOF
	}
	s.crc = crc.Sum(nil)
	if withSHA {
		s.sha256 = hexOf(sha.Sum(nil))
	}
	return s, err
}

func crcOf(sum []byte) client.Checksum {
	return client.Checksum{Algorithm: algorithm, Value: checksum.Encode(sum)}
}
