package contenttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
)

// absent says that nothing is visible under id.
func absent(t *testing.T, s content.Store, id content.ID) {
	t.Helper()
	if _, err := Read(s, id, 0, -1); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("open gives %v, want ErrNotFound", err)
	}
	if all := walk(t, s, id); len(all) > 0 && all[0].ID == id {
		t.Error("walk shows it")
	}
}

func create(t *testing.T, s content.Store, size int64) (content.ID, content.Writer) {
	t.Helper()
	id := content.NewID(time.Now())
	w, err := s.Create(context.Background(), id, size)
	if err != nil {
		t.Fatal(err)
	}
	return id, w
}

func testNothingBeforeCommit(t *testing.T, o Options) {
	s := o.open(t)
	data := Bytes(1, 150_000)
	id, w := create(t, s, int64(len(data)))
	defer w.Abort()
	absent(t, s, id)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	absent(t, s, id)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, s, id, 0, -1, data)
	if all := walk(t, s, ""); len(all) != 1 || all[0] != (content.Info{ID: id, Size: int64(len(data))}) {
		t.Errorf("walk shows %v", all)
	}
}

func testAbort(t *testing.T, o Options) {
	s := o.open(t)
	for _, n := range []int{0, 1, 100_000} {
		id, w := create(t, s, -1)
		if _, err := w.Write(Bytes(2, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
		absent(t, s, id)
		if err := w.Abort(); err != nil {
			t.Errorf("second abort: %v", err)
		}
	}
	if j, ok := s.(content.Janitor); ok {
		files, size, err := j.Clean(context.Background(), time.Now().Add(time.Hour))
		if files != 0 || size != 0 || err != nil {
			t.Errorf("aborted writers left %d files, %d bytes: %v", files, size, err)
		}
	}
}

// A finished writer takes no more, and Abort after Commit keeps the content.
func testFinishedWriter(t *testing.T, o Options) {
	s := o.open(t)
	id, w := create(t, s, 3)
	w.Write([]byte("abc"))
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("abort after commit: %v", err)
	}
	if _, err := w.Write([]byte("d")); err == nil {
		t.Error("a write after commit is accepted")
	}
	wantBytes(t, s, id, 0, -1, []byte("abc"))

	id, w = create(t, s, 3)
	w.Abort()
	if err := w.Commit(); err == nil {
		t.Error("commit after abort is accepted")
	}
	if _, err := w.Write([]byte("d")); err == nil {
		t.Error("a write after abort is accepted")
	}
	absent(t, s, id)
}

func testWrongHint(t *testing.T, o Options) {
	s := o.open(t)
	data := Bytes(3, 10_000)
	for _, hint := range []int64{-1, 0, 1, 9_999, 10_001, 1 << 20} {
		id, w := create(t, s, hint)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		wantBytes(t, s, id, 0, -1, data)
	}
	for _, i := range walk(t, s, "") {
		if i.Size != int64(len(data)) {
			t.Errorf("walk shows %d bytes", i.Size)
		}
	}
}

// The caller may use its buffer again as soon as Write returns.
func testBuffer(t *testing.T, o Options) {
	s := o.open(t)
	id, w := create(t, s, 20)
	defer w.Abort()
	buf := make([]byte, 10)
	for _, c := range []byte("ab") {
		for i := range buf {
			buf[i] = c
		}
		if _, err := w.Write(buf); err != nil {
			t.Fatal(err)
		}
	}
	clear(buf)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, s, id, 0, -1, []byte("aaaaaaaaaabbbbbbbbbb"))
	got, _ := Read(s, id, 0, -1)
	clear(got)
	wantBytes(t, s, id, 0, 1, []byte("a"))
}

func testDelete(t *testing.T, o Options) {
	s := o.open(t)
	ctx := context.Background()
	id, kept := Write(t, s, []byte("x"), 1), Write(t, s, []byte("y"), 1)
	for range 2 {
		if err := s.Delete(ctx, id); err != nil {
			t.Error(err)
		}
		absent(t, s, id)
	}
	wantBytes(t, s, kept, 0, -1, []byte("y"))
}

func testDeleteWhileRead(t *testing.T, o Options) {
	s := o.open(t)
	data := Bytes(4, 400_000)
	id := Write(t, s, data, 1<<20)
	r, err := s.Open(context.Background(), id, 0, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if o.ReaderLosesDeleted && err != nil {
		return
	}
	if err != nil || !bytes.Equal(append(head, rest...), data) {
		t.Errorf("read %d bytes of a deleted content: %v", len(head)+len(rest), err)
	}
}

func testManyWriters(t *testing.T, o Options) {
	s := o.open(t)
	const writers, each = 16, 8
	var mu sync.Mutex
	want := map[content.ID][]byte{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				data := Bytes(uint64(w*each+i), (w*each+i)*700)
				id := content.NewID(time.Now())
				cw, err := s.Create(context.Background(), id, int64(len(data)))
				if err != nil {
					t.Error(err)
					return
				}
				for b := data; len(b) > 0 && err == nil; {
					n := min(len(b), 10_000)
					_, err = cw.Write(b[:n])
					b = b[n:]
				}
				if i%4 == 3 {
					cw.Abort()
					continue
				}
				if err == nil {
					err = cw.Commit()
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[id] = data
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, data := range want {
		wantBytes(t, s, id, 0, -1, data)
	}
	if all := walk(t, s, ""); len(all) != len(want) {
		t.Errorf("walk shows %d contents, want %d", len(all), len(want))
	}
}

func testReopen(t *testing.T, o Options) {
	s := o.open(t)
	data := Bytes(5, 123_456)
	id := Write(t, s, data, 1<<20)
	gone := Write(t, s, data, 1<<20)
	if err := s.Delete(context.Background(), gone); err != nil {
		t.Fatal(err)
	}
	unfinished, w := create(t, s, 10)
	w.Write([]byte("half"))
	if o.Reopen != nil {
		s.Close()
	}
	again := o.reopen(t, s)
	wantBytes(t, again, id, 0, -1, data)
	absent(t, again, gone)
	absent(t, again, unfinished)
}

func testTwoProcesses(t *testing.T, o Options) {
	a := o.open(t)
	b := o.reopen(t, a)
	data := Bytes(6, 99_999)
	inA, inB := Write(t, a, data, 1<<20), Write(t, b, data, 1<<20)
	wantBytes(t, b, inA, 0, -1, data)
	wantBytes(t, a, inB, 0, -1, data)
	if n := len(walk(t, a, "")); n != 2 {
		t.Errorf("walk shows %d contents of two", n)
	}
	if err := b.Delete(context.Background(), inA); err != nil {
		t.Error(err)
	}
	absent(t, a, inA)
}
