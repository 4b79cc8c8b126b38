package sdk

import (
	"fmt"
	"io"

	"google.golang.org/grpc"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
)

// Write stores one content. Only an explicit commit publishes it: a stream that
// ends in any other way (the caller cancelled, the host died) is an abort.
func (s *contentServer) Write(stream grpc.BidiStreamingServer[pb.WriteRequest, pb.WriteResponse]) error {
	store, err := s.store.get()
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	begin := first.GetBegin()
	if begin == nil {
		return invalid("a write must start with begin")
	}
	w, err := store.Create(stream.Context(), content.ID(begin.GetId()), begin.GetSize())
	if err != nil {
		return wire.ToStatus(wire.Content, err)
	}
	defer func() { _ = w.Abort() }()
	if err := stream.Send(&pb.WriteResponse{}); err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		end, err := step(w, m)
		if err != nil {
			return wire.ToStatus(wire.Content, err)
		}
		if end {
			return stream.Send(&pb.WriteResponse{})
		}
	}
}

// step does what one request says and tells whether it was the last.
func step(w content.Writer, m *pb.WriteRequest) (end bool, err error) {
	switch m := m.GetStep().(type) {
	case *pb.WriteRequest_Data:
		_, err := w.Write(m.Data)
		return false, err
	case *pb.WriteRequest_Commit_:
		return true, w.Commit()
	case *pb.WriteRequest_Abort_:
		return true, w.Abort()
	}
	return false, fmt.Errorf("a write of no known step: %w", wire.ErrInvalid)
}

// Read sends a range in chunks. Flow control stops it when the host's reader
// does not keep up. The first message says that the content is there; it is
// empty when the range is, or when its first byte cannot be read.
func (s *contentServer) Read(r *pb.ReadRequest, stream grpc.ServerStreamingServer[pb.ReadResponse]) error {
	store, err := s.store.get()
	if err != nil {
		return err
	}
	in, err := store.Open(stream.Context(), content.ID(r.GetId()), r.GetOffset(), r.GetLength())
	if err != nil {
		return wire.ToStatus(wire.Content, err)
	}
	defer in.Close()
	size := int64(wire.MaxChunk)
	if r.GetLength() >= 0 {
		size = min(size, r.GetLength()+1) // one more, to see the end at once
	}
	buf := make([]byte, size)
	for first := true; ; first = false {
		n, err := fill(in, buf)
		if n > 0 || first {
			if serr := stream.Send(&pb.ReadResponse{Data: buf[:n]}); serr != nil {
				return serr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return wire.ToStatus(wire.Content, err)
		}
	}
}

// fill is io.ReadFull, but tells the end (io.EOF) from the store's own
// io.ErrUnexpectedEOF, which means that bytes are missing.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

func invalid(what string) error {
	return wire.ToStatus(wire.Content, fmt.Errorf("%s: %w", what, wire.ErrInvalid))
}
