package cli

import (
	"context"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/transfer"
)

type syncOptions struct {
	copyOptions
	delete, checksum bool
}

func (a *app) syncCommand() *cobra.Command {
	var o syncOptions
	o.keepTime = true
	c := &cobra.Command{
		Use:   "sync SOURCE TARGET",
		Short: "Make a directory or prefix like another, one way",
		Long: `Copy what is missing or different in the target: a directory, or s3://BUCKET/DIR.
What has the same size and is not newer in the source is taken to be the same;
with --checksum contents are compared. --delete deletes in the target what the
source does not have, at the end, and only if nothing went wrong before.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.sync(cmd.Context(), args[0], args[1], o) },
	}
	f := c.Flags()
	f.BoolVar(&o.delete, "delete", false, "delete in the target what the source does not have")
	f.BoolVar(&o.checksum, "checksum", false, "compare contents, not sizes and times")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done")
	f.BoolVarP(&o.follow, "follow", "L", false, "follow links to directories")
	f.BoolVar(&o.preflight, "preflight", false, "ask before uploads whether they fit the quota")
	return c
}

func (a *app) sync(ctx context.Context, fromText, toText string, o syncOptions) error {
	from, err := a.side(ctx, fromText)
	if err != nil {
		return err
	}
	to, err := a.side(ctx, toText)
	if err != nil {
		return err
	}
	if !from.remote && !to.remote {
		return usagef("neither %q nor %q is in the repository", fromText, toText)
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if !from.remote {
		info, err := os.Stat(from.local)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return usagef("%s is no directory", from.text)
		}
	}
	merge := func() iter.Seq2[*pair, error] {
		return pairs(from.entries(ctx, a, s, o.follow, false), to.entries(ctx, a, s, false, true))
	}
	y := &syncer{app: a, session: s, from: from, to: to, o: o}
	if o.preflight && !from.remote {
		if err := y.preflight(ctx, merge()); err != nil {
			return err
		}
	}
	name := func(p *pair) string { return p.rel }
	if err := each(ctx, a, y.noting(merge()), name, y.one); err != nil {
		return err
	}
	return y.finish(ctx)
}

// syncer is one run of sync.
type syncer struct {
	app      *app
	session  *session
	from, to *side
	o        syncOptions
	seen     int      // names the source has
	surplus  []string // names only the target has
}

// noting remembers what is to be deleted, and passes on the rest.
func (y *syncer) noting(all iter.Seq2[*pair, error]) iter.Seq2[*pair, error] {
	return func(yield func(*pair, error) bool) {
		for p, err := range all {
			if err == nil && p.from == nil {
				if y.o.delete {
					y.surplus = append(y.surplus, p.rel)
				}
				continue
			}
			y.seen++
			if !yield(p, err) {
				return
			}
		}
	}
}

// one makes the target's entry like the source's.
func (y *syncer) one(ctx context.Context, p *pair) error {
	same, err := y.same(ctx, p)
	if err != nil || same {
		return err
	}
	from, err := y.from.at(p.rel)
	if err != nil {
		return err
	}
	to, err := y.to.at(p.rel)
	if err != nil {
		return err
	}
	return y.app.copyOne(ctx, y.session, &job{from, to, p.from.object, p.from.size}, y.o.copyOptions)
}

// same tells whether both sides are alike. Times tell what is newer, no more,
// because the server sets its own.
func (y *syncer) same(ctx context.Context, p *pair) (bool, error) {
	if p.to == nil || p.from.size != p.to.size {
		return false, nil
	}
	if !y.o.checksum {
		return !p.from.time.Truncate(time.Second).After(p.to.time), nil
	}
	if p.from.object != nil && p.to.object != nil && p.from.object.ETag == p.to.object.ETag {
		return true, nil
	}
	a, err := y.sum(ctx, y.from, p.rel, "")
	if err != nil || a.Composite {
		return false, err
	}
	b, err := y.sum(ctx, y.to, p.rel, a.Algorithm)
	if err != nil {
		return false, err
	}
	if y.from.remote != y.to.remote && a != b && !y.from.remote {
		// The object decides which checksum there is; the file can make any.
		if b.Algorithm == "" || b.Composite {
			return false, nil
		}
		a, err = y.sum(ctx, y.from, p.rel, b.Algorithm)
	}
	return err == nil && a.Algorithm != "" && a == b, err
}

// sum is a checksum of the file in the algorithm, or the one that the object has.
func (y *syncer) sum(ctx context.Context, d *side, rel, algorithm string) (client.Checksum, error) {
	l, err := d.at(rel)
	if err != nil {
		return client.Checksum{}, err
	}
	if l.remote {
		o, err := y.session.client.Head(ctx, l.bucket, l.key, "")
		if err != nil {
			return client.Checksum{}, err
		}
		return o.Checksum, nil
	}
	if !checksum.Known(algorithm) {
		algorithm = "CRC64NVME"
	}
	sum, err := transfer.FileSum(l.local, algorithm)
	return client.Checksum{Algorithm: algorithm, Value: checksum.Encode(sum)}, err
}

// finish deletes what the source does not have, now that all went well.
func (y *syncer) finish(ctx context.Context) error {
	if len(y.surplus) == 0 {
		return nil
	}
	if y.seen == 0 {
		return &client.NotFoundError{Message: fmt.Sprintf("nothing is below %s, so all %d below %s would be deleted: use rm -r if that is meant", y.from.text, len(y.surplus), y.to.text)}
	}
	if y.to.remote {
		r := &remover{app: y.app, session: y.session, bucket: y.to.bucket, dryRun: y.o.dryRun}
		for _, rel := range y.surplus {
			if err := r.add(ctx, y.to.key+rel); err != nil {
				return err
			}
		}
		return r.end(ctx)
	}
	for _, rel := range y.surplus {
		l, err := y.to.at(rel)
		if err != nil {
			return err
		}
		if !y.o.dryRun {
			if err := os.Remove(l.local); err != nil {
				return err
			}
		}
		y.app.deleted(l.local, y.o.dryRun)
	}
	return nil
}

// preflight asks whether what is to be uploaded fits.
func (y *syncer) preflight(ctx context.Context, all iter.Seq2[*pair, error]) error {
	total := int64(0)
	for p, err := range all {
		if err != nil {
			return err
		}
		if p.from == nil {
			continue
		}
		if same, err := y.same(ctx, p); err != nil {
			return err
		} else if !same {
			total += p.from.size
		}
	}
	return y.session.fits(ctx, total)
}

// isNothing tells that a selection was empty, not that something named is missing.
func isNothing(err error) bool {
	_, ok := err.(*client.NotFoundError)
	return ok
}
