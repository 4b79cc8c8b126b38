package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/lifecycle"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// lifecycle executes the rules of every bucket that has some.
func (s *Sweeper) lifecycle(ctx context.Context, rep *Report) error {
	return s.buckets(ctx, func(b *catalog.Bucket) error {
		if !b.HasLifecycle || b.Closing {
			return nil
		}
		doc, err := s.Repo.BucketDoc(ctx, b, catalog.DocLifecycle)
		if err != nil || doc == nil {
			return err
		}
		cfg, err := lifecycle.Parse(doc)
		if err != nil {
			return fmt.Errorf("lifecycle document: %w", err)
		}
		return (&bucketRules{s: s, b: b, cfg: cfg, work: cfg.Work(), now: s.Now(), rep: rep}).run(ctx)
	})
}

// bucketRules is the execution of one bucket's rules.
type bucketRules struct {
	s    *Sweeper
	b    *catalog.Bucket
	cfg  *lifecycle.Config
	work lifecycle.Work
	now  time.Time
	rep  *Report

	lanes *lanes
}

func (x *bucketRules) run(ctx context.Context) error {
	if x.work.Uploads {
		if err := x.abortUploads(ctx); err != nil {
			return err
		}
	}
	if x.work.Current || x.work.Noncurrent || x.work.Markers {
		x.lanes = newLanes(ctx, x.rep)
		return x.lanes.finish(x.versions(ctx))
	}
	return nil
}

// versions goes through all versions, by key and newest first, which tells of
// each when it ceased to be current and how many newer ones there are.
func (x *bucketRules) versions(ctx context.Context) error {
	var in repo.ListInput
	in.Max = 1000
	in.After = x.s.within(x.b.Name)
	afterVersion := ""
	var k keyState
	for {
		page, err := x.s.Repo.ListVersions(ctx, x.b, in, afterVersion)
		if err != nil {
			return err
		}
		for i := range page.Entries {
			if err := errors.Join(x.s.pause(), x.next(ctx, &k, &page.Entries[i])); err != nil {
				return err
			}
		}
		if !page.Truncated {
			return x.next(ctx, &k, nil)
		}
		in.After, afterVersion = page.Next, page.NextVersion
	}
}

// keyState is what has been seen of the key that is being gone through.
type keyState struct {
	held       *repo.ListEntry // the entry before, not yet judged: is it alone?
	newer      time.Time       // ModTime of the version before held
	noncurrent int             // versions of the key before held that are not current
}

// next judges the entry before e, now that it is known what follows it.
func (x *bucketRules) next(ctx context.Context, k *keyState, e *repo.ListEntry) error {
	same := k.held != nil && e != nil && e.Key == k.held.Key
	if k.held != nil {
		if err := x.judge(ctx, k, k.held.Latest && !same); err != nil {
			return err
		}
	}
	if same {
		k.newer = k.held.ModTime
		if !k.held.Latest {
			k.noncurrent++
		}
	} else {
		if k.held != nil {
			x.s.move(course.Place{Bucket: x.b.Name, Key: []byte(k.held.Key)})
		}
		*k = keyState{}
	}
	if e != nil {
		held := *e
		k.held = &held
	}
	return nil
}

func (x *bucketRules) judge(ctx context.Context, k *keyState, alone bool) error {
	e := k.held
	v := lifecycle.Candidate{
		Key: e.Key, Size: e.Size, ModTime: e.ModTime, Latest: e.Latest, DeleteMarker: e.DeleteMarker,
		Alone: alone, NoncurrentSince: k.newer, NewerNoncurrent: k.noncurrent,
	}
	if x.work.NeedTags && !e.DeleteMarker {
		h, err := x.s.Repo.Open(ctx, x.b, e.Key, x.versionID(e), false)
		if gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		v.Tags = h.Tags
	}
	action, rule := x.cfg.Expires(v, x.now, x.s.Day)
	if action == lifecycle.Keep {
		return nil
	}
	del := repo.DeleteInput{Bucket: x.b, Key: e.Key, Owner: x.b.Owner}
	if action == lifecycle.RemoveVersion {
		del.VersionID = e.VersionID()
	} else if x.s.Repo.Meta.Capabilities().CAS != meta.None {
		// Only what was judged: not what has replaced it since. A store that
		// cannot tell has its expired keys deleted as a client would.
		del.Cond = repo.WriteCond{IfMatch: e.ETag, IfMatchModified: e.ModTime}
	}
	version := e.VersionID()
	return x.lanes.add(del.Key, func(rep *Report) error { return x.expire(ctx, del, version, rule, rep) })
}

