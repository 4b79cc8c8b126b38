package plugin

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
)

// contentStore is a content store in a plug-in.
type contentStore struct {
	*supervisor
	caps content.Capabilities
}

func openContent(ctx context.Context, s *spec, o Options) (content.Store, error) {
	c := &contentStore{supervisor: newSupervisor(s, o, wire.Content)}
	var features []pb.Feature
	c.open = func(ctx context.Context, p *process, open *pb.OpenRequest) error {
		r, err := p.content.Open(ctx, open)
		if err != nil {
			return c.fail(ctx, "open", false, err)
		}
		caps := content.Capabilities{Name: wire.Clean(r.GetName(), 64), CheapWalk: r.GetCheapWalk()}
		if c.caps.Name == "" {
			if caps.Name == "" {
				return failed(s, errors.New("it gave its store no name"))
			}
			c.caps, features = caps, r.GetFeatures()
		} else if caps != c.caps || !slices.Equal(features, r.GetFeatures()) {
			return failed(s, errOther)
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
	return c.with(features), nil
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
