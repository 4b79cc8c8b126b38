package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/meta"
)

// maxScanLag is the longest lag of scans that a plug-in may declare: core waits so
// long for a listing that decides.
const maxScanLag = time.Hour

// metaStore is a metadata store in a plug-in.
type metaStore struct {
	*supervisor
	caps meta.Capabilities
}

// metaSpace is one that knows its space.
type metaSpace struct{ *metaStore }

func (s metaSpace) Space(ctx context.Context) (free, total int64, err error) {
	r, err := unary(ctx, s.supervisor, "space", false, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.SpaceResponse, error) {
		return p.meta.Space(ctx, &pb.SpaceRequest{})
	})
	return r.GetFree(), r.GetTotal(), err
}

func openMeta(ctx context.Context, s *spec, o Options) (meta.Store, error) {
	m := &metaStore{supervisor: newSupervisor(s, o, wire.Meta)}
	var first *pb.MetaOpenResponse
	m.open = func(ctx context.Context, p *process, open *pb.OpenRequest) error {
		r, err := p.meta.Open(ctx, open)
		if err != nil {
			return m.fail(ctx, "open", false, err)
		}
		caps := wire.ToMetaCapabilities(r)
		if first == nil {
			if caps.Name == "" || caps.MaxValue < meta.MinValue {
				return failed(s, fmt.Errorf("capabilities %+v: want a name and values of at least %d bytes", caps, meta.MinValue))
			}
			if caps.ScanLag < 0 || caps.ScanLag > maxScanLag || caps.FreshScan && caps.ScanLag > 0 {
				return failed(s, fmt.Errorf("capabilities %+v: want a lag of scans of 0 to %v, and none where they are fresh", caps, maxScanLag))
			}
			first, m.caps = r, caps
		} else if caps != m.caps || has(r.GetFeatures(), pb.Feature_SPACE) != has(first.GetFeatures(), pb.Feature_SPACE) {
			return failed(s, errOther)
		}
		return nil
	}
	m.shut = func(ctx context.Context, p *process) error {
		_, err := p.meta.Close(ctx, &pb.CloseRequest{})
		return err
	}
	if err := m.start(ctx); err != nil {
		return nil, err
	}
	if has(first.GetFeatures(), pb.Feature_SPACE) {
		return metaSpace{m}, nil
	}
	return m, nil
}

func (s *metaStore) Capabilities() meta.Capabilities { return s.caps }

func (s *metaStore) Close() error { return s.close() }

func (s *metaStore) Ping(ctx context.Context) error {
	_, err := unary(ctx, s.supervisor, "ping", false, s.opts.CallTimeout, func(ctx context.Context, p *process) (*pb.PingResponse, error) {
		return p.meta.Ping(ctx, &pb.PingRequest{})
	})
	return err
}

func (s *metaStore) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	r, err := unary(ctx, s.supervisor, "get", false, s.opts.CallTimeout, func(ctx context.Context, pr *process) (*pb.GetResponse, error) {
		return pr.meta.Get(ctx, &pb.GetRequest{Partition: []byte(p), Key: []byte(key), WithBody: withBody})
	})
	if err != nil {
		return meta.Record{}, err
	}
	rec := wire.ToRecord(r.GetRecord())
	if !withBody {
		rec.Body = nil
	}
	return rec, nil
}

func (s *metaStore) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if err := meta.Check(s.caps, p, key, r); err != nil {
		return "", err
	}
	r.Version = ""
	out, err := unary(ctx, s.supervisor, "put", true, s.opts.CallTimeout, func(ctx context.Context, pr *process) (*pb.PutResponse, error) {
		return pr.meta.Put(ctx, &pb.PutRequest{Partition: []byte(p), Key: []byte(key), Record: wire.FromRecord(r), Condition: wire.FromCond(cond)})
	})
	if err == nil && len(out.GetVersion()) == 0 {
		err = fmt.Errorf("plug-in %s gave no version: %w", s.spec.name(), meta.ErrOutcomeUnknown)
	}
	return meta.Version(out.GetVersion()), err
}

func (s *metaStore) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if err := meta.Check(s.caps, p, key, meta.Record{}); err != nil {
		return err
	}
	_, err := unary(ctx, s.supervisor, "delete", true, s.opts.CallTimeout, func(ctx context.Context, pr *process) (*pb.DeleteResponse, error) {
		return pr.meta.Delete(ctx, &pb.DeleteRequest{Partition: []byte(p), Key: []byte(key), Condition: wire.FromCond(cond)})
	})
	return err
}

func (s *metaStore) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	if err := meta.CheckBatch(s.caps, p, ops); err != nil {
		return err
	}
	size := 0
	for i := range ops {
		r := &ops[i].Record
		size += len(ops[i].Key) + len(r.Value) + len(r.Summary) + len(r.Body) + 256
	}
	if size > wire.MaxMessage {
		return fmt.Errorf("batch of %d bytes: %w", size, meta.ErrTooLarge)
	}
	_, err := unary(ctx, s.supervisor, "batch", true, s.opts.CallTimeout, func(ctx context.Context, pr *process) (*pb.BatchResponse, error) {
		return pr.meta.Batch(ctx, &pb.BatchRequest{Partition: []byte(p), Operations: wire.FromOps(ops)})
	})
	return err
}

// Scan checks what it gets: the sweeper frees what a page does not show, so a
// page out of order would cost data.
func (s *metaStore) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	limit := r.Limit
	if limit <= 0 || limit > meta.MaxScan {
		limit = meta.MaxScan
	}
	out, err := unary(ctx, s.supervisor, "scan", false, s.opts.CallTimeout, func(ctx context.Context, pr *process) (*pb.ScanResponse, error) {
		return pr.meta.Scan(ctx, &pb.ScanRequest{
			Partition: []byte(p), From: []byte(r.From), Before: []byte(r.Before), Limit: int32(limit), WithValue: r.WithValue,
		})
	})
	if err != nil {
		return meta.Page{}, err
	}
	page := meta.Page{More: out.GetMore()}
	if n := len(out.GetEntries()); n > 0 {
		page.Entries = make([]meta.Entry, 0, n)
	}
	after := r.From
	for i, e := range out.GetEntries() {
		entry := meta.Entry{Key: string(e.GetKey()), Record: wire.ToRecord(e.GetRecord())}
		if entry.Key < after || i >= limit || r.Before != "" && entry.Key >= r.Before {
			return meta.Page{}, s.bad("a page that is out of order or range")
		}
		after = meta.Next(entry.Key)
		entry.Record.Body = nil
		if !r.WithValue {
			entry.Record.Value = nil
		}
		page.Entries = append(page.Entries, entry)
	}
	if page.More && len(page.Entries) == 0 {
		return meta.Page{}, s.bad("an empty page with more behind it")
	}
	return page, nil
}

// bad is an answer that breaks the port's rules.
func (s *supervisor) bad(what string) error {
	return fmt.Errorf("plug-in %s gave %s: %w", s.spec.name(), what, unavailable(s.port))
}

func has(all []pb.Feature, f pb.Feature) bool {
	for _, g := range all {
		if g == f {
			return true
		}
	}
	return false
}
