package contenttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
)

func testSizes(t *testing.T, o Options) {
	s := o.open(t)
	for i, size := range []int{0, 1, 511, 4096, 65535, 65536, 65537, 1 << 20, o.MaxSize} {
		if size > o.MaxSize {
			continue
		}
		data := Bytes(uint64(i), size)
		for _, step := range []int{size + 1, 64 << 10} {
			id := Write(t, s, data, step)
			wantBytes(t, s, id, 0, -1, data)
			wantBytes(t, s, id, 0, int64(size), data)
		}
	}
}

func testRanges(t *testing.T, o Options) {
	s := o.open(t)
	const size = 200_003
	data := Bytes(7, size)
	id := Write(t, s, data, 50_000)
	for _, c := range [][2]int64{
		{0, 0}, {0, 1}, {0, size}, {1, size - 1}, {size - 1, 1}, {size, 0},
		{65535, 2}, {65536, 65536}, {100_000, 3}, {4096, 0},
	} {
		wantBytes(t, s, id, c[0], c[1], data[c[0]:c[0]+c[1]])
	}
	for _, from := range []int64{0, 1, 65536, size - 1, size} {
		wantBytes(t, s, id, from, -1, data[from:])
	}
	if _, err := Read(s, id, -1, 10); err == nil {
		t.Error("a negative offset is accepted")
	}
}

// A range beyond the end gives what there is. When a length was asked for the
// store may say that bytes are missing, but with nothing other than
// io.ErrUnexpectedEOF: it cannot know whether the caller or the disk is wrong.
func testBeyondEnd(t *testing.T, o Options) {
	s := o.open(t)
	data := Bytes(8, 1000)
	id := Write(t, s, data, 1000)
	empty := Write(t, s, nil, 1)
	for _, c := range []struct {
		id             content.ID
		offset, length int64
		want           []byte
	}{
		{id, 0, 1001, data},
		{id, 990, 100, data[990:]},
		{id, 1000, 1, nil},
		{id, 1001, 1, nil},
		{id, 5000, 10, nil},
		{id, 1 << 40, 1, nil},
		{id, 1001, -1, nil},
		{id, 1 << 40, -1, nil},
		{empty, 0, 1, nil},
		{empty, 1, -1, nil},
	} {
		got, err := Read(s, c.id, c.offset, c.length)
		if err != nil && (c.length < 0 || !errors.Is(err, io.ErrUnexpectedEOF)) {
			t.Errorf("%d bytes from %d: %v", c.length, c.offset, err)
		}
		if !bytes.Equal(got, c.want) {
			t.Errorf("%d bytes from %d: %d bytes, want %d", c.length, c.offset, len(got), len(c.want))
		}
	}
}

// io.Copy uses WriteTo where the reader has it; both ways, and one after the
// other, give the same bytes.
func testReadAndWriteTo(t *testing.T, o Options) {
	s := o.open(t)
	data := Bytes(9, 300_000)
	id := Write(t, s, data, 1<<20)
	for _, length := range []int64{-1, 250_000} {
		want := data[1000:]
		if length >= 0 {
			want = want[:length]
		}
		r, err := s.Open(context.Background(), id, 1000, length)
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 777)
		if _, err := io.ReadFull(r, head); err != nil {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		n, err := io.Copy(&rest, r)
		if err != nil || n != int64(len(want)-len(head)) {
			t.Errorf("copied %d bytes of %d: %v", n, len(want)-len(head), err)
		}
		if !bytes.Equal(append(head, rest.Bytes()...), want) {
			t.Error("the copy differs")
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read after the end: %d, %v", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func testMissing(t *testing.T, o Options) {
	s := o.open(t)
	id := content.NewID(time.Now())
	if _, err := Read(s, id, 0, -1); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("open of nothing: %v", err)
	}
	if st, ok := s.(content.Stat); ok {
		if _, err := st.Stat(context.Background(), id); !errors.Is(err, content.ErrNotFound) {
			t.Errorf("stat of nothing: %v", err)
		}
	}
}

// malformed are what nobody may turn into a path.
var malformed = []content.ID{
	"", "x", "..", "../../../../../../../../etc/hosts", "/etc/passwd",
	"0123456789abcdef0123456789abcde",   // short
	"0123456789abcdef0123456789abcdef0", // long
	"0123456789ABCDEF0123456789ABCDEF",
	"0123456789abcdef0123456789abcd/.",
	"0123456789abcdef0123456789ab/../",
	"0123456789abcdef0123456789abcd..",
	"0123456789abcdef0123456789abcde\x00",
	"..3456789abcdef0123456789abcdef0",
}

func testMalformed(t *testing.T, o Options) {
	s := o.open(t)
	ctx := context.Background()
	for _, id := range malformed {
		if w, err := s.Create(ctx, id, 1); err == nil {
			w.Abort()
			t.Errorf("create %q is accepted", id)
		}
		if r, err := s.Open(ctx, id, 0, -1); err == nil {
			r.Close()
			t.Errorf("open %q is accepted", id)
		}
		if err := s.Delete(ctx, id); err == nil {
			t.Errorf("delete %q is accepted", id)
		}
		if st, ok := s.(content.Stat); ok {
			if _, err := st.Stat(ctx, id); err == nil {
				t.Errorf("stat %q is accepted", id)
			}
		}
	}
	if all := walk(t, s, ""); len(all) != 0 {
		t.Errorf("something was stored: %v", all)
	}
}

func testCancelled(t *testing.T, o Options) {
	s := o.open(t)
	id := Write(t, s, []byte("here"), 4)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", what, err)
		}
	}
	_, err := s.Create(ctx, content.NewID(time.Now()), 1)
	check("create", err)
	_, err = s.Open(ctx, id, 0, -1)
	check("open", err)
	check("delete", s.Delete(ctx, id))
	check("walk", s.Walk(ctx, "", func(content.Info) error { return nil }))
	check("ping", s.Ping(ctx))
	wantBytes(t, s, id, 0, -1, []byte("here"))
}

// Walk notices a context cancelled while it runs.
func testWalkCancel(t *testing.T, s content.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := 0
	err := s.Walk(ctx, "", func(content.Info) error {
		seen++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || seen != 1 {
		t.Errorf("walk cancelled at its first content: %d seen, %v", seen, err)
	}
}

func testPing(t *testing.T, o Options) {
	s := o.open(t)
	if err := s.Ping(context.Background()); err != nil {
		t.Error(err)
	}
	c := s.Capabilities()
	if c.Name == "" || c != s.Capabilities() {
		t.Errorf("capabilities %+v", c)
	}
	if all := walk(t, s, ""); len(all) != 0 {
		t.Errorf("ping left %v", all)
	}
}

func testSpace(t *testing.T, o Options) {
	s, ok := o.open(t).(content.Space)
	if !ok {
		t.Skip("not implemented")
	}
	free, total, err := s.Space(context.Background())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not known to this engine")
	}
	if err != nil || free < 0 || total <= 0 || free > total {
		t.Errorf("%d bytes free of %d: %v", free, total, err)
	}
}

func testStat(t *testing.T, o Options) {
	store := o.open(t)
	s, ok := store.(content.Stat)
	if !ok {
		t.Skip("not implemented")
	}
	for _, size := range []int{0, 1, 70_000} {
		id := Write(t, store, Bytes(1, size), 1<<20)
		i, err := s.Stat(context.Background(), id)
		if want := (content.Info{ID: id, Size: int64(size)}); err != nil || i != want {
			t.Errorf("stat: %v, %v; want %v", i, err, want)
		}
	}
}
