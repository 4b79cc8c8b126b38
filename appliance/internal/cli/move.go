package cli

import (
	"context"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/transfer"
)

// copyOne makes one copy, and tells of it.
func (a *app) copyOne(ctx context.Context, s *session, j *job, o copyOptions) error {
	record := transferRecord{Type: "transfer", Operation: operation(j, o.move), Source: j.from.String(), Target: j.to.String(), Bytes: j.size}
	if o.dryRun {
		record.Planned = true
		a.out.put(record, "would %s %s -> %s", record.Operation, clean(record.Source), clean(record.Target))
		return nil
	}
	r, err := a.move(ctx, s, j, o)
	if err != nil {
		return err
	}
	record.Bytes, record.Resumed, record.ETag = r.Bytes, r.Resumed, r.ETag
	if r.Checksum.Algorithm != "" {
		record.Checksum = r.Checksum.Algorithm + "=" + r.Checksum.Value
	}
	if j.to.stdio() {
		return nil // whose reader wants nothing but the content
	}
	a.out.did(record, "%s %s -> %s", record.Operation, clean(record.Source), clean(record.Target))
	return nil
}

func operation(j *job, move bool) string {
	switch {
	case move:
		return "move"
	case j.from.remote && j.to.remote:
		return "copy"
	case j.from.remote:
		return "download"
	}
	return "upload"
}

// move copies, and deletes the source if it is to be moved.
func (a *app) move(ctx context.Context, s *session, j *job, o copyOptions) (*transfer.Result, error) {
	switch {
	case j.from.remote && j.to.remote:
		return a.copyWithin(ctx, s, j, o)
	case j.from.remote:
		return a.download(ctx, s, j, o)
	}
	return a.upload(ctx, s, j, o)
}

func (a *app) upload(ctx context.Context, s *session, j *job, o copyOptions) (*transfer.Result, error) {
	in := client.PutOptions{ContentType: o.contentType, IfNoneMatch: o.noClobber, Meta: map[string]string{}}
	if in.ContentType == "" {
		in.ContentType = mime.TypeByExtension(path.Ext(j.to.key))
	}
	for _, m := range o.meta {
		name, value, ok := strings.Cut(m, "=")
		if !ok || name == "" {
			return nil, usagef("--meta %q is not NAME=VALUE", m)
		}
		in.Meta[name] = value
	}
	if j.from.stdio() {
		if o.move {
			return nil, usagef("standard input cannot be moved")
		}
		return s.engine.UploadStream(ctx, &stoppable{ctx: ctx, from: a.stdin}, "standard input", j.to.bucket, j.to.key, in)
	}
	before, err := os.Stat(j.from.local)
	if err != nil {
		return nil, err
	}
	if before.Mode().IsRegular() {
		// Where rclone looks for it, too.
		t := before.ModTime()
		in.Meta["mtime"] = strconv.FormatInt(t.Unix(), 10) + "." + leftPad(t.Nanosecond())
	}
	r, err := s.engine.Upload(ctx, j.from.local, j.to.bucket, j.to.key, in)
	if err != nil || !o.move {
		return r, err
	}
	now, err := os.Stat(j.from.local)
	if err != nil {
		return nil, err
	}
	if now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
		return nil, &client.ConflictError{Message: j.from.local + ": the file changed meanwhile; it was copied and stays"}
	}
	return r, os.Remove(j.from.local)
}

func leftPad(nanoseconds int) string {
	s := strconv.Itoa(nanoseconds)
	return strings.Repeat("0", 9-len(s)) + s
}

func (a *app) download(ctx context.Context, s *session, j *job, o copyOptions) (*transfer.Result, error) {
	if j.to.stdio() {
		if o.move {
			return nil, usagef("an object cannot be moved to standard output")
		}
		if _, ok := terminal(a.stdout); ok {
			s.engine.Progress = nil
		}
		return s.engine.Read(ctx, j.from.bucket, j.from.key, transfer.ReadOptions{Version: o.version}, a.stdout)
	}
	if err := os.MkdirAll(filepath.Dir(j.to.local), 0o777); err != nil {
		return nil, err
	}
	r, err := s.engine.Download(ctx, j.from.bucket, j.from.key, j.to.local, j.object,
		transfer.DownloadOptions{Version: o.version, NoClobber: o.noClobber, KeepTime: o.keepTime})
	if err != nil || !o.move {
		return r, err
	}
	return r, s.client.Delete(ctx, j.from.bucket, j.from.key, "", r.ETag)
}

// copyWithin copies or moves within the repository.
func (a *app) copyWithin(ctx context.Context, s *session, j *job, o copyOptions) (*transfer.Result, error) {
	in := client.PutOptions{IfNoneMatch: o.noClobber}
	same := j.from.bucket == j.to.bucket
	if same && j.from.key == j.to.key && o.version == "" { // an older version may become the current one
		return nil, usagef("%s: source and target are one", j.from)
	}
	r := &transfer.Result{Bytes: j.object.Size, ETag: j.object.ETag}
	if o.move && same {
		err := s.client.Rename(ctx, j.from.bucket, j.object, j.to.key, in)
		if !cannotRename(err) {
			return r, err
		}
	}
	made, err := s.client.Copy(ctx, j.from.bucket, j.object, j.to.bucket, j.to.key, in)
	if err != nil {
		return nil, err
	}
	r.ETag, r.Checksum = made.ETag, made.Checksum
	if o.move {
		err = s.client.Delete(ctx, j.from.bucket, j.from.key, "", j.object.ETag)
	}
	return r, err
}

// cannotRename tells that a server or bucket has no rename, as an object by its
// own name is not an error of the object.
func cannotRename(err error) bool {
	return client.HasStatus(err, 400) || client.HasStatus(err, 405) || client.HasStatus(err, 501)
}
