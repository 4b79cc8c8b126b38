package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/client"
)

// rangeState is the first line of the file that remembers a download: what is
// being downloaded. Each further line names a range that is there and its CRC.
type rangeState struct {
	URL, ETag string
	Size      int64
	RangeSize int64
	Algorithm string
}

type rangeLine struct {
	Range int
	CRC   string
}

// rangesDownload fetches ranges of an object at once.
type rangesDownload struct {
	*download
	file  *partFile
	log   *os.File
	state rangeState
	there map[int]string // CRCs of ranges from an earlier try
	done  pieces
}

// ranges fetches a large object in ranges, resuming an earlier try.
func (d *download) ranges(ctx context.Context) (r *Result, err error) {
	u := &rangesDownload{download: d}
	u.state = rangeState{d.name(), d.object.ETag, d.object.Size, d.PartSize, algorithm}
	sum := d.object.Checksum
	if _, full := checksum.Types(sum.Algorithm); full && !sum.Composite {
		u.state.Algorithm = sum.Algorithm // which combines into that of the whole
	}
	if err := u.open(); err != nil {
		return nil, err
	}
	defer func() {
		// What is there is kept for another try, unless it is wrong.
		defer u.log.Close()
		if err != nil && resumable(err) && !u.file.private {
			u.file.Close()
			return
		}
		_ = os.Remove(u.log.Name())
		u.file.discard()
	}()
	if err := u.fetchAll(ctx); err != nil {
		return nil, err
	}
	var crc []byte
	if u.state.Algorithm == sum.Algorithm && !sum.Composite {
		var ok bool
		if crc, ok = checksum.CombineCRC(sum.Algorithm, u.done.sums); !ok {
			return nil, fmt.Errorf("%s cannot be combined", sum.Algorithm)
		}
	}
	return d.finish(ctx, u.file, crc, u.done.resumed)
}

// open opens the unfinished file and its log.
func (u *rangesDownload) open() (err error) {
	if u.file, err = u.openPartial(); err != nil {
		return err
	}
	u.log, err = os.OpenFile(u.file.Name()+".log", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		u.file.discard()
		return err
	}
	u.there = u.readLog()
	// What an earlier try left may be longer than the object is now.
	if err = u.file.Truncate(u.state.Size); err == nil {
		err = u.writeLog()
	}
	if err != nil {
		u.log.Close()
		u.file.discard()
	}
	return err
}

// readLog reads which ranges are there, none if the log is of another content.
func (u *rangesDownload) readLog() map[int]string {
	there := map[int]string{}
	lines := bufio.NewScanner(u.log)
	var was rangeState
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &was) != nil {
		return there
	}
	same := u.state
	same.RangeSize = was.RangeSize
	if was != same || was.RangeSize <= 0 {
		return there
	}
	u.state = was
	for lines.Scan() {
		var l rangeLine
		if json.Unmarshal(lines.Bytes(), &l) == nil {
			there[l.Range] = l.CRC
		}
	}
	return there
}

// writeLog writes the log anew, of what was read from it.
func (u *rangesDownload) writeLog() error {
	if err := u.log.Truncate(0); err != nil {
		return err
	}
	if _, err := u.log.Seek(0, 0); err != nil {
		return err
	}
	enc := json.NewEncoder(u.log)
	if err := enc.Encode(&u.state); err != nil {
		return err
	}
	for n, crc := range u.there {
		if err := enc.Encode(rangeLine{n, crc}); err != nil {
			return err
		}
	}
	return nil
}

func (u *rangesDownload) fetchAll(ctx context.Context) error {
	count := int((u.state.Size + u.state.RangeSize - 1) / u.state.RangeSize)
	g := newGroup(ctx)
	for n := range count {
		release, err := u.slot(g.ctx)
		if err != nil {
			break
		}
		g.run(func(ctx context.Context) error {
			defer release()
			return u.fetch(ctx, n)
		})
	}
	return g.wait()
}

// fetch makes sure that range n (from 0) is in the file. One of an earlier try
// counts when the file still has the bytes it had then.
func (u *rangesDownload) fetch(ctx context.Context, n int) error {
	from := int64(n) * u.state.RangeSize
	length := min(u.state.RangeSize, u.state.Size-from)
	if want, ok := u.there[n]; ok {
		crc, err := hashOf(u.file, u.state.Algorithm, from, length)
		if err == nil && checksum.Encode(crc) == want {
			u.task.Add(length)
			u.done.set(n+1, client.Part{Size: length}, crc, length)
			return nil
		}
	}
	var crc []byte
	moved := int64(0)
	err := u.Client.Get(ctx, u.bucket, u.object.Key,
		client.GetOptions{Version: u.in.Version, IfMatch: u.object.ETag, From: from, Length: length},
		func(_ *client.Object, r io.Reader) error {
			u.task.Add(-moved)
			moved = 0
			h := checksum.New(u.state.Algorithm)
			w := io.MultiWriter(io.NewOffsetWriter(u.file, from), h)
			_, err := io.Copy(w, io.LimitReader(&countingReader{r, func(n int64) { moved += n; u.task.Add(n) }}, length))
			if err == nil && moved < length {
				err = &client.NetError{Err: io.ErrUnexpectedEOF}
			}
			crc = h.Sum(nil)
			return err
		})
	if client.HasCode(err, "PreconditionFailed") {
		return &client.ConflictError{Message: u.name() + ": the object changed while it was being downloaded"}
	}
	if err != nil {
		return err
	}
	u.done.set(n+1, client.Part{Size: length}, crc, 0)
	u.done.mu.Lock()
	defer u.done.mu.Unlock()
	return json.NewEncoder(u.log).Encode(rangeLine{n, checksum.Encode(crc)})
}
