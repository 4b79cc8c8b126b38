package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func noContent() io.Reader { return http.NoBody }

// usageRecord is a sum with --json.
type usageRecord struct {
	Type    string `json:"type"` // "sum"
	Target  string `json:"target"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
}

type duOptions struct {
	human bool
	depth int
}

func (a *app) duCommand() *cobra.Command {
	var o duOptions
	c := &cobra.Command{
		Use:   "du s3://BUCKET[/KEY]…",
		Short: "Sum the sizes of what lies below names",
		Args:  cobra.MinimumNArgs(1),
		RunE:  perArgument(func(ctx context.Context, arg string) error { return a.du(ctx, arg, o) }),
	}
	f := c.Flags()
	f.BoolVarP(&o.human, "human", "H", false, "sizes in KiB, MiB, …")
	f.IntVarP(&o.depth, "depth", "d", 0, "sums of directories down to this depth, too")
	return c
}

func (a *app) du(ctx context.Context, text string, o duOptions) error {
	sel, s, err := a.choose(ctx, text, true, false)
	if err != nil {
		return err
	}
	total := usageRecord{Type: "sum", Target: text}
	// Keys come in order, so a directory is over when its name no longer begins
	// the key: one open sum for each level is all that is kept.
	var open []*usageRecord
	var names []string
	closeTo := func(n int) {
		for len(open) > n {
			a.sum(open[len(open)-1], o)
			open, names = open[:len(open)-1], names[:len(names)-1]
		}
	}
	for c, err := range sel.objects(ctx, s.client) {
		if err != nil {
			if sel.key == "" && total.Objects == 0 && sel.pattern == nil && isNothing(err) {
				break // an empty bucket
			}
			return err
		}
		dirs := strings.Split(c.rel, "/")
		dirs = dirs[:min(len(dirs)-1, o.depth)]
		same := 0
		for same < len(dirs) && same < len(names) && dirs[same] == names[same] {
			same++
		}
		closeTo(same)
		for len(open) < len(dirs) {
			names = append(names, dirs[len(open)])
			open = append(open, &usageRecord{Type: "sum", Target: strings.TrimSuffix(objectURL(sel.bucket, strings.TrimSuffix(c.Key, c.rel)), "/") + "/" + strings.Join(names, "/") + "/"})
		}
		for _, r := range append(open, &total) {
			r.Objects++
			r.Bytes += c.Size
		}
	}
	closeTo(0)
	a.sum(&total, o)
	return nil
}

func (a *app) sum(r *usageRecord, o duOptions) {
	size := fmt.Sprint(r.Bytes)
	if o.human {
		size = humanSize(r.Bytes)
	}
	a.out.put(r, "%14s  %8d  %s", size, r.Objects, clean(r.Target))
}

type findOptions struct {
	name            string
	larger, smaller byteSize
	newer, older    string
	zero            bool
}

func (a *app) findCommand() *cobra.Command {
	var o findOptions
	c := &cobra.Command{
		Use:   "find s3://BUCKET[/KEY]…",
		Short: "Print the names of objects by name, size and age",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if err := a.find(cmd, arg, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "the last part of the key matches this pattern (*, ?, [a-z])")
	f.Var(&o.larger, "larger", "larger than this size")
	f.Var(&o.smaller, "smaller", "smaller than this size")
	f.StringVar(&o.newer, "newer", "", "changed after this time: 36h or 7d ago, 2026-01-31, 2026-01-31T12:00:00Z")
	f.StringVar(&o.older, "older", "", "changed before this time")
	f.BoolVarP(&o.zero, "print0", "0", false, "end names with a NUL instead of a line break")
	return c
}

func (a *app) find(cmd *cobra.Command, text string, o findOptions) error {
	ctx := cmd.Context()
	var newer, older time.Time
	var err error
	if o.newer != "" {
		if newer, err = parseAge(o.newer, a.now()); err != nil {
			return err
		}
	}
	if o.older != "" {
		if older, err = parseAge(o.older, a.now()); err != nil {
			return err
		}
	}
	if _, err := path.Match(o.name, ""); err != nil {
		return usagef("--name %q is no pattern", o.name)
	}
	sel, s, err := a.choose(ctx, text, true, false)
	if err != nil {
		return err
	}
	for c, err := range sel.objects(ctx, s.client) {
		if err != nil {
			if sel.key == "" && isNothing(err) {
				return nil
			}
			return err
		}
		named := true
		if o.name != "" {
			named, _ = path.Match(o.name, path.Base(c.Key))
		}
		if !named || cmd.Flags().Changed("larger") && c.Size <= int64(o.larger) ||
			cmd.Flags().Changed("smaller") && c.Size >= int64(o.smaller) ||
			!newer.IsZero() && !c.LastModified.After(newer) || !older.IsZero() && !c.LastModified.Before(older) {
			continue
		}
		if o.zero && !a.json {
			a.out.text(objectURL(sel.bucket, c.Key) + "\x00")
			continue
		}
		a.out.put(recordOf(sel.bucket, c.Object), "%s", clean(objectURL(sel.bucket, c.Key)))
	}
	return nil
}
