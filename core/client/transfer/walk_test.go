package transfer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A walk gives names in the order of a listing, whatever they are.
func TestWalkOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		segment := rapid.StringMatching(`[a-c!-.0/]{1,3}`)
		for range rapid.IntRange(0, 20).Draw(r, "files") {
			path := filepath.Join(dir, filepath.Join(segment.Draw(r, "a"), segment.Draw(r, "b")))
			if filepath.Dir(path) != dir && os.MkdirAll(filepath.Dir(path), 0o755) != nil {
				continue // a file is in the way
			}
			_ = os.WriteFile(path, nil, 0o644)
		}
		var walked []string
		for f, err := range Walk(dir, false, func(string) {}) {
			if err != nil {
				r.Fatal(err)
			}
			walked = append(walked, f.Rel)
		}
		var all []string
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				rel, _ := filepath.Rel(dir, path)
				all = append(all, filepath.ToSlash(rel))
			}
			return err
		})
		slices.Sort(all)
		if !slices.Equal(walked, all) {
			r.Fatalf("walked %q, there is %q", walked, all)
		}
	})
}

func TestLocalPath(t *testing.T) {
	for _, good := range []string{"a", "a/b", "a b/ü", ".hidden", "..a", "a..", "con"} {
		if got, err := LocalPath("/d", good); err != nil || got != "/d/"+good {
			t.Errorf("%q: %q %v", good, got, err)
		}
	}
	for _, bad := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/..", "./a", "a\x00", ".mucura-1.part"} {
		if got, err := LocalPath("/d", bad); err == nil {
			t.Errorf("%q becomes %q", bad, got)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	f.Add("a/../../b")
	f.Add("a/b")
	f.Fuzz(func(t *testing.T, rel string) {
		path, err := LocalPath("/d", rel)
		if err != nil {
			return
		}
		if back, err := filepath.Rel("/d", path); err != nil || !filepath.IsLocal(back) || back != rel {
			t.Errorf("%q becomes %q", rel, path)
		}
	})
}
