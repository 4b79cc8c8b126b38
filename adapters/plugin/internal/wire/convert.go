package wire

import (
	"time"

	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// FromRecord is the message of a record.
func FromRecord(r meta.Record) *pb.Record {
	return &pb.Record{Value: r.Value, Summary: r.Summary, Body: r.Body, Version: []byte(r.Version)}
}

// ToRecord is the record of a message; it takes over the message's slices.
func ToRecord(r *pb.Record) meta.Record {
	return meta.Record{Value: r.GetValue(), Summary: r.GetSummary(), Body: r.GetBody(), Version: meta.Version(r.GetVersion())}
}

// FromCond is the message of a condition.
func FromCond(c meta.Cond) *pb.Condition {
	return &pb.Condition{Kind: pb.Condition_Kind(c.Kind), Version: []byte(c.Version)}
}

// ToCond is the condition of a message. A kind that is not known must not
// become "any": it matches nothing.
func ToCond(c *pb.Condition) meta.Cond {
	switch c.GetKind() {
	case pb.Condition_ANY:
		return meta.Always
	case pb.Condition_ABSENT:
		return meta.IfAbsent
	}
	return meta.Cond{Kind: meta.Match, Version: meta.Version(c.GetVersion())}
}

// FromOps are the messages of a batch's operations.
func FromOps(ops []meta.Op) []*pb.Operation {
	out := make([]*pb.Operation, len(ops))
	for i, op := range ops {
		out[i] = &pb.Operation{Key: []byte(op.Key), Delete: op.Delete, Condition: FromCond(op.Cond)}
		if !op.Delete {
			out[i].Record = FromRecord(op.Record)
		}
	}
	return out
}

// ToOps are the operations of a batch's messages.
func ToOps(ops []*pb.Operation) []meta.Op {
	out := make([]meta.Op, len(ops))
	for i, op := range ops {
		out[i] = meta.Op{Key: string(op.GetKey()), Delete: op.GetDelete(), Record: ToRecord(op.GetRecord()), Cond: ToCond(op.GetCondition())}
	}
	return out
}

// FromMetaCapabilities is what a metadata plug-in says of itself.
func FromMetaCapabilities(c meta.Capabilities, features []pb.Feature) *pb.MetaOpenResponse {
	return &pb.MetaOpenResponse{
		Name: c.Name, CompareAndSet: pb.MetaOpenResponse_CompareAndSet(c.CAS), FreshScan: c.FreshScan, Batch: c.Batch,
		MaxValue: int64(c.MaxValue), MaxInline: int64(c.MaxInline), Features: features, ScanLagNanos: int64(c.ScanLag),
	}
}

// ToMetaCapabilities is what a host makes of it: not more than the protocol carries.
func ToMetaCapabilities(r *pb.MetaOpenResponse) meta.Capabilities {
	c := meta.Capabilities{
		Name: Clean(r.GetName(), 64), FreshScan: r.GetFreshScan(), Batch: r.GetBatch(),
		MaxValue: int(min(r.GetMaxValue(), MaxPart)), MaxInline: int(min(max(r.GetMaxInline(), 0), MaxPart)),
		ScanLag: time.Duration(r.GetScanLagNanos()),
	}
	switch r.GetCompareAndSet() {
	case pb.MetaOpenResponse_WHEN_HEALTHY:
		c.CAS = meta.WhenHealthy
	case pb.MetaOpenResponse_LINEARIZABLE:
		c.CAS = meta.Linearizable
	}
	return c
}

// FromInfo is the message of a content's description.
func FromInfo(i content.Info) *pb.Info { return &pb.Info{Id: string(i.ID), Size: i.Size} }

// ToInfo is the description in a message.
func ToInfo(i *pb.Info) content.Info {
	return content.Info{ID: content.ID(i.GetId()), Size: i.GetSize()}
}
