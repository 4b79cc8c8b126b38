package localfs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/spf13/afero"
	"golang.org/x/sys/unix"
)

// takesDirect tells whether the file system of dir has O_DIRECT.
func takesDirect(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "probe"), os.O_CREATE|os.O_WRONLY|unix.O_DIRECT, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// isDirect asks the kernel how the one file below dir that is open passes bytes.
func isDirect(t *testing.T, dir string) bool {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); !strings.HasPrefix(to, dir+"/tmp/") {
			continue
		}
		b, err := os.ReadFile("/proc/self/fdinfo/" + fd.Name())
		if err != nil {
			t.Fatal(err)
		}
		var flags int
		_, text, _ := strings.Cut(string(b), "flags:")
		if _, err := fmt.Sscanf(strings.TrimSpace(text), "%o", &flags); err != nil {
			t.Fatalf("%v in %q", err, b)
		}
		return flags&unix.O_DIRECT != 0
	}
	t.Fatal("no file is being written")
	return false
}

// begin creates a content and gives what reads it back once it is committed.
func begin(t *testing.T, s *Store) (content.Writer, func() []byte) {
	t.Helper()
	id := content.NewID(time.Now())
	w, err := s.Create(context.Background(), id, -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Abort() })
	return w, func() []byte {
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(context.Background(), id, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func write(t *testing.T, w content.Writer, p []byte) {
	t.Helper()
	if n, err := w.Write(p); n != len(p) || err != nil {
		t.Fatal(n, err)
	}
}

// Pieces of any size, at any place, from any address: the bytes are the same.
func TestDirectWrites(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(afero.NewOsFs(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !takesDirect(t, dir) {
		t.Log("the file system of the temporary directory has no O_DIRECT: only the bytes are compared")
	} else {
		w, read := begin(t, s)
		page := make([]byte, 1<<20) // Go begins large arrays at a page
		for _, step := range []struct {
			piece  []byte
			direct bool
			why    string
		}{
			{page[:directFrom], true, "a large piece of whole pages"},
			{page[:directFrom-1], false, "a smaller piece"},
			{page, false, "not at a page of the file"},
			{page[:1], false, "to the next page"},
			{page[4096:], true, "again"},
			{page[1 : 1+directFrom], false, "not from a page of memory"},
			{page[:directFrom+1], false, "the rest of it is no page"},
		} {
			write(t, w, step.piece)
			if got := isDirect(t, dir); got != step.direct {
				t.Fatalf("%s: direct %v, want %v", step.why, got, step.direct)
			}
		}
		read()
	}

	const seed = 7
	d := rand.New(rand.NewPCG(seed, 0))
	memory := make([]byte, 2<<20)
	for i := range memory {
		memory[i] = byte(d.Uint32())
	}
	for range 60 {
		w, read := begin(t, s)
		var want []byte
		for range 1 + d.IntN(5) {
			sizes := []int{d.IntN(5000), 4096 * d.IntN(200), directFrom + d.IntN(5000), 1 << 20}
			offsets := []int{0, 4096, d.IntN(8192)}
			from := offsets[d.IntN(len(offsets))]
			p := memory[from : from+sizes[d.IntN(len(sizes))]]
			write(t, w, p)
			want = append(want, p...)
		}
		if !bytes.Equal(read(), want) {
			t.Fatalf("other bytes came back (seed %d)", seed)
		}
	}
}

// A disk that wants pieces of another size than it is given: they go through
// the page cache, and no more is tried.
func TestDirectWritesRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(afero.NewOsFs(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.directAlign = 1 // the kernel says EINVAL to what this lets through
	w, read := begin(t, s)
	want := bytes.Repeat([]byte("Mucura"), 1<<17)[1:]
	write(t, w, want)
	if isDirect(t, dir) || !s.noDirect.Load() {
		t.Error("direct writes go on")
	}
	write(t, w, want)
	if got := read(); !bytes.Equal(got, append(want, want...)) {
		t.Error("other bytes came back")
	}
}