// expire removes one version. That it has changed meanwhile, or is locked, is
// no error: the next run judges it anew.
func (x *bucketRules) expire(ctx context.Context, del repo.DeleteInput, version string, rule *lifecycle.Rule, rep *Report) error {
	_, err := x.s.Repo.DeleteObject(ctx, del)
	switch {
	case err == nil:
		rep.Expired++
		x.s.Log.Info("expired", "bucket", x.b.Name, "key", del.Key, "version", version, "rule", rule.ID)
		return nil
	case gone(err), errors.Is(err, s3err.PreconditionFailed), errors.Is(err, s3err.AccessDenied):
		return nil
	}
	return fmt.Errorf("expire %s/%s: %w", x.b.Name, del.Key, err)
}

// versionID names a version to Open: a bucket that never had versions has only
// current ones.
func (x *bucketRules) versionID(e *repo.ListEntry) string {
	if x.b.Versioning == catalog.Unversioned {
		return ""
	}
	return e.VersionID()
}

func gone(err error) bool {
	return errors.Is(err, s3err.NoSuchKey) || errors.Is(err, s3err.NoSuchVersion) || errors.Is(err, s3err.MethodNotAllowed)
}

func (x *bucketRules) abortUploads(ctx context.Context) error {
	in := repo.ListInput{Max: 1000}
	afterUpload := ""
	for {
		page, err := x.s.Repo.ListUploads(ctx, x.b, in, afterUpload)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if err := x.s.pause(); err != nil {
				return err
			}
			rule, due := x.cfg.AbortUpload(u.Key, u.Initiated, x.now, x.s.Day)
			if !due {
				continue
			}
			err := x.s.Repo.AbortUpload(ctx, x.b, u.Key, u.ID)
			if err != nil && !errors.Is(err, s3err.NoSuchUpload) {
				return fmt.Errorf("abort upload %s of %s/%s: %w", u.ID, x.b.Name, u.Key, err)
			}
			x.rep.AbortedUploads++
			x.s.Log.Info("upload aborted", "bucket", x.b.Name, "key", u.Key, "upload", u.ID, "rule", rule.ID)
		}
		if !page.Truncated {
			return nil
		}
		in.After, afterUpload = page.NextKey, page.NextUpload
	}
}

// settlePending finishes the work that writes left behind on a store without
// batches, where their process died.
func (s *Sweeper) settlePending(ctx context.Context, rep *Report) error {
	if s.Repo.Meta.Capabilities().Batch {
		return nil
	}
	return s.buckets(ctx, func(b *catalog.Bucket) error {
		from := max(catalog.SpaceObject, s.within(b.Name))
		return s.scan(ctx, s.Repo.Meta, catalog.InBucket(b.ID), from, meta.PrefixEnd(catalog.SpaceObject), false, func(e meta.Entry) error {
			s.move(course.Place{Bucket: b.Name, Key: []byte(e.Key)})
			sum, err := catalog.DecodeSummary(e.Record.Summary)
			if err != nil {
				return err
			}
			if !sum.Gone && !sum.Pending {
				return nil
			}
			rep.Settled++
			return s.Repo.Settle(ctx, b, e.Key[len(catalog.SpaceObject):])
		})
	})
}
