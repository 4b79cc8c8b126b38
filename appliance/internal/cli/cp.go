package cli

import (
	"context"
	"iter"

	"github.com/spf13/cobra"
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
