package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/client"
)

// ReadOptions say what of an object is written out.
type ReadOptions struct {
	Version      string
	From, Length int64 // Length 0: to the end
}

// Read writes an object, or a range of it, to w in order. A connection that
// breaks is taken up where it broke. The checksum of a whole object is compared
// at the end, when w has its bytes already: who reads them must look at the error.
func (e *Engine) Read(ctx context.Context, bucket, key string, in ReadOptions, w io.Writer) (*Result, error) {
	release, err := e.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	d := &reading{engine: e, bucket: bucket, key: key, in: in, w: w}
	if err := d.all(ctx); err != nil {
		return nil, err
	}
	r := &Result{Bytes: d.written, ETag: d.object.ETag}
	if d.hash == nil {
		return r, nil
	}
	want, got := d.object.Checksum, checksum.Encode(d.hash.Sum(nil))
	if want.Value != got {
		return nil, &client.ChecksumError{What: "s3://" + bucket + "/" + key, Algorithm: want.Algorithm, Want: want.Value, Got: got}
	}
	r.Checksum = want
	return r, nil
}

type summer interface {
	io.Writer
	Sum([]byte) []byte
}

// reading is one object on its way to a writer.
type reading struct {
	engine      *Engine
	bucket, key string
	in          ReadOptions
	w           io.Writer
	task        Task
	object      *client.Object
	hash        summer // nil: nothing to compare with
	written     int64
	failed      error // of w
}

func (d *reading) all(ctx context.Context) error {
	defer func() {
		if d.task != nil {
			d.task.End()
		}
	}()
	return d.engine.Client.Repeat(ctx, func(int) error {
		before := d.written
		err := d.once(ctx)
		for err != nil && d.failed == nil && d.written > before && client.Temporary(err) && ctx.Err() == nil {
			// Something came: that is no attempt in vain.
			before = d.written
			err = d.once(ctx)
		}
		return err
	})
}

// once asks for what is still missing.
func (d *reading) once(ctx context.Context) error {
	o := client.GetOptions{Version: d.in.Version, From: d.in.From + d.written}
	if d.in.Length > 0 {
		o.Length = d.in.Length - d.written
		if o.Length <= 0 {
			return nil
		}
	}
	if d.object != nil {
		o.IfMatch = d.object.ETag
		if o.From >= d.object.Size {
			return nil
		}
	}
	return d.engine.Client.GetOnce(ctx, d.bucket, d.key, o, func(got *client.Object, r io.Reader) error {
		d.begin(got)
		_, err := io.Copy(writerFunc(d.write), r)
		if d.failed != nil {
			return fmt.Errorf("writing: %w", d.failed)
		}
		return err
	})
}

// begin notes what the first answer says of the object.
func (d *reading) begin(o *client.Object) {
	if d.object != nil {
		return
	}
	d.object = o
	whole := d.in.From == 0 && d.in.Length == 0
	if sum := o.Checksum; whole && !sum.Composite && checksum.Known(sum.Algorithm) {
		d.hash = checksum.New(sum.Algorithm)
	}
	total := o.Size - d.in.From
	if d.in.Length > 0 {
		total = min(total, d.in.Length)
	}
	d.task = d.engine.begin("s3://"+d.bucket+"/"+d.key, total)
}

func (d *reading) write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.written += int64(n)
	d.task.Add(int64(n))
	d.failed = err
	if d.hash != nil {
		_, _ = d.hash.Write(p[:n])
	}
	return n, err
}

type writerFunc func([]byte) (int, error)

// Write implements io.Writer.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
