package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// seedWriters is how many objects are written at once: enough for the store to
// commit them in groups.
const seedWriters = 64

// seedSpec is what seed writes.
type seedSpec struct {
	bucket, account string
	count, from     int
	size            config.Size
	folders         int
}

// key of the i-th object: folders of equal size, names in order.
func (s *seedSpec) key(i int) string {
	return fmt.Sprintf("seed/%04d/object-%09d", i%s.folders, i)
}

// seed fills a bucket with objects of random bytes, to measure how a site
// behaves at scale, past HTTP and signatures but through everything below.
func seed(ctx context.Context, name string, args []string) error {
	s := seedSpec{bucket: "seed", account: "root", count: 1000, size: 4096, folders: 1000}
	c, err := parse(name, args, func(fs *flag.FlagSet) {
		fs.StringVar(&s.bucket, "bucket", s.bucket, "bucket; made when absent")
		fs.StringVar(&s.account, "account", s.account, "account that owns what is made")
		fs.IntVar(&s.count, "count", s.count, "number of objects")
		fs.IntVar(&s.from, "from", 0, "number of the first object")
		fs.IntVar(&s.folders, "folders", s.folders, "number of folders they are spread over")
		fs.Var(&s.size, "size", "bytes of each")
	}, 0)
	if err != nil {
		return err
	}
	if s.count < 0 || s.folders < 1 || s.size < 0 || s.size > 64<<20 {
		return errors.New("count must not be negative, folders at least 1, size at most 64 MiB")
	}
	return withNewApp(ctx, c, func(a *app.App) error {
		err := s.run(ctx, a)
		return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
	})
}

func (s *seedSpec) run(ctx context.Context, a *app.App) error {
	if _, err := ensureRoot(ctx, a.Config, a.Accounts); err != nil {
		return err
	}
	owner, err := accountNamed(ctx, a, s.account)
	if err != nil {
		return err
	}
	b, err := a.Repo.Bucket(ctx, s.bucket)
	if errors.Is(err, s3err.NoSuchBucket) {
		b, err = a.Repo.CreateBucket(ctx, catalog.Bucket{Name: s.bucket, Owner: owner.ID})
	}
	if err != nil {
		return err
	}
	data := make([]byte, s.size)
	rand.Read(data)
	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, seedWriters)
	for w := range seedWriters {
		wg.Go(func() {
			for errs[w] == nil && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= s.count {
					return
				}
				_, errs[w] = a.Repo.PutObject(ctx, repo.PutObjectInput{
					Bucket: b, Key: s.key(s.from + i), Body: bytes.NewReader(data), Size: int64(len(data)),
					Object: catalog.Object{Owner: owner.ID, ContentType: "application/octet-stream"},
				})
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return err
	}
	fmt.Printf("%d objects of %d bytes in %s/%s in %.1f s\n", s.count, s.size, s.bucket, "seed/", time.Since(began).Seconds())
	return nil
}
