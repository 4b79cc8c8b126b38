package transfer

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/client"
)

// DownloadOptions say how an object becomes a file.
type DownloadOptions struct {
	Version string
	// NoClobber refuses to replace a file, with a *client.ConflictError.
	NoClobber bool
	// KeepTime gives the file the object's time.
	KeepTime bool
}

// Download fetches an object into a file, which appears under its name when it
// is whole and verified, never before. known is what a listing said of the
// object, nil when it must be asked for. What a killed download left is used by
// the next one of the same object to the same place.
func (e *Engine) Download(ctx context.Context, bucket, key, dest string, known *client.Object, in DownloadOptions) (*Result, error) {
	if in.NoClobber {
		if _, err := os.Lstat(dest); err == nil {
			return nil, &client.ConflictError{Message: dest + ": there is such a file already"}
		}
	}
	large := known != nil && known.Size > 2*e.PartSize
	if known == nil || large {
		o, err := e.Client.Head(ctx, bucket, key, in.Version)
		if err != nil {
			return nil, err
		}
		known, large = o, o.Size > 2*e.PartSize
	}
	d := &download{Engine: e, bucket: bucket, object: known, in: in, dest: dest}
	d.object.Key = key
	d.task = e.begin("s3://"+bucket+"/"+key, known.Size)
	defer d.task.End()
	if large {
		return d.ranges(ctx)
	}
	return d.whole(ctx)
}

// download is one download to a file.
type download struct {
	*Engine
	bucket string
	object *client.Object
	in     DownloadOptions
	dest   string
	task   Task
}

func (d *download) name() string { return "s3://" + d.bucket + "/" + d.object.Key }

// partial is the path of the unfinished file: beside the finished one, so that
// a rename suffices, and the same for each try.
func (d *download) partial() string {
	return filepath.Join(filepath.Dir(d.dest), ".mucura-"+stateName(d.Client.Endpoint.String(), d.bucket, d.object.Key, filepath.Base(d.dest))+".part")
}

// whole fetches the object with one request.
func (d *download) whole(ctx context.Context) (*Result, error) {
	release, err := d.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	f, err := d.openPartial()
	if err != nil {
		return nil, err
	}
	defer f.discard()
	var got *client.Object
	moved := int64(0)
	err = d.Client.Get(ctx, d.bucket, d.object.Key, client.GetOptions{Version: d.in.Version, IfMatch: d.object.ETag},
		func(o *client.Object, r io.Reader) error {
			d.task.Add(-moved)
			moved, got = 0, o
			if err := f.empty(); err != nil {
				return err
			}
			_, err := io.Copy(f, &countingReader{r, func(n int64) { moved += n; d.task.Add(n) }})
			return err
		})
	if err != nil {
		return nil, err
	}
	if moved != got.Size {
		return nil, &client.NetError{Err: fmt.Errorf("%s: %d of %d bytes came", d.name(), moved, got.Size)}
	}
	d.object = got
	return d.finish(ctx, f, nil, 0)
}

// finish verifies the file and gives it its name. crc is the checksum of the
// whole in the object's algorithm, if it is known already.
func (d *download) finish(ctx context.Context, f *partFile, crc []byte, resumed int64) (*Result, error) {
	sum, err := d.verify(ctx, f, crc)
	if err != nil {
		return nil, err
	}
	if err := f.commit(d.dest, d.in); err != nil {
		return nil, err
	}
	if d.in.KeepTime && !d.object.LastModified.IsZero() {
		_ = os.Chtimes(d.dest, time.Time{}, d.object.LastModified)
	}
	return &Result{Bytes: d.object.Size, Resumed: resumed, ETag: d.object.ETag, Checksum: sum}, nil
}

// verify compares the file with the checksum that the server keeps of the
// object. The result says which it was; with none there is nothing to compare.
func (d *download) verify(ctx context.Context, f io.ReaderAt, crc []byte) (client.Checksum, error) {
	want := d.object.Checksum
	var got string
	switch {
	case want.Algorithm == "" && plainMD5(d.object):
		// The ETag of an object that was put whole is its MD5.
		want = client.Checksum{Algorithm: "MD5", Value: d.object.ETag}
		sum, err := hashOf(f, "MD5", 0, d.object.Size)
		if err != nil {
			return want, err
		}
		got = hexOf(sum)
	case !checksum.Known(want.Algorithm):
		return client.Checksum{}, nil
	case want.Composite:
		value, ok, err := d.composite(ctx, f)
		if err != nil || !ok {
			return client.Checksum{}, err
		}
		got = value
	default:
		if crc == nil {
			var err error
			if crc, err = hashOf(f, want.Algorithm, 0, d.object.Size); err != nil {
				return want, err
			}
		}
		got = checksum.Encode(crc)
	}
	if got != want.Value {
		return want, &client.ChecksumError{What: d.name(), Algorithm: want.Algorithm, Want: want.Value, Got: got}
	}
	return want, nil
}

// composite makes the checksum of the parts' checksums, where the server tells
// how large the parts were.
func (d *download) composite(ctx context.Context, f io.ReaderAt) (value string, ok bool, err error) {
	parts, err := d.Client.ObjectParts(ctx, d.bucket, d.object.Key, d.in.Version)
	if err != nil || len(parts) == 0 {
		if k := client.KindOf(err); k == client.Network || k == client.Interrupted {
			return "", false, err
		}
		return "", false, nil // a server that has no GetObjectAttributes
	}
	at, sums := int64(0), [][]byte(nil)
	for _, p := range parts {
		sum, err := hashOf(f, d.object.Checksum.Algorithm, at, p.Size)
		if err != nil {
			return "", false, err
		}
		at += p.Size
		sums = append(sums, sum)
	}
	if at != d.object.Size {
		return "", false, nil
	}
	return fmt.Sprintf("%s-%d", checksum.Encode(checksum.Composite(d.object.Checksum.Algorithm, sums)), len(parts)), true, nil
}

func plainMD5(o *client.Object) bool {
	if len(o.ETag) != 32 || o.Encrypted {
		return false
	}
	for _, c := range o.ETag {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func hashOf(f io.ReaderAt, algorithm string, from, length int64) ([]byte, error) {
	h := checksum.New(algorithm)
	n, err := io.Copy(h, io.NewSectionReader(f, from, length))
	if err == nil && n != length {
		err = io.ErrUnexpectedEOF
	}
	return h.Sum(nil), err
}
