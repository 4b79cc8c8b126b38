package cli

import (
	"context"
	"iter"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/transfer"
)

// copyOptions are what cp, mv and sync have in common.
type copyOptions struct {
	recursive, literal, noClobber, dryRun, preflight, follow bool
	contentType                                              string
	meta                                                     []string
	version                                                  string
	move                                                     bool
	keepTime                                                 bool
}

// transferRecord is a copy with --json.
type transferRecord struct {
	Type      string `json:"type"`      // "transfer"
	Operation string `json:"operation"` // upload, download, copy, move
	Source    string `json:"source"`
	Target    string `json:"target"`
	Bytes     int64  `json:"bytes"`
	Resumed   int64  `json:"resumed_bytes,omitempty"`
	ETag      string `json:"etag,omitempty"`
	Checksum  string `json:"checksum,omitempty"` // ALGORITHM=BASE64, compared at both ends
	Planned   bool   `json:"planned,omitempty"`
}

func (a *app) cpCommand() *cobra.Command {
	var o copyOptions
	c := &cobra.Command{
		Use:     "cp SOURCE… TARGET",
		Aliases: []string{"put", "get"},
		Short:   "Copy files and objects, either way or within the repository",
		Long: `Copy between files and objects (s3://BUCKET/KEY, me:/PATH), either way or within
the repository, where no bytes move. - is standard input or output. A target
that ends with a slash, or is a directory, gets the source's name. With -r, what
lies below the source is copied to below the target.

Large files move in parts, several at once. The same command again takes up a
copy that was killed: only parts that are missing move. Every copy is verified
by checksum; a file appears under its name when it is whole, never before.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.copyAll(cmd.Context(), args, o) },
	}
	a.copyFlags(c, &o)
	f := c.Flags()
	f.StringVar(&o.contentType, "content-type", "", "media type of uploaded objects (default: by the name)")
	f.StringArrayVar(&o.meta, "meta", nil, "NAME=VALUE, user metadata of uploaded objects; may be repeated")
	f.StringVar(&o.version, "version", "", "the version of the object to fetch")
	return c
}

func (a *app) mvCommand() *cobra.Command {
	o := copyOptions{move: true}
	c := &cobra.Command{
		Use:   "mv SOURCE… TARGET",
		Short: "Move files and objects, either way or within the repository",
		Long: `Copy as cp does, then delete the source, if it has not changed meanwhile. Within
a bucket objects are renamed where the server can, and no bytes move.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.copyAll(cmd.Context(), args, o) },
	}
	a.copyFlags(c, &o)
	return c
}

func (a *app) copyFlags(c *cobra.Command, o *copyOptions) {
	f := c.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "what lies below the source, too")
	f.BoolVarP(&o.noClobber, "no-clobber", "n", false, "replace nothing: what is there already is an error (exit 7)")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done")
	f.BoolVar(&o.literal, "literal", false, literalHelp)
	f.BoolVarP(&o.follow, "follow", "L", false, "follow links to directories")
	f.BoolVar(&o.preflight, "preflight", false, "ask before an upload whether it fits the quota")
}

// job is one copy to be made.
type job struct {
	from, to *location
	object   *client.Object // the source, when it is an object
	size     int64
}

func (j *job) name() string { return j.from.String() }

// String is how a place is written in messages and records.
func (l *location) String() string {
	if l.remote {
		return objectURL(l.bucket, l.key)
	}
	return l.local
}

func (a *app) copyAll(ctx context.Context, args []string, o copyOptions) error {
	to, err := a.locate(ctx, args[len(args)-1])
	if err != nil {
		return err
	}
	sources := args[:len(args)-1]
	if o.recursive && len(sources) > 1 {
		return usagef("with -r, one source is wanted")
	}
	for _, source := range sources {
		if err := a.copyFrom(ctx, source, to, len(sources) > 1, o); err != nil {
			return err
		}
	}
	return nil
}

