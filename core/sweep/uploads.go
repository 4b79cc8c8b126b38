package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// uploads clears what completed and aborted uploads left: parts that no upload
// owns any more, and the memory of completed uploads older than the leeway.
func (s *Sweeper) uploads(ctx context.Context, rep *Report) error {
	return s.partitions(ctx, func(bucketID string) error {
		if err := s.leftoverParts(ctx, bucketID, rep); err != nil {
			return err
		}
		return s.forgetFinished(ctx, bucketID, rep)
	})
}

// uploadState is what is known of the upload whose parts are being looked at.
type uploadState struct {
	id    string
	alive bool
	key   string              // of the object, when known
	used  map[content.ID]bool // contents the completed object took over
}

// leftoverParts releases and drops parts whose upload is neither in progress
// nor just completed. An upload in progress cannot be found by its ID alone,
// so the running ones are collected first: there are few.
func (s *Sweeper) leftoverParts(ctx context.Context, bucketID string, rep *Report) error {
	p := catalog.InBucket(bucketID)
	var running map[string]bool
	var state uploadState
	return s.scan(ctx, s.Repo.Meta, p, catalog.SpacePart, meta.PrefixEnd(catalog.SpacePart), true, func(e meta.Entry) error {
		id, _, err := catalog.ParsePartKey(e.Key)
		if err != nil {
			return err
		}
		if running == nil {
			if running, err = s.runningUploads(ctx, p); err != nil {
				return err
			}
		}
		if id != state.id {
			if state, err = s.stateOf(ctx, p, id, running); err != nil {
				return err
			}
		}
		part, err := catalog.DecodePart(e.Record.Value)
		if err != nil {
			return fmt.Errorf("part %q: %w", e.Key, err)
		}
		// A part younger than the leeway may belong to an upload begun after
		// the running ones were collected.
		if state.alive || part.ModTime.After(s.Now().Add(-s.Repo.Leeway)) {
			return nil
		}
		return s.dropPart(ctx, bucketID, e, part, state, rep)
	})
}

func (s *Sweeper) runningUploads(ctx context.Context, p meta.Partition) (map[string]bool, error) {
	running := map[string]bool{}
	err := scanPrefix(ctx, s.Repo.Meta, p, catalog.SpaceUpload, false, func(e meta.Entry) error {
		_, id, err := catalog.ParseUploadKey(e.Key)
		running[id] = true
		return err
	})
	return running, err
}

func (s *Sweeper) stateOf(ctx context.Context, p meta.Partition, id string, running map[string]bool) (uploadState, error) {
	state := uploadState{id: id, alive: running[id], used: map[content.ID]bool{}}
	if state.alive {
		return state, nil
	}
	rec, err := s.Repo.Meta.Get(ctx, p, catalog.FinishedKey(id), false)
	if errors.Is(err, meta.ErrNotFound) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	fin, err := catalog.DecodeFinished(rec.Value)
	if err != nil {
		return state, err
	}
	state.key = fin.Key
	for _, c := range fin.Used {
		state.used[c] = true
	}
	return state, nil
}

// dropPart releases the contents of a part, except those the object took
// over, and removes it. Its bytes no longer count when they are no object's.
func (s *Sweeper) dropPart(ctx context.Context, bucketID string, e meta.Entry, part *catalog.Part, state uploadState, rep *Report) error {
	p := catalog.InBucket(bucketID)
	now := s.Now()
	for _, seg := range part.Segments {
		if state.used[seg.ID] {
			continue
		}
		rel := catalog.Release{ID: seg.ID, At: now, Key: state.key}
		if _, err := s.Repo.Meta.Put(ctx, p, catalog.ReleaseKey(uint64(now.UnixNano()), seg.ID), meta.Record{Value: catalog.EncodeRelease(&rel)}, meta.Always); err != nil {
			return err
		}
	}
	err := s.Repo.Meta.Delete(ctx, p, e.Key, meta.IfMatch(e.Record.Version))
	if errors.Is(err, meta.ErrConflict) {
		return nil // somebody else dropped it
	}
	if err == nil {
		rep.Parts++
	}
	return err
}

// forgetFinished drops the memory of completed uploads once a repeated
// CompleteMultipartUpload can no longer be expected and no part is left.
func (s *Sweeper) forgetFinished(ctx context.Context, bucketID string, rep *Report) error {
	p := catalog.InBucket(bucketID)
	old := s.Now().Add(-s.Repo.Leeway)
	return s.scan(ctx, s.Repo.Meta, p, catalog.SpaceFinished, meta.PrefixEnd(catalog.SpaceFinished), true, func(e meta.Entry) error {
		fin, err := catalog.DecodeFinished(e.Record.Value)
		if err != nil {
			return fmt.Errorf("completed upload %q: %w", e.Key, err)
		}
		if fin.At.After(old) {
			return nil
		}
		left := false
		err = scanPrefix(ctx, s.Repo.Meta, p, catalog.PartsPrefix(e.Key[len(catalog.SpaceFinished):]), false, func(meta.Entry) error { left = true; return nil })
		if err != nil || left {
			return err
		}
		return s.Repo.Meta.Delete(ctx, p, e.Key, meta.Always)
	})
}
