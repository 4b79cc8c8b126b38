package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client"
)

// objectRecord is an object with --json.
type objectRecord struct {
	Type     string    `json:"type"` // "object"
	Bucket   string    `json:"bucket"`
	Key      string    `json:"key"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	ETag     string    `json:"etag"`
}

// prefixRecord is a "directory" with --json.
type prefixRecord struct {
	Type   string `json:"type"` // "prefix"
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}

// bucketRecord is a bucket with --json.
type bucketRecord struct {
	Type    string    `json:"type"` // "bucket"
	Bucket  string    `json:"bucket"`
	Created time.Time `json:"created"`
}

func recordOf(bucket string, o *client.Object) objectRecord {
	return objectRecord{"object", bucket, o.Key, o.Size, o.LastModified.UTC(), o.ETag}
}

type lsOptions struct {
	recursive, human, literal, names bool
}

func (a *app) lsCommand() *cobra.Command {
	var o lsOptions
	c := &cobra.Command{
		Use:   "ls [s3://BUCKET[/KEY]…]",
		Short: "List buckets, or what lies in one",
		Long: `List your buckets, or one level of what lies in a bucket: size, time and name.
A name may have * (any part of a name), ** (also over slashes) and ?. Names are
listed in bytewise order, a page at a time, so a bucket of any size will do.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lsBuckets(cmd.Context())
			}
			for _, arg := range args {
				if err := a.ls(cmd.Context(), arg, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "list everything below, not one level")
	f.BoolVarP(&o.human, "human", "H", false, "sizes in KiB, MiB, …")
	f.BoolVarP(&o.names, "names", "1", false, "names only")
	f.BoolVar(&o.literal, "literal", false, literalHelp)
	return c
}

func (a *app) lsBuckets(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	all, err := s.client.Buckets(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		a.out.put(bucketRecord{"bucket", b.Name, b.Created.UTC()}, "%s  s3://%s", localTime(b.Created), b.Name)
	}
	return nil
}

func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func (a *app) ls(ctx context.Context, text string, o lsOptions) error {
	sel, s, err := a.choose(ctx, text, o.recursive, o.literal)
	if err != nil {
		return err
	}
	if sel.many() {
		for e, err := range sel.objects(ctx, s.client) {
			if err != nil {
				if sel.key == "" && sel.pattern == nil && isNothing(err) {
					return nil // an empty bucket
				}
				return err
			}
			a.lsLine(sel, &client.Entry{Object: *e.Object}, e.Key, o)
		}
		return nil
	}
	return a.lsLevel(ctx, s, sel, o)
}

// lsLevel lists an object, or one level below a prefix.
func (a *app) lsLevel(ctx context.Context, s *session, sel *selection, o lsOptions) error {
	found := false
	prefix := sel.key
	if !sel.isPrefix() {
		switch object, err := s.client.Head(ctx, sel.bucket, sel.key, ""); {
		case err == nil:
			found = true
			a.lsLine(sel, &client.Entry{Object: *object}, sel.base(), o)
		case client.KindOf(err) != client.NotFound:
			return err
		}
		prefix += "/"
	}
	for e, err := range s.client.List(ctx, sel.bucket, client.ListOptions{Prefix: prefix, Delimiter: "/"}) {
		if err != nil {
			return err
		}
		found = true
		a.lsLine(sel, e, strings.TrimPrefix(e.Name(), prefix), o)
	}
	if !found && sel.key != "" {
		return sel.nothing()
	}
	return nil
}

func (a *app) lsLine(sel *selection, e *client.Entry, name string, o lsOptions) {
	if e.Prefix != "" {
		record := prefixRecord{"prefix", sel.bucket, e.Prefix}
		if o.names {
			a.out.put(record, "%s", clean(name))
			return
		}
		a.out.put(record, "%14s  %19s  %s", "-", "", clean(name))
		return
	}
	record := recordOf(sel.bucket, &e.Object)
	if o.names {
		a.out.put(record, "%s", clean(name))
		return
	}
	size := fmt.Sprint(e.Size)
	if o.human {
		size = humanSize(e.Size)
	}
	a.out.put(record, "%14s  %s  %s", size, localTime(e.LastModified), clean(name))
}