// copyFrom copies one source, which may stand for many.
func (a *app) copyFrom(ctx context.Context, source string, to *location, several bool, o copyOptions) error {
	from, err := a.locate(ctx, source)
	if err != nil {
		return err
	}
	if !from.remote && !to.remote {
		return usagef("neither %q nor %q is in the repository: one must be s3://… or me:…", source, to.text)
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	var jobs iter.Seq2[*job, error]
	if from.remote {
		jobs, err = a.objectJobs(ctx, s, from, to, several, o)
	} else {
		jobs, err = a.fileJobs(from, to, several, o)
	}
	if err != nil {
		return err
	}
	if o.preflight && !from.remote && !from.stdio() {
		if err := a.preflight(ctx, s, jobs); err != nil {
			return err
		}
	}
	return each(ctx, a, jobs, (*job).name, func(ctx context.Context, j *job) error { return a.copyOne(ctx, s, j, o) })
}

// objectJobs are the copies of objects to files or objects.
func (a *app) objectJobs(ctx context.Context, s *session, from, to *location, several bool, o copyOptions) (iter.Seq2[*job, error], error) {
	sel := &selection{from, o.recursive, o.literal || o.version != ""}
	if err := sel.prepare(); err != nil {
		return nil, err
	}
	if o.version != "" {
		if sel.many() || o.move {
			return nil, usagef("--version is of one object, and cannot be moved")
		}
		return func(yield func(*job, error) bool) {
			object, err := s.client.Head(ctx, from.bucket, from.key, o.version)
			if err != nil {
				yield(nil, notFound(from.text, err))
				return
			}
			object.VersionID = o.version
			target, err := o.targetOf(to, from.base(), several, false)
			yield(&job{from, target, object, object.Size}, err)
		}, nil
	}
	return func(yield func(*job, error) bool) {
		for c, err := range sel.objects(ctx, s.client) {
			if err != nil {
				yield(nil, err)
				return
			}
			if sel.many() && strings.HasSuffix(c.Key, "/") && !to.remote {
				continue // the mark of a directory, which files make anyway
			}
			target, err := o.targetOf(to, c.rel, several || sel.many(), sel.many())
			j := &job{&location{remote: true, bucket: from.bucket, key: c.Key, text: from.text}, target, c.Object, c.Size}
			if !yield(j, err) {
				return
			}
		}
	}, nil
}

// fileJobs are the copies of files to objects.
func (a *app) fileJobs(from, to *location, several bool, o copyOptions) (iter.Seq2[*job, error], error) {
	if from.stdio() {
		if to.key == "" || to.isPrefix() && !o.literal {
			return nil, usagef("standard input has no name: give the whole key, not %q", to.text)
		}
		return func(yield func(*job, error) bool) { yield(&job{from, to, nil, -1}, nil) }, nil
	}
	info, err := os.Stat(from.local)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir() && !o.recursive:
		return nil, usagef("%s is a directory; give -r", from.text)
	case !info.IsDir():
		target, err := o.targetOf(to, filepath.Base(from.local), several, false)
		return func(yield func(*job, error) bool) { yield(&job{from, target, nil, info.Size()}, err) }, nil
	}
	return func(yield func(*job, error) bool) {
		skipped := func(path string) {
			a.out.note("%s is neither file nor directory, or a link to one: passed over", clean(path))
		}
		for f, err := range transfer.Walk(from.local, o.follow, skipped) {
			var j *job
			if err == nil {
				var target *location
				target, err = o.targetOf(to, f.Rel, true, true)
				j = &job{&location{local: f.Path, text: f.Path}, target, nil, f.Size}
			}
			if !yield(j, err) {
				return
			}
		}
	}, nil
}

// targetOf is where something of this name goes. into: the target is a directory
// whatever it looks like; below: the name is a path below it, not a mere name.
// With --literal a key that ends with a slash is no directory.
func (o *copyOptions) targetOf(to *location, name string, into, below bool) (*location, error) {
	if to.stdio() {
		return to, nil
	}
	if to.remote {
		key := to.key
		if into && key != "" && !strings.HasSuffix(key, "/") {
			key += "/"
		}
		if key == "" || strings.HasSuffix(key, "/") && (into || !o.literal) {
			key += name
		}
		return &location{remote: true, bucket: to.bucket, key: key, text: to.text}, nil
	}
	local := to.local
	info, err := os.Stat(local)
	if into || strings.HasSuffix(local, "/") || err == nil && info.IsDir() {
		if !below && (name == "." || name == "..") {
			return nil, usagef("%q cannot be a file name; give the whole path", name)
		}
		if local, err = transfer.LocalPath(local, name); err != nil {
			return nil, err
		}
	}
	return &location{local: local, text: to.text}, nil
}

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
		return s.engine.UploadStream(ctx, a.stdin, "standard input", j.to.bucket, j.to.key, in)
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
	if same && j.from.key == j.to.key {
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

// preflight asks whether what is about to be uploaded fits.
func (a *app) preflight(ctx context.Context, s *session, jobs iter.Seq2[*job, error]) error {
	total := int64(0)
	for j, err := range jobs {
		if err == nil {
			total += j.size
		}
	}
	return s.fits(ctx, total)
}
