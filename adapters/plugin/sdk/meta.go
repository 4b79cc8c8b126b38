package sdk

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// metaServer answers for a metadata store.
type metaServer struct {
	pb.UnimplementedMetaServer
	open  func(context.Context, Config) (meta.Store, error)
	log   *slog.Logger
	store opened[meta.Store]
}

func registerMeta(s *grpc.Server, open func(context.Context, Config) (meta.Store, error), log *slog.Logger) {
	pb.RegisterMetaServer(s, &metaServer{open: open, log: log, store: opened[meta.Store]{port: wire.Meta}})
}

func (s *metaServer) Open(ctx context.Context, r *pb.OpenRequest) (*pb.MetaOpenResponse, error) {
	store, err := s.store.set(func() (meta.Store, error) {
		return s.open(ctx, Config{Settings: r.GetSettings(), Log: s.log})
	})
	if err != nil {
		return nil, err
	}
	var features []pb.Feature
	if _, ok := store.(content.Space); ok {
		features = append(features, pb.Feature_SPACE)
	}
	return wire.FromMetaCapabilities(store.Capabilities(), features), nil
}

func (s *metaServer) Get(ctx context.Context, r *pb.GetRequest) (*pb.GetResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	rec, err := store.Get(ctx, meta.Partition(r.GetPartition()), string(r.GetKey()), r.GetWithBody())
	if err != nil {
		return nil, wire.ToStatus(wire.Meta, err)
	}
	return &pb.GetResponse{Record: wire.FromRecord(rec)}, nil
}

func (s *metaServer) Put(ctx context.Context, r *pb.PutRequest) (*pb.PutResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	v, err := store.Put(ctx, meta.Partition(r.GetPartition()), string(r.GetKey()), wire.ToRecord(r.GetRecord()), wire.ToCond(r.GetCondition()))
	if err != nil {
		return nil, wire.ToStatus(wire.Meta, err)
	}
	return &pb.PutResponse{Version: []byte(v)}, nil
}

func (s *metaServer) Delete(ctx context.Context, r *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	err = store.Delete(ctx, meta.Partition(r.GetPartition()), string(r.GetKey()), wire.ToCond(r.GetCondition()))
	return &pb.DeleteResponse{}, wire.ToStatus(wire.Meta, err)
}

func (s *metaServer) Batch(ctx context.Context, r *pb.BatchRequest) (*pb.BatchResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	err = store.Batch(ctx, meta.Partition(r.GetPartition()), wire.ToOps(r.GetOperations()))
	return &pb.BatchResponse{}, wire.ToStatus(wire.Meta, err)
}

// Scan ends a page early rather than send a very long message: the port allows
// pages shorter than asked for.
func (s *metaServer) Scan(ctx context.Context, r *pb.ScanRequest) (*pb.ScanResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	page, err := store.Scan(ctx, meta.Partition(r.GetPartition()), meta.Range{
		From: string(r.GetFrom()), Before: string(r.GetBefore()), Limit: int(r.GetLimit()), WithValue: r.GetWithValue(),
	})
	if err != nil {
		return nil, wire.ToStatus(wire.Meta, err)
	}
	out := &pb.ScanResponse{More: page.More, Entries: make([]*pb.Entry, 0, len(page.Entries))}
	size := 0
	for i, e := range page.Entries {
		out.Entries = append(out.Entries, &pb.Entry{Key: []byte(e.Key), Record: wire.FromRecord(e.Record)})
		size += len(e.Key) + len(e.Record.Value) + len(e.Record.Summary) + len(e.Record.Version)
		if size > wire.MaxScanReply && i+1 < len(page.Entries) {
			out.More = true
			break
		}
	}
	return out, nil
}

func (s *metaServer) Ping(ctx context.Context, _ *pb.PingRequest) (*pb.PingResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return &pb.PingResponse{}, wire.ToStatus(wire.Meta, store.Ping(ctx))
}

func (s *metaServer) Space(ctx context.Context, _ *pb.SpaceRequest) (*pb.SpaceResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return space(ctx, wire.Meta, store)
}

func (s *metaServer) Close(context.Context, *pb.CloseRequest) (*pb.CloseResponse, error) {
	store, err := s.store.get()
	if err != nil {
		return nil, err
	}
	return &pb.CloseResponse{}, wire.ToStatus(wire.Meta, store.Close())
}

// space answers for a store of either port.
func space(ctx context.Context, p wire.Port, store any) (*pb.SpaceResponse, error) {
	sp, ok := store.(content.Space)
	if !ok {
		return nil, wire.ToStatus(p, meta.ErrUnsupported)
	}
	free, total, err := sp.Space(ctx)
	if err != nil {
		return nil, wire.ToStatus(p, err)
	}
	return &pb.SpaceResponse{Free: free, Total: total}, nil
}
