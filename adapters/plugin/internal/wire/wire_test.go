package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// TestErrors: every sentinel of either port survives the way, and no other.
func TestErrors(t *testing.T) {
	all := map[Port][]error{
		Meta: {meta.ErrNotFound, meta.ErrConflict, meta.ErrOutcomeUnknown, meta.ErrUnavailable, meta.ErrFull, meta.ErrTooLarge, meta.ErrUnsupported,
			context.Canceled, context.DeadlineExceeded, ErrInvalid},
		Content: {content.ErrNotFound, content.ErrFull, content.ErrUnavailable, content.ErrCorrupt, io.ErrUnexpectedEOF, errors.ErrUnsupported,
			context.Canceled, context.DeadlineExceeded, ErrInvalid},
	}
	for port, sentinels := range all {
		for _, want := range sentinels {
			err := fmt.Errorf("get p %q: %w", "k", want)
			got := FromStatus(port, ToStatus(port, err))
			if got == nil || got.Error() != err.Error() {
				t.Errorf("%s: %v became %v", port, err, got)
				continue
			}
			for _, other := range sentinels {
				if errors.Is(got, other) != (other == want) {
					t.Errorf("%s: %v is %v: %v", port, err, other, errors.Is(got, other))
				}
			}
		}
	}
	if got := FromStatus(Meta, ToStatus(Meta, fmt.Errorf("space: %w", errors.ErrUnsupported))); !errors.Is(got, errors.ErrUnsupported) {
		t.Errorf("Space of a metadata store: %v", got)
	}
	for _, err := range []error{ToStatus(Meta, errors.New("a bug")), errors.New("no status"), status.Error(codes.Unavailable, "EOF"), ToStatus(Content, content.ErrCorrupt)} {
		if got := FromStatus(Meta, err); got != nil {
			t.Errorf("%v became %v", err, got)
		}
	}
	if ToStatus(Meta, nil) != nil {
		t.Error("no error became one")
	}
}

func TestUnknownCondition(t *testing.T) {
	if c := ToCond(&pb.Condition{Kind: 99}); c.Kind != meta.Match || c.Version != "" {
		t.Errorf("a condition of another protocol became %+v", c)
	}
	for _, c := range []meta.Cond{meta.Always, meta.IfAbsent, meta.IfMatch("v\x00"), {Kind: meta.Match}} {
		if got := ToCond(FromCond(c)); got != c {
			t.Errorf("%+v became %+v", c, got)
		}
	}
}

func TestCapabilities(t *testing.T) {
	want := meta.Capabilities{Name: "x", CAS: meta.WhenHealthy, FreshScan: true, Batch: true, MaxValue: meta.MinValue, MaxInline: 1}
	lagging := meta.Capabilities{Name: "y", MaxValue: meta.MinValue, ScanLag: 90 * time.Second}
	for _, want := range []meta.Capabilities{want, lagging} {
		if got := ToMetaCapabilities(FromMetaCapabilities(want, nil)); got != want {
			t.Errorf("%+v became %+v", want, got)
		}
	}
	got := ToMetaCapabilities(&pb.MetaOpenResponse{CompareAndSet: 77, MaxValue: 1 << 40, MaxInline: -5})
	if got.CAS != meta.None || got.MaxValue != MaxPart || got.MaxInline != 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb\x00\xffé", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(0, min(limit, 1000))
		got := Clean(s, limit)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\x1b") || len(got) > limit+len(" …") {
			t.Errorf("Clean(%q, %d) = %q", s, limit, got)
		}
	})
}
