package transfer

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// LocalFile is a regular file under a directory.
type LocalFile struct {
	// Rel is its path below the directory with slashes: what becomes its key.
	Rel     string
	Path    string
	Size    int64
	ModTime time.Time
}

// Walk gives the regular files below a directory in the bytewise order of the
// keys they become, so that they can be merged with a listing: "a.b" comes
// before "a/b". Links are followed to files, and to directories only when follow
// is set. What is neither file nor directory is passed to skipped. Files that a
// killed download left are passed over. It goes on after an error.
func Walk(root string, follow bool, skipped func(path string)) iter.Seq2[*LocalFile, error] {
	return func(yield func(*LocalFile, error) bool) {
		w := &walker{follow: follow, skipped: skipped, yield: yield}
		w.dir(root, "", nil)
	}
}

type walker struct {
	follow  bool
	skipped func(string)
	yield   func(*LocalFile, error) bool
}

type walkEntry struct {
	name string // directories end with a slash
	info fs.FileInfo
}

// dir walks one directory; false ends the walk. above are the directories that
// it lies in, by which a circle of links is found.
func (w *walker) dir(path, rel string, above []fs.FileInfo) bool {
	entries, err := os.ReadDir(path)
	if err != nil && !w.yield(nil, err) {
		return false
	}
	if self, err := os.Stat(path); err == nil {
		for _, a := range above {
			if os.SameFile(a, self) {
				return w.yield(nil, fmt.Errorf("%s: a link leads round in a circle", path))
			}
		}
		above = append(slices.Clip(above), self)
	}
	var list []walkEntry
	for _, d := range entries {
		e, ok, err := w.look(path, d)
		if err != nil && !w.yield(nil, err) {
			return false
		}
		if ok {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b walkEntry) int { return strings.Compare(a.name, b.name) })
	for _, e := range list {
		full := filepath.Join(path, e.name)
		if e.info.IsDir() {
			if !w.dir(full, rel+e.name, above) {
				return false
			}
			continue
		}
		if !w.yield(&LocalFile{rel + e.name, full, e.info.Size(), e.info.ModTime()}, nil) {
			return false
		}
	}
	return true
}

// look finds out what a directory entry is; false to pass it over.
func (w *walker) look(dir string, d fs.DirEntry) (e walkEntry, ok bool, err error) {
	name := d.Name()
	if IsPartial(name) {
		return e, false, nil
	}
	full := filepath.Join(dir, name)
	var info fs.FileInfo
	if d.Type()&fs.ModeSymlink != 0 {
		info, err = os.Stat(full)
	} else {
		info, err = d.Info()
	}
	switch {
	case err != nil:
		return e, false, err
	case info.IsDir() && d.Type()&fs.ModeSymlink != 0 && !w.follow, !info.IsDir() && !info.Mode().IsRegular():
		w.skipped(full)
		return e, false, nil
	case info.IsDir():
		return walkEntry{name + "/", info}, true, nil
	}
	return walkEntry{name, info}, true, nil
}

// IsPartial tells whether a file name is that of an unfinished download.
func IsPartial(name string) bool {
	return strings.HasPrefix(name, ".mucura-") && (strings.Contains(name, ".part"))
}

// LocalPath is the file below dir that a key becomes. Keys that name no file
// there (.., an empty or dot segment, a NUL) are an error, never a file elsewhere.
func LocalPath(dir, rel string) (string, error) {
	for _, segment := range strings.Split(rel, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsRune(segment, 0) ||
			filepath.Separator != '/' && strings.ContainsRune(segment, filepath.Separator) || IsPartial(segment) {
			return "", fmt.Errorf("key %q cannot be a file name here; fetch it alone, under another name", rel)
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(rel)) {
		return "", fmt.Errorf("key %q cannot be a file name here; fetch it alone, under another name", rel)
	}
	return filepath.Join(dir, filepath.FromSlash(rel)), nil
}

// FileSum is the checksum of a file in an algorithm of package checksum.
func FileSum(path, algorithm string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return hashOf(f, algorithm, 0, info.Size())
}
