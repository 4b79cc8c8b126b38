package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/config"
)

// versionRecord is a version of an object with --json.
type versionRecord struct {
	Type      string    `json:"type"` // "object_version"
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	VersionID string    `json:"version_id"`
	Size      int64     `json:"size"`
	Modified  time.Time `json:"modified"`
	ETag      string    `json:"etag,omitempty"`
	Deleted   bool      `json:"deleted,omitempty"` // it marks a deletion
	Latest    bool      `json:"latest,omitempty"`
}

type versionsOptions struct{ recursive, human, keep, stop bool }

func (a *app) versionsCommand() *cobra.Command {
	var o versionsOptions
	c := &cobra.Command{
		Use:   "versions s3://BUCKET[/KEY]…",
		Short: "List versions of objects, and have a bucket keep them",
		Long: `List the versions of objects, newest first, and where they were deleted: size, time,
version, what it is, name. cat, cp, rm and stat take a version with --version.

A bucket keeps what is overwritten and deleted in it from the time --keep was said;
it counts against the quota. --stop ends that, and versions that are there stay.`,
		Args: cobra.MinimumNArgs(1),
		RunE: perArgument(func(ctx context.Context, arg string) error { return a.versions(ctx, arg, o) }),
	}
	f := c.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "of all that lies below a name, too")
	f.BoolVarP(&o.human, "human", "H", false, "sizes in KiB, MiB, …")
	f.BoolVar(&o.keep, "keep", false, "have the bucket keep versions from now on")
	f.BoolVar(&o.stop, "stop", false, "have it keep no more of them")
	return c
}

func (a *app) versions(ctx context.Context, text string, o versionsOptions) error {
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return err
	}
	if o.keep || o.stop {
		if l.key != "" || o.keep == o.stop {
			return usagef("--keep or --stop is for a whole bucket, such as s3://%s", l.bucket)
		}
		return a.keepVersions(ctx, s, l.bucket, o.keep)
	}
	found := false
	for v, err := range versionsOf(ctx, s, l, o.recursive) {
		if err != nil {
			return err
		}
		found = true
		what, size := "", fmt.Sprint(v.Size)
		switch {
		case v.Deleted:
			what, size = "deleted", "-"
		case v.Latest:
			what = "latest"
		}
		if o.human && !v.Deleted {
			size = humanSize(v.Size)
		}
		a.out.put(versionRecord{"object_version", l.bucket, v.Key, v.VersionID, v.Size, v.LastModified.UTC(), v.ETag, v.Deleted, v.Latest},
			"%14s  %s  %-32s  %-7s  %s", size, localTime(v.LastModified), clean(v.VersionID), what, clean(v.Key))
	}
	if !found && l.key != "" {
		return &client.NotFoundError{Message: text + ": nothing is there"}
	}
	return nil
}

func (a *app) keepVersions(ctx context.Context, s *session, bucket string, keep bool) error {
	if err := s.client.KeepVersions(ctx, bucket, keep); err != nil {
		return err
	}
	word := "keeps versions from now on"
	if !keep {
		word = "keeps no more versions"
	}
	a.out.did(map[string]any{"type": "versioning", "bucket": bucket, "keep": keep}, "s3://%s %s", clean(bucket), word)
	return nil
}

