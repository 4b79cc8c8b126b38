package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
)

// cleanTimeout is how many times longer than another call Clean may take: it
// looks at all unfinished files.
const cleanTimeout = 20

// contentStore is a content store in a plug-in.
type contentStore struct {
	*supervisor
	caps content.Capabilities
}

func openContent(ctx context.Context, s *spec, o Options) (content.Store, error) {
	c := &contentStore{supervisor: newSupervisor(s, o, wire.Content)}
	var features []pb.Feature
	c.open = func(ctx context.Context, p *process) error {
		settings, err := s.allSettings()
		if err != nil {
			return err
		}
		r, err := p.content.Open(ctx, &pb.OpenRequest{Settings: settings})
		if err != nil {
			return c.fail(ctx, "open", false, err)
		}
		caps := content.Capabilities{Name: wire.Clean(r.GetName(), 64), CheapWalk: r.GetCheapWalk()}
		if c.caps.Name == "" {
			if caps.Name == "" {
				return errors.New("plug-in gave its store no name")
			}
			c.caps, features = caps, r.GetFeatures()
		} else if caps != c.caps || !slices.Equal(features, r.GetFeatures()) {
			return errors.New("plug-in says other things of itself than when it was first started; restart the server")
		}
		return nil
	}
	c.shut = func(ctx context.Context, p *process) error {
		_, err := p.content.Close(ctx, &pb.CloseRequest{})
		return err
	}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c.with(has(features, pb.Feature_STAT), has(features, pb.Feature_JANITOR), has(features, pb.Feature_SPACE)), nil
}

func (s *contentStore) Capabilities() content.Capabilities { return s.caps }

func (s *contentStore) Close() error { return s.close() }

func (s *contentStore) Ping(ctx context.Context) error {
	_, err := unary(ctx, s.supervisor, "ping", false, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.PingResponse, error) {
		return p.content.Ping(ctx, &pb.PingRequest{})
	})
	return err
}

func (s *contentStore) Delete(ctx context.Context, id content.ID) error {
	if err := content.CheckID(id); err != nil {
		return err
	}
	_, err := unary(ctx, s.supervisor, "delete", true, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.ContentDeleteResponse, error) {
		return p.content.Delete(ctx, &pb.ContentDeleteRequest{Id: string(id)})
	})
	return err
}

// Walk checks what it gets: the sweeper compares it with records in order.
func (s *contentStore) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := s.current()
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(context.Canceled)
	g := guard{s.opts.StreamTimeout, cancel}
	stream, err := p.content.Walk(inner, &pb.WalkRequest{From: string(from)})
	if err != nil {
		return s.fail(inner, "walk", false, err)
	}
	last := content.ID("")
	for {
		done := g.watch()
		m, err := stream.Recv()
		done()
		if err == io.EOF {
			return ctx.Err()
		}
		if err != nil {
			return s.fail(inner, "walk", false, err)
		}
		for _, c := range m.GetContents() {
			i := wire.ToInfo(c)
			if !i.ID.Valid() || i.ID < from || i.ID <= last || i.Size < 0 {
				return s.bad("a walk that is out of order or range")
			}
			last = i.ID
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(i); err != nil {
				return err
			}
		}
	}
}

// with adds the optional interfaces that the plug-in's store has, and no other:
// callers ask for them by type.
func (s *contentStore) with(stat, janitor, space bool) content.Store {
	st, ja, sp := statter{s}, janitorer{s}, spacer{s}
	switch {
	case stat && janitor && space:
		return struct {
			*contentStore
			statter
			janitorer
			spacer
		}{s, st, ja, sp}
	case stat && janitor:
		return struct {
			*contentStore
			statter
			janitorer
		}{s, st, ja}
	case stat && space:
		return struct {
			*contentStore
			statter
			spacer
		}{s, st, sp}
	case janitor && space:
		return struct {
			*contentStore
			janitorer
			spacer
		}{s, ja, sp}
	case stat:
		return struct {
			*contentStore
			statter
		}{s, st}
	case janitor:
		return struct {
			*contentStore
			janitorer
		}{s, ja}
	case space:
		return struct {
			*contentStore
			spacer
		}{s, sp}
	}
	return s
}

// The optional interfaces. Their fields have names, so that only their own
// method is promoted.
type (
	statter   struct{ store *contentStore }
	janitorer struct{ store *contentStore }
	spacer    struct{ store *contentStore }
)

func (o statter) Stat(ctx context.Context, id content.ID) (content.Info, error) {
	if err := content.CheckID(id); err != nil {
		return content.Info{}, err
	}
	s := o.store
	r, err := unary(ctx, s.supervisor, "stat", false, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.StatResponse, error) {
		return p.content.Stat(ctx, &pb.StatRequest{Id: string(id)})
	})
	if err != nil {
		return content.Info{}, err
	}
	if i := wire.ToInfo(r.GetContent()); i.ID == id && i.Size >= 0 {
		return i, nil
	}
	return content.Info{}, s.bad(fmt.Sprintf("the size of another content than %s", id))
}

func (o janitorer) Clean(ctx context.Context, before time.Time) (files int, bytes int64, err error) {
	s := o.store
	r, err := unary(ctx, s.supervisor, "clean", true, cleanTimeout*s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.CleanResponse, error) {
		return p.content.Clean(ctx, &pb.CleanRequest{BeforeUnixNano: before.UnixNano()})
	})
	return int(r.GetFiles()), r.GetBytes(), err
}

func (o spacer) Space(ctx context.Context) (free, total int64, err error) {
	s := o.store
	r, err := unary(ctx, s.supervisor, "space", false, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.SpaceResponse, error) {
		return p.content.Space(ctx, &pb.SpaceRequest{})
	})
	return r.GetFree(), r.GetTotal(), err
}
