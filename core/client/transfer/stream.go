package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mucura/mucura/core/client"
)

// streamPart is the size of part n of a content of unknown length: it grows, so
// that few parts suffice for much and little memory for little.
func (e *Engine) streamPart(n int) int64 {
	switch {
	case n <= 1000:
		return e.PartSize
	case n <= 3000:
		return 2 * e.PartSize
	}
	return 4 * e.PartSize
}

// UploadStream stores what a reader gives until its end. It keeps the parts that
// are being sent in memory, and cannot be resumed.
func (e *Engine) UploadStream(ctx context.Context, r io.Reader, name, bucket, key string, in client.PutOptions) (*Result, error) {
	task := e.begin(name, -1)
	defer task.End()
	first, last, err := readPart(r, e.streamPart(1))
	if err != nil {
		return nil, err
	}
	if last {
		return e.uploadWhole(ctx, bytes.NewReader(first), int64(len(first)), bucket, key, in, task)
	}
	return e.streamParts(ctx, r, first, bucket, key, in, task)
}

// readPart reads up to size bytes; last when the reader ended with them. What
// could only be nothing after them is found at the next call.
func readPart(r io.Reader, size int64) (b []byte, last bool, err error) {
	b = make([]byte, size)
	n, err := io.ReadFull(r, b)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return b[:n], true, nil
	}
	return b[:n], false, err
}

func (e *Engine) streamParts(ctx context.Context, r io.Reader, data []byte, bucket, key string, in client.PutOptions, task Task) (_ *Result, err error) {
	id, err := e.Client.CreateUpload(ctx, bucket, key, algorithm, in)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.abort(ctx, bucket, key, id)
		}
	}()
	var done pieces
	var readErr error
	g := newGroup(ctx)
	for n, last := 1, false; ; n++ {
		release, serr := e.slot(g.ctx)
		if serr != nil {
			break
		}
		content := data
		g.run(func(ctx context.Context) error {
			defer release()
			p, crc, err := e.sendPart(ctx, bucket, key, id, n, content, task)
			if err == nil {
				done.set(n, *p, crc, 0)
			}
			return err
		})
		if last {
			break
		}
		if n == maxParts {
			readErr = fmt.Errorf("more than %d parts; give a larger --part-size", maxParts)
			break
		}
		if data, last, readErr = readPart(r, e.streamPart(n+1)); readErr != nil || last && len(data) == 0 {
			break
		}
	}
	if readErr != nil {
		g.fail(readErr)
	}
	if err = g.wait(); err != nil {
		return nil, err
	}
	return e.complete(ctx, bucket, key, id, &done, in)
}

// sendPart sends a part that lies in memory.
func (e *Engine) sendPart(ctx context.Context, bucket, key, id string, n int, data []byte, task Task) (*client.Part, []byte, error) {
	r := bytes.NewReader(data)
	s, err := sumOf(r, 0, int64(len(data)), !e.Client.Secure())
	if err != nil {
		return nil, nil, err
	}
	body := counted(func() io.Reader { return bytes.NewReader(data) }, int64(len(data)), task)
	body.SHA256 = s.sha256
	p, err := e.Client.PutPart(ctx, bucket, key, id, n, body, crcOf(s.crc))
	if err != nil {
		return nil, nil, fmt.Errorf("part %d: %w", n, err)
	}
	return p, s.crc, nil
}