// versionsOf gives the versions of one object, or with recursive of those below a name
// as well; of a whole bucket in any case.
func versionsOf(ctx context.Context, s *session, l *location, recursive bool) func(func(*client.Version, error) bool) {
	return func(yield func(*client.Version, error) bool) {
		for v, err := range s.client.Versions(ctx, l.bucket, l.key) {
			if err == nil && l.key != "" && v.Key != l.key {
				if !recursive {
					return // the key itself comes first
				}
				if !l.isPrefix() && !strings.HasPrefix(v.Key, l.key+"/") {
					continue
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// undeleteRecord is an object that was brought back, with --json.
type undeleteRecord struct {
	Type    string `json:"type"` // "undelete"
	Target  string `json:"target"`
	Planned bool   `json:"planned,omitempty"`
}

type undeleteOptions struct{ recursive, dryRun bool }

func (a *app) undeleteCommand() *cobra.Command {
	var o undeleteOptions
	c := &cobra.Command{
		Use:   "undelete s3://BUCKET/KEY…",
		Short: "Bring deleted objects back, where the bucket keeps versions",
		Long: `Bring back what was deleted in a bucket that keeps versions: an object as it was
before it was deleted, or with -r all that was deleted below a name.`,
		Args: cobra.MinimumNArgs(1),
		RunE: perArgument(func(ctx context.Context, arg string) error { return a.undelete(ctx, arg, o) }),
	}
	f := c.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "all that was deleted below a name")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be brought back")
	return c
}

// undelete takes away the markers that hide the newest version of a key.
func (a *app) undelete(ctx context.Context, text string, o undeleteOptions) error {
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return err
	}
	if l.key == "" && !o.recursive {
		return usagef("%q names no object: give -r for all that was deleted in the bucket", text)
	}
	var markers []string // of this key, newest first
	key, hidden, back := "", false, 0
	for v, err := range versionsOf(ctx, s, l, o.recursive) {
		if err != nil {
			return err
		}
		if v.Key != key {
			key, hidden, markers = v.Key, true, nil
		}
		if !hidden {
			continue // older than what is to be seen
		}
		if v.Deleted {
			markers = append(markers, v.VersionID)
			continue
		}
		hidden = false
		if len(markers) == 0 {
			continue
		}
		// The newest goes last: if this is cut short the object is still deleted.
		for i := len(markers) - 1; i >= 0 && !o.dryRun; i-- {
			if err := s.client.Delete(ctx, l.bucket, key, markers[i], ""); err != nil {
				return err
			}
		}
		back++
		word, record := "undelete", undeleteRecord{"undelete", objectURL(l.bucket, key), o.dryRun}
		if o.dryRun {
			word = "would undelete"
		}
		a.out.did(record, "%s %s", word, clean(record.Target))
	}
	if back == 0 {
		return &client.NotFoundError{Message: text + ": nothing deleted is kept there"}
	}
	return nil
}

// linkRecord is a link with --json.
type linkRecord struct {
	Type    string    `json:"type"` // "link"
	Target  string    `json:"target"`
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

func (a *app) linkCommand() *cobra.Command {
	life := lifetime{config.Duration(24 * time.Hour)}
	version := ""
	c := &cobra.Command{
		Use:   "link s3://BUCKET/KEY…",
		Short: "Print links by which anybody may read objects for a while",
		Long: `Print a link (a presigned URL) for each object: whoever has it may read that one
object, in any browser, until it ends. It ends at the latest with the key or session
it was made with, and is taken back by removing that key.`,
		Args: cobra.MinimumNArgs(1),
		RunE: perArgument(func(ctx context.Context, arg string) error {
			return a.link(ctx, arg, version, time.Duration(life.Duration))
		}),
	}
	c.Flags().Var(&life, "expires-in", "how long the link is good, 7d at most")
	c.Flags().StringVar(&version, "version", "", "of this version")
	return c
}

func (a *app) link(ctx context.Context, text, version string, life time.Duration) error {
	if life < time.Second || life > client.MaxLink {
		return usagef("--expires-in: a link is good for 1s to 7d")
	}
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return err
	}
	if l.key == "" {
		return usagef("%q names no object", text)
	}
	// A link to what is not there, or may not be read, helps nobody.
	if _, err := s.client.Head(ctx, l.bucket, l.key, version); err != nil {
		return notFound(text, err)
	}
	url, temporary, err := s.client.Link(ctx, l.bucket, l.key, version, life)
	if err != nil {
		return err
	}
	if temporary {
		a.out.note("the link ends with the session it is made with, if not before; an access key makes longer ones")
	}
	a.out.put(linkRecord{"link", objectURL(l.bucket, l.key), url, a.now().Add(life).UTC()}, "%s", url)
	return nil
}
