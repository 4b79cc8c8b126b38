package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// uploadRecord is an unfinished upload with --json.
type uploadRecord struct {
	Type    string    `json:"type"` // "upload"
	Target  string    `json:"target"`
	ID      string    `json:"upload_id"`
	Started time.Time `json:"started"`
	Dropped bool      `json:"dropped,omitempty"`
}

func (a *app) uploadsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "uploads",
		Short: "List and drop unfinished uploads, whose parts count against the quota",
	}
	list := &cobra.Command{
		Use:   "ls s3://BUCKET[/PREFIX]",
		Short: "List unfinished uploads",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.uploads(cmd.Context(), args[0], time.Time{}, false)
		},
	}
	age := "24h"
	drop := &cobra.Command{
		Use:   "drop s3://BUCKET[/PREFIX]",
		Short: "Drop unfinished uploads",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := parseAge(age, a.now())
			if err != nil {
				return err
			}
			return a.uploads(cmd.Context(), args[0], before, true)
		},
	}
	drop.Flags().StringVar(&age, "older", age, "those that began before this time")
	c.AddCommand(list, drop)
	return c
}

func (a *app) uploads(ctx context.Context, text string, before time.Time, drop bool) error {
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return err
	}
	all, err := s.client.Uploads(ctx, l.bucket, l.key)
	if err != nil {
		return err
	}
	for _, u := range all {
		if drop && !u.Initiated.Before(before) {
			continue
		}
		word := ""
		if drop {
			if err := s.client.AbortUpload(ctx, l.bucket, u.Key, u.ID); err != nil {
				return err
			}
			word = "drop "
		}
		target := objectURL(l.bucket, u.Key)
		a.out.put(uploadRecord{"upload", target, u.ID, u.Initiated.UTC(), drop}, "%s%s  %s",
			word, localTime(u.Initiated), clean(strings.TrimSpace(target)))
	}
	return nil
}
