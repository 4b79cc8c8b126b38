package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
)

// contentServer answers for a content store.
type contentServer struct {
	pb.UnimplementedContentServer
	open  func(context.Context, Config) (content.Store, error)
	log   *slog.Logger
	store opened[content.Store]
}

func registerContent(s *grpc.Server, open func(context.Context, Config) (content.Store, error), log *slog.Logger) {
	pb.RegisterContentServer(s, &contentServer{open: open, log: log, store: opened[content.Store]{port: wire.Content}})
}

func (s *contentServer) Open(ctx context.Context, r *pb.OpenRequest) (*pb.ContentOpenResponse, error) {
	store, err := s.store.set(func() (content.Store, error) {
		return s.open(ctx, Config{Settings: r.GetSettings(), Log: s.log})
	})
	if err != nil {
		return nil, err
	}
	var features []pb.Feature
	if _, ok := store.(content.Stat); ok {
		features = append(features, pb.Feature_STAT)
	}
	if _, ok := store.(content.Janitor); ok {
		features = append(features, pb.Feature_JANITOR)
	}
	if _, ok := store.(content.Space); ok {
		features = append(features, pb.Feature_SPACE)
	}
	if _, ok := store.(content.Signer); ok {
		features = append(features, pb.Feature_SIGNED_URL)
	}
	c := store.Capabilities()
	return &pb.ContentOpenResponse{Name: c.Name, CheapWalk: c.CheapWalk, Features: features}, nil
}

func (s *contentServer) Delete(ctx context.Context, r *pb.ContentDeleteRequest) (*pb.ContentDeleteResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return &pb.ContentDeleteResponse{}, wire.ToStatus(wire.Content, store.Delete(ctx, content.ID(r.GetId())))
}

// Walk sends contents in groups, and a group that is not full after a second:
// the host takes silence for a plug-in that hangs.
func (s *contentServer) Walk(r *pb.WalkRequest, stream grpc.ServerStreamingServer[pb.WalkResponse]) error {
	store, err := s.store.get()
	if err != nil {
		return err
	}
	out := &pb.WalkResponse{}
	sent := time.Now()
	send := func() error {
		if len(out.Contents) == 0 {
			return nil
		}
		err := stream.Send(out)
		out, sent = &pb.WalkResponse{}, time.Now()
		return err
	}
	err = store.Walk(stream.Context(), content.ID(r.GetFrom()), func(i content.Info) error {
		out.Contents = append(out.Contents, wire.FromInfo(i))
		if len(out.Contents) == wire.WalkReply || time.Since(sent) > time.Second {
			return send()
		}
		return nil
	})
	return wire.ToStatus(wire.Content, errors.Join(err, send()))
}

func (s *contentServer) Stat(ctx context.Context, r *pb.StatRequest) (*pb.StatResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	st, ok := store.(content.Stat)
	if !ok {
		return nil, unsupported("stat")
	}
	i, err := st.Stat(ctx, content.ID(r.GetId()))
	if err != nil {
		return nil, wire.ToStatus(wire.Content, err)
	}
	return &pb.StatResponse{Content: wire.FromInfo(i)}, nil
}

func (s *contentServer) Clean(ctx context.Context, r *pb.CleanRequest) (*pb.CleanResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	j, ok := store.(content.Janitor)
	if !ok {
		return nil, unsupported("clean")
	}
	files, bytes, err := j.Clean(ctx, time.Unix(0, r.GetBeforeUnixNano()))
	if err != nil {
		return nil, wire.ToStatus(wire.Content, err)
	}
	return &pb.CleanResponse{Files: int64(files), Bytes: bytes}, nil
}

func (s *contentServer) Space(ctx context.Context, _ *pb.SpaceRequest) (*pb.SpaceResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return space(ctx, wire.Content, store)
}

func (s *contentServer) SignedURL(ctx context.Context, r *pb.SignedURLRequest) (*pb.SignedURLResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	sg, ok := store.(content.Signer)
	if !ok {
		return nil, unsupported("signed URL")
	}
	url, err := sg.SignedURL(ctx, content.ID(r.GetId()), r.GetMethod(), time.Duration(r.GetTtlSeconds())*time.Second)
	if err != nil {
		return nil, wire.ToStatus(wire.Content, err)
	}
	return &pb.SignedURLResponse{Url: url}, nil
}

func (s *contentServer) Ping(ctx context.Context, _ *pb.PingRequest) (*pb.PingResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return &pb.PingResponse{}, wire.ToStatus(wire.Content, store.Ping(ctx))
}

func (s *contentServer) Close(context.Context, *pb.CloseRequest) (*pb.CloseResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return &pb.CloseResponse{}, wire.ToStatus(wire.Content, store.Close())
}

func unsupported(what string) error {
	return wire.ToStatus(wire.Content, fmt.Errorf("%s: %w", what, errors.ErrUnsupported))
}
