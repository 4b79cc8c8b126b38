package localfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/spf13/afero"
)

// history is what a caller did and was told.
type history struct {
	tried     map[content.ID][]byte // every content there may be, and its bytes
	committed map[content.ID]bool   // acknowledged, and not deleted since
}

// work does random things until it has done n.
func (h *history) work(s *localfs.Store, rnd *rand.Rand, n int) error {
	ctx := context.Background()
	for range n {
		switch k := rnd.IntN(10); {
		case k < 7:
			id := content.NewID(time.Now())
			h.tried[id] = contenttest.Bytes(rnd.Uint64(), rnd.IntN(20_000)+1)
			w, err := s.Create(ctx, id, -1)
			if err != nil {
				return err
			}
			data := h.tried[id]
			if k == 0 { // left unfinished, in the middle
				w.Write(data[:len(data)/2])
				continue
			}
			if _, err = w.Write(data); err == nil {
				err = w.Commit()
			}
			if err != nil {
				return err
			}
			h.committed[id] = true
		case k < 9:
			for id := range h.committed {
				delete(h.committed, id)
				if err := s.Delete(ctx, id); err != nil {
					return err
				}
				break
			}
		default:
			if _, _, err := s.Clean(ctx, time.Now().Add(-time.Hour)); err != nil {
				return err
			}
		}
	}
	return nil
}

// check tells what a power cut has spoilt: acknowledged contents that are
// lost, and contents visible with other bytes than their own.
func (h *history) check(s *localfs.Store) (lost, torn int, err error) {
	for id := range h.committed {
		if got, err := contenttest.Read(s, id, 0, -1); err != nil || !bytes.Equal(got, h.tried[id]) {
			lost++
		}
	}
	err = s.Walk(context.Background(), "", func(i content.Info) error {
		got, err := contenttest.Read(s, i.ID, 0, i.Size)
		if err == nil && !bytes.Equal(got, h.tried[i.ID]) {
			torn++
		}
		return err
	})
	return lost, torn, err
}

// crashOften works, cuts the power, and works on, several times.
func crashOften(seed uint64, lie faultfs.Rule) (lost, torn int, err error) {
	disk := faultfs.NewDisk()
	rnd := rand.New(rand.NewPCG(seed, 1))
	h := history{tried: map[content.ID][]byte{}, committed: map[content.ID]bool{}}
	for round := range 4 {
		fs := faultfs.New(disk)
		s, err := localfs.Open(fs, "/srv/content", localfs.Options{})
		if err != nil {
			return lost, torn, fmt.Errorf("open in round %d: %w", round, err)
		}
		if lie.Op != "" {
			fs.Inject(lie)
		}
		if err := h.work(s, rnd, 40); err != nil {
			return lost, torn, err
		}
		if rnd.IntN(3) == 0 {
			disk.Crash(nil)
		} else {
			disk.Crash(rnd)
		}
		s, err = localfs.Open(disk, "/srv/content", localfs.Options{})
		if err != nil {
			return lost, torn, fmt.Errorf("open after round %d: %w", round, err)
		}
		l, c, err := h.check(s)
		if err != nil {
			return lost, torn, err
		}
		lost, torn = lost+l, torn+c
	}
	return lost, torn, nil
}

// After any power cut every acknowledged content is intact and nothing torn is visible.
func TestPowerCuts(t *testing.T) {
	for seed := range uint64(60) {
		lost, torn, err := crashOften(seed, faultfs.Rule{})
		if lost != 0 || torn != 0 || err != nil {
			t.Errorf("seed %d: %d lost, %d torn: %v", seed, lost, torn, err)
		}
	}
}

// The test above would notice if either fsync were not there.
func TestPowerCutsNeedBothSyncs(t *testing.T) {
	for what, lie := range map[string]faultfs.Rule{
		"file":      {Op: faultfs.Sync, Path: "/tmp/", Swallow: true},
		"directory": {Op: faultfs.Sync, Path: "/data/", Swallow: true},
	} {
		spoilt := 0
		for seed := range uint64(10) {
			lost, torn, _ := crashOften(seed, lie)
			spoilt += lost + torn
		}
		if spoilt == 0 {
			t.Errorf("without the fsync of the %s nothing is lost", what)
		}
	}
}

// The directories that Open makes are durable before the first commit is.
func TestPowerCutAfterOpen(t *testing.T) {
	for seed := range uint64(20) {
		disk := faultfs.NewDisk()
		s := open(t, disk, "/a/b/c")
		id, err := put(s, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		disk.Crash(rand.New(rand.NewPCG(seed, 2)))
		if got, err := contenttest.Read(open(t, disk, "/a/b/c"), id, 0, -1); err != nil || string(got) != "x" {
			t.Errorf("seed %d: %q, %v", seed, got, err)
		}
	}
}

// A power cut anywhere in a backup leaves nothing torn in it, and the next run completes it.
func TestPowerCutInBackup(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		disk := faultfs.NewDisk()
		var fs afero.Fs = disk // makes links
		if seed%2 == 1 {
			fs = faultfs.New(disk) // copies
		}
		s := open(t, fs, "/c")
		h := history{tried: map[content.ID][]byte{}, committed: map[content.ID]bool{}}
		if err := h.work(s, rnd, 40); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		if seed%3 == 0 {
			cancel()
		}
		if _, err := s.Backup(ctx, "/backup"); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
		disk.Crash(rnd)
		s = open(t, fs, "/c")
		if _, err := s.Backup(context.Background(), "/backup"); err != nil {
			t.Fatal(err)
		}
		disk.Crash(nil)
		lost, torn, err := h.check(open(t, fs, "/backup"))
		if lost != 0 || torn != 0 || err != nil {
			t.Errorf("seed %d: %d lost, %d torn: %v", seed, lost, torn, err)
		}
	}
}
