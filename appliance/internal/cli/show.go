package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/transfer"
)

func (a *app) catCommand() *cobra.Command {
	var in transfer.ReadOptions
	var literal bool
	c := &cobra.Command{
		Use:   "cat s3://BUCKET/KEY…",
		Short: "Write objects to standard output",
		Long: `Write objects to standard output. The checksum is compared at the end: an exit
status of 9 says that what was written is not what was stored.`,
		Args: cobra.MinimumNArgs(1),
		RunE: perArgument(func(ctx context.Context, arg string) error { return a.cat(ctx, arg, in, literal) }),
	}
	f := c.Flags()
	f.Int64Var(&in.From, "offset", 0, "begin at this byte")
	f.Int64Var(&in.Length, "length", 0, "write so many bytes; 0 is to the end")
	f.StringVar(&in.Version, "version", "", "the version to write")
	f.BoolVar(&literal, "literal", false, literalHelp)
	return c
}

func (a *app) cat(ctx context.Context, text string, in transfer.ReadOptions, literal bool) error {
	if in.From < 0 || in.Length < 0 {
		return usagef("--offset and --length cannot be negative")
	}
	sel, s, err := a.choose(ctx, text, false, literal || in.Version != "")
	if err != nil {
		return err
	}
	if _, ok := terminal(a.stdout); ok {
		s.engine.Progress = nil // bars and content would mix
	}
	if sel.pattern == nil {
		if sel.key == "" {
			return usagef("%s is a bucket", text)
		}
		_, err = s.engine.Read(ctx, sel.bucket, sel.key, in, a.stdout)
		return err
	}
	for c, err := range sel.objects(ctx, s.client) {
		if err != nil {
			return err
		}
		if _, err := s.engine.Read(ctx, sel.bucket, c.Key, in, a.stdout); err != nil {
			return err
		}
	}
	return nil
}

// statRecord is an object with all that is known, with --json.
type statRecord struct {
	objectRecord
	VersionID   string            `json:"version_id,omitempty"`
	ContentType string            `json:"content_type"`
	Checksum    string            `json:"checksum,omitempty"`
	Encrypted   bool              `json:"encrypted"`
	Meta        map[string]string `json:"meta,omitempty"`
}

func (a *app) statCommand() *cobra.Command {
	var version string
	c := &cobra.Command{
		Use:   "stat s3://BUCKET[/KEY]…",
		Short: "Show what is known of objects",
		Args:  cobra.MinimumNArgs(1),
		RunE:  perArgument(func(ctx context.Context, arg string) error { return a.stat(ctx, arg, version) }),
	}
	c.Flags().StringVar(&version, "version", "", "of this version")
	return c
}

func (a *app) stat(ctx context.Context, text, version string) error {
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return err
	}
	if l.key == "" {
		if err := s.client.HeadBucket(ctx, l.bucket); err != nil {
			return err
		}
		a.out.put(map[string]string{"type": "bucket", "bucket": l.bucket}, "%-14s s3://%s", "bucket", l.bucket)
		return nil
	}
	o, err := s.client.Head(ctx, l.bucket, l.key, version)
	if err != nil {
		return (&selection{location: l}).maybeDirectory(ctx, s.client, err)
	}
	r := statRecord{objectRecord: recordOf(l.bucket, o), VersionID: o.VersionID, ContentType: o.ContentType, Encrypted: o.Encrypted, Meta: o.Meta}
	if o.Checksum.Algorithm != "" {
		r.Checksum = o.Checksum.Algorithm + "=" + o.Checksum.Value
	}
	a.out.put(r, "%s", statText(&r))
	return nil
}

func statText(r *statRecord) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-14s %s\n", name, clean(value))
		}
	}
	line("object", objectURL(r.Bucket, r.Key))
	line("size", fmt.Sprintf("%d (%s)", r.Size, humanSize(r.Size)))
	line("modified", r.Modified.Format(time.RFC3339))
	line("content type", r.ContentType)
	line("etag", r.ETag)
	line("checksum", r.Checksum)
	line("version", r.VersionID)
	if r.Encrypted {
		line("encrypted", "by the server")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Meta)) {
		line("meta "+name, r.Meta[name])
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (a *app) mkdirCommand() *cobra.Command {
	var parents bool
	c := &cobra.Command{
		Use:   "mkdir s3://BUCKET[/DIR]…",
		Short: "Make buckets, and marks of directories in them",
		Long: `Make a bucket; or in one an empty object whose key ends with a slash, which many
programs show as a directory. Objects need none.`,
		Args: cobra.MinimumNArgs(1),
		RunE: perArgument(func(ctx context.Context, arg string) error { return a.mkdir(ctx, arg, parents) }),
	}
	c.Flags().BoolVarP(&parents, "parents", "p", false, "what is there already is no error; make the bucket, too")
	return c
}

func (a *app) mkdir(ctx context.Context, text string, parents bool) error {
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return err
	}
	if l.key == "" || parents {
		err := s.client.CreateBucket(ctx, l.bucket)
		if err != nil && !(parents && client.HasCode(err, "BucketAlreadyOwnedByYou")) {
			if e := (*client.Error)(nil); errors.As(err, &e) && e.Code == "InvalidBucketName" {
				e.Message = "a bucket's name is 3 to 63 of a-z, 0-9, dot and hyphen, and begins and ends with a letter or digit"
			}
			return err
		}
	}
	target := "s3://" + l.bucket
	if l.key != "" {
		key := strings.TrimSuffix(l.key, "/") + "/"
		target = objectURL(l.bucket, key)
		in := client.PutOptions{IfNoneMatch: !parents}
		if _, err := s.client.Put(ctx, l.bucket, key, client.Body{Open: noContent}, in); err != nil {
			return err
		}
	}
	a.out.did(map[string]string{"type": "make", "target": target}, "make %s", clean(target))
	return nil
}
