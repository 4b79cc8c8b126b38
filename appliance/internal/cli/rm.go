package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client"
)

// deleteRecord is a deletion with --json.
type deleteRecord struct {
	Type    string `json:"type"` // "delete"
	Target  string `json:"target"`
	Planned bool   `json:"planned,omitempty"`
}

type rmOptions struct {
	recursive, force, literal, dryRun, bucket bool
	version                                   string
}

func (a *app) rmCommand() *cobra.Command {
	var o rmOptions
	c := &cobra.Command{
		Use:   "rm s3://BUCKET/KEY…",
		Short: "Delete objects, and buckets",
		Long: `Delete objects: those named, those that match * and ?, or with -r all below a
name ("dir" and "dir/…", not "dir2"). In a bucket with versioning they are only
hidden. --bucket deletes the bucket, too, which must be empty then.`,
		Args: cobra.MinimumNArgs(1),
		RunE: perArgument(func(ctx context.Context, arg string) error { return a.rm(ctx, arg, o) }),
	}
	f := c.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "delete all below a name")
	f.BoolVarP(&o.force, "force", "f", false, "what is not there is no error")
	f.BoolVar(&o.literal, "literal", false, literalHelp)
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be deleted")
	f.BoolVar(&o.bucket, "bucket", false, "delete the bucket itself, after what lies in it with -r")
	f.StringVar(&o.version, "version", "", "delete this version for good")
	return c
}

func (a *app) rm(ctx context.Context, text string, o rmOptions) error {
	sel, s, err := a.choose(ctx, text, o.recursive, o.literal || o.version != "")
	if err != nil {
		return err
	}
	switch {
	case o.bucket && (sel.key != "" || sel.pattern != nil):
		return usagef("--bucket is for a whole bucket, such as s3://%s", sel.bucket)
	case o.version != "" && (sel.many() || sel.key == ""):
		return usagef("--version is of one object")
	case o.version != "":
		return a.rmVersion(ctx, s, sel, o)
	}
	if !o.bucket || o.recursive {
		o.force = o.force || o.bucket
		if err := a.rmObjects(ctx, s, sel, o); err != nil {
			return err
		}
	}
	if !o.bucket {
		return nil
	}
	if !o.dryRun {
		if err := s.client.DeleteBucket(ctx, sel.bucket); err != nil {
			return err
		}
	}
	a.deleted("s3://"+sel.bucket, o.dryRun)
	return nil
}

func (a *app) rmVersion(ctx context.Context, s *session, sel *selection, o rmOptions) error {
	if !o.dryRun {
		if err := s.client.Delete(ctx, sel.bucket, sel.key, o.version, ""); err != nil {
			return err
		}
	}
	a.deleted(objectURL(sel.bucket, sel.key)+"?versionId="+o.version, o.dryRun)
	return nil
}

func (a *app) deleted(target string, planned bool) {
	word := "delete"
	if planned {
		word = "would delete"
		a.out.put(deleteRecord{"delete", target, true}, "%s %s", word, clean(target))
		return
	}
	a.out.did(deleteRecord{"delete", target, false}, "%s %s", word, clean(target))
}

// rmObjects deletes what was selected, a thousand with each request.
func (a *app) rmObjects(ctx context.Context, s *session, sel *selection, o rmOptions) error {
	r := &remover{app: a, session: s, bucket: sel.bucket, dryRun: o.dryRun}
	for c, err := range sel.objects(ctx, s.client) {
		if err != nil {
			if o.force && client.KindOf(err) == client.NotFound && !client.HasCode(err, "NoSuchBucket") {
				break
			}
			return err
		}
		if err := r.add(ctx, c.Key); err != nil {
			return err
		}
	}
	return r.end(ctx)
}

// remover deletes objects of a bucket in groups.
type remover struct {
	app     *app
	session *session
	bucket  string
	dryRun  bool
	keys    []string
	first   client.Kind
}

func (r *remover) add(ctx context.Context, key string) error {
	r.keys = append(r.keys, key)
	if len(r.keys) < client.MaxDelete {
		return nil
	}
	return r.flush(ctx)
}

func (r *remover) flush(ctx context.Context) error {
	keys := r.keys
	r.keys = r.keys[:0]
	if len(keys) == 0 {
		return nil
	}
	stayed := map[string]bool{}
	if !r.dryRun {
		var failed []error
		var err error
		if len(keys) == 1 {
			err = r.session.client.Delete(ctx, r.bucket, keys[0], "", "")
		} else {
			failed, err = r.session.client.DeleteMany(ctx, r.bucket, keys)
		}
		if err != nil {
			return err
		}
		for _, err := range failed {
			kind := client.KindOf(err)
			if r.first == 0 {
				r.first = kind
			}
			r.app.out.failure("", err, kind)
			if e, ok := err.(*client.Error); ok {
				stayed[e.Key] = true
			}
		}
	}
	for _, key := range keys {
		if !stayed[key] {
			r.app.deleted(objectURL(r.bucket, key), r.dryRun)
		}
	}
	return nil
}

func (r *remover) end(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	if r.first != 0 {
		return &toldError{r.first}
	}
	return nil
}
