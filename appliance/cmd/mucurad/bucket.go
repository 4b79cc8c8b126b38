package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/quota"
)

func bucketList(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "BUCKET\tOWNER\tCREATED\tVERSIONING")
		err := a.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error {
			owner, err := ownerName(ctx, a, b.Owner)
			if err != nil {
				return err
			}
			versioning := b.Versioning
			if versioning == catalog.Unversioned {
				versioning = "none"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.Name, owner, b.Created.UTC().Format(time.RFC3339), versioning)
			return nil
		})
		return errors.Join(err, w.Flush())
	})
}

// ownerName is an account's name, or its ID when there is no such account.
func ownerName(ctx context.Context, a *app.App, id string) (string, error) {
	acct, err := a.Accounts.Account(ctx, id)
	if errors.Is(err, accounts.ErrNotFound) {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	return acct.Name, nil
}

// bucketChown gives a bucket to another account, and counts anew what the two
// accounts use.
func bucketChown(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 2)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		to, err := accountNamed(ctx, a, rest[1])
		if err != nil {
			return err
		}
		was, err := a.Repo.Bucket(ctx, rest[0])
		if err != nil || was.Owner == to.ID {
			return err
		}
		if _, err := a.Repo.ChownBucket(ctx, was.Name, to.ID); err != nil {
			return err
		}
		for _, account := range []string{was.Owner, to.ID} {
			// A superseded recount is being done by somebody else.
			if err := a.Sweeper().Recount(ctx, account); err != nil && !errors.Is(err, quota.ErrRecountSuperseded) {
				return fmt.Errorf("the bucket is given; count what account %s uses: %w", account, err)
			}
		}
		return nil
	})
}
