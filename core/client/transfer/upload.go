package transfer

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/client"
)

// Upload stores a regular file as an object. Whatever goes wrong, the object is
// the whole file or is not touched. A file that changes meanwhile is a
// *client.ConflictError.
func (e *Engine) Upload(ctx context.Context, path, bucket, key string, in client.PutOptions) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return e.UploadStream(ctx, f, path, bucket, key, in)
	}
	task := e.begin(path, info.Size())
	defer task.End()
	var r *Result
	if info.Size() <= 2*e.PartSize {
		r, err = e.uploadWhole(ctx, f, info.Size(), bucket, key, in, task)
	} else {
		r, err = e.uploadParts(ctx, f, info, bucket, key, in, task)
	}
	if err != nil {
		if cerr := unchanged(f, info); cerr != nil {
			err = cerr
		}
		return nil, err
	}
	return r, nil
}

// unchanged finds out whether somebody wrote to the file since it was opened.
func unchanged(f *os.File, before os.FileInfo) error {
	now, err := f.Stat()
	if err == nil && (now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime())) {
		return &client.ConflictError{Message: f.Name() + ": the file changed while it was being uploaded"}
	}
	return err
}

// uploadWhole stores a content with one request.
func (e *Engine) uploadWhole(ctx context.Context, r io.ReaderAt, size int64, bucket, key string, in client.PutOptions, task Task) (*Result, error) {
	release, err := e.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := sumOf(r, 0, size, !e.Client.Secure())
	if err != nil {
		return nil, err
	}
	in.Checksum = crcOf(s.crc)
	body := counted(func() io.Reader { return io.NewSectionReader(r, 0, size) }, size, task)
	body.SHA256 = s.sha256
	o, err := e.Client.Put(ctx, bucket, key, body, in)
	if err != nil {
		return nil, err
	}
	return &Result{Bytes: size, ETag: o.ETag, Checksum: in.Checksum}, nil
}

// abort drops an upload that failed, also when that was by an interrupt. It
// does not wait long: what stays is found by "mucura uploads".
func (e *Engine) abort(ctx context.Context, bucket, key, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = e.Client.AbortUpload(ctx, bucket, key, id)
}

// partsUpload is one multipart upload of a file.
type partsUpload struct {
	*Engine
	file        io.ReaderAt
	size        int64
	bucket, key string
	in          client.PutOptions
	task        Task
	state       uploadState
	there       map[int]client.Part // what an earlier try left
	done        pieces
}

// pieces are the parts that are there, by number from 1.
type pieces struct {
	mu      sync.Mutex
	parts   []client.Part
	sums    []checksum.PartSum
	resumed int64
}

// set notes part n, of which resumed bytes were there before.
func (p *pieces) set(n int, part client.Part, crc []byte, resumed int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.parts) < n {
		p.parts, p.sums = append(p.parts, client.Part{}), append(p.sums, checksum.PartSum{})
	}
	p.parts[n-1], p.sums[n-1] = part, checksum.PartSum{Sum: crc, Length: part.Size}
	p.resumed += resumed
}

func (e *Engine) uploadParts(ctx context.Context, f *os.File, info os.FileInfo, bucket, key string, in client.PutOptions, task Task) (r *Result, err error) {
	source, err := filepath.Abs(f.Name())
	if err != nil {
		return nil, err
	}
	u := &partsUpload{Engine: e, file: f, size: info.Size(), bucket: bucket, key: key, in: in, task: task}
	u.state = uploadState{Endpoint: e.Client.Endpoint.String(), Bucket: bucket, Key: key, Source: source,
		Size: info.Size(), ModTime: info.ModTime(), PartSize: e.partSize(info.Size())}
	kept := e.openState(&u.state)
	defer func() { kept.close(err != nil && u.state.UploadID != "" && resumable(err)) }()
	if err = u.resume(ctx, kept); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && (kept == nil || !resumable(err)) {
			e.abort(ctx, bucket, key, u.state.UploadID)
		}
	}()
	if err = u.sendAll(ctx); err != nil {
		return nil, err
	}
	if err = unchanged(f, info); err != nil {
		return nil, err
	}
	return e.complete(ctx, bucket, key, u.state.UploadID, &u.done, in)
}

// resume goes on with the upload that the state names if it is still there, and
// begins another otherwise.
func (u *partsUpload) resume(ctx context.Context, kept *stateFile) error {
	if kept.load(&u.state) {
		parts, err := u.Client.Parts(ctx, u.bucket, u.key, u.state.UploadID)
		switch {
		case err == nil:
			u.there = make(map[int]client.Part, len(parts))
			for _, p := range parts {
				u.there[p.Number] = p
			}
			return nil
		case client.KindOf(err) != client.NotFound || client.HasCode(err, "NoSuchBucket"):
			return err
		}
		u.state.PartSize = u.partSize(u.size)
	}
	id, err := u.Client.CreateUpload(ctx, u.bucket, u.key, algorithm, u.in)
	u.state.UploadID = id
	if err == nil {
		kept.save(&u.state)
	}
	return err
}

// sendAll sends the parts that are not there, and ends at the first error.
func (u *partsUpload) sendAll(ctx context.Context) error {
	count := int((u.size + u.state.PartSize - 1) / u.state.PartSize)
	g := newGroup(ctx)
	for n := 1; n <= count && g.ctx.Err() == nil; n++ {
		release, err := u.slot(g.ctx)
		if err != nil {
			break
		}
		g.run(func(ctx context.Context) error {
			defer release()
			return u.send(ctx, n)
		})
	}
	return g.wait()
}

// send makes sure that part n is there. A part of an earlier try is taken when
// it has the checksum that the file's has now.
func (u *partsUpload) send(ctx context.Context, n int) error {
	from := int64(n-1) * u.state.PartSize
	length := min(u.state.PartSize, u.size-from)
	old, there := u.there[n]
	s, err := sumOf(u.file, from, length, !u.Client.Secure())
	if err != nil {
		return err
	}
	sum := crcOf(s.crc)
	if there && old.Size == length && old.Checksum == sum {
		u.task.Add(length)
		u.done.set(n, old, s.crc, length)
		return nil
	}
	body := counted(func() io.Reader { return io.NewSectionReader(u.file, from, length) }, length, u.task)
	body.SHA256 = s.sha256
	p, err := u.Client.PutPart(ctx, u.bucket, u.key, u.state.UploadID, n, body, sum)
	if err != nil {
		return fmt.Errorf("part %d: %w", n, err)
	}
	u.done.set(n, *p, s.crc, 0)
	return nil
}

// complete makes the object of its parts. The server compares the checksum of
// the whole.
func (e *Engine) complete(ctx context.Context, bucket, key, id string, done *pieces, in client.PutOptions) (*Result, error) {
	whole, ok := checksum.CombineCRC(algorithm, done.sums)
	if !ok {
		return nil, fmt.Errorf("%s cannot be combined", algorithm)
	}
	sum := crcOf(whole)
	o, err := e.Client.CompleteUpload(ctx, bucket, key, id, done.parts, sum, in)
	if err != nil {
		return nil, err
	}
	if got := o.Checksum; got.Algorithm == sum.Algorithm && !got.Composite && got.Value != sum.Value {
		return nil, &client.ChecksumError{What: "s3://" + bucket + "/" + key, Algorithm: algorithm, Want: sum.Value, Got: got.Value}
	}
	return &Result{Bytes: o.Size, Resumed: done.resumed, ETag: o.ETag, Checksum: sum}, nil
}
