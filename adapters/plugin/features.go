package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
)

// cleanTimeout is how many times longer than another call Clean may take: it
// looks at all unfinished files.
const cleanTimeout = 20

// The optional interfaces as bits, for with.
const (
	stat = 1 << iota
	janitor
	space
	sign
)

// with adds the optional interfaces that the plug-in's store has, and no other:
// callers ask for them by type.
func (s *contentStore) with(features []pb.Feature) content.Store {
	bits := 0
	for _, f := range features {
		switch f {
		case pb.Feature_STAT:
			bits |= stat
		case pb.Feature_JANITOR:
			bits |= janitor
		case pb.Feature_SPACE:
			bits |= space
		case pb.Feature_SIGNED_URL:
			bits |= sign
		}
	}
	switch bits {
	case stat | janitor | space | sign:
		return struct {
			*contentStore
			statter
			janitorer
			spacer
			signer
		}{s, statter{s}, janitorer{s}, spacer{s}, signer{s}}
	case janitor | space | sign:
		return struct {
			*contentStore
			janitorer
			spacer
			signer
		}{s, janitorer{s}, spacer{s}, signer{s}}
	case stat | space | sign:
		return struct {
			*contentStore
			statter
			spacer
			signer
		}{s, statter{s}, spacer{s}, signer{s}}
	case space | sign:
		return struct {
			*contentStore
			spacer
			signer
		}{s, spacer{s}, signer{s}}
	case stat | janitor | sign:
		return struct {
			*contentStore
			statter
			janitorer
			signer
		}{s, statter{s}, janitorer{s}, signer{s}}
	case janitor | sign:
		return struct {
			*contentStore
			janitorer
			signer
		}{s, janitorer{s}, signer{s}}
	case stat | sign:
		return struct {
			*contentStore
			statter
			signer
		}{s, statter{s}, signer{s}}
	case sign:
		return struct {
			*contentStore
			signer
		}{s, signer{s}}
	case stat | janitor | space:
		return struct {
			*contentStore
			statter
			janitorer
			spacer
		}{s, statter{s}, janitorer{s}, spacer{s}}
	case janitor | space:
		return struct {
			*contentStore
			janitorer
			spacer
		}{s, janitorer{s}, spacer{s}}
	case stat | space:
		return struct {
			*contentStore
			statter
			spacer
		}{s, statter{s}, spacer{s}}
	case space:
		return struct {
			*contentStore
			spacer
		}{s, spacer{s}}
	case stat | janitor:
		return struct {
			*contentStore
			statter
			janitorer
		}{s, statter{s}, janitorer{s}}
	case janitor:
		return struct {
			*contentStore
			janitorer
		}{s, janitorer{s}}
	case stat:
		return struct {
			*contentStore
			statter
		}{s, statter{s}}
	}
	return s
}

// The optional interfaces. Their fields have names, so that only their own
// method is promoted.
type (
	statter   struct{ store *contentStore }
	janitorer struct{ store *contentStore }
	spacer    struct{ store *contentStore }
	signer    struct{ store *contentStore }
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

func (o signer) SignedURL(ctx context.Context, id content.ID, method string, ttl time.Duration) (string, error) {
	if err := content.CheckID(id); err != nil {
		return "", err
	}
	s := o.store
	r, err := unary(ctx, s.supervisor, "signed URL", false, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.SignedURLResponse, error) {
		return p.content.SignedURL(ctx, &pb.SignedURLRequest{Id: string(id), Method: method, TtlSeconds: int64(ttl / time.Second)})
	})
	return r.GetUrl(), err
}
