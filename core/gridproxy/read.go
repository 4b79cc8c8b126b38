package gridproxy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// Limits of a trust directory. The largest revocation lists of the IGTF have a
// few MiB.
const (
	maxFileBytes = 64 << 20
	maxTextBytes = 256 << 10 // certificates, policies, namespaces, LSC
	maxFiles     = 50000
)

var errTooLong = errors.New("the file is too long")

// LoadDir reads a trust directory in the layout of the IGTF and a vomsdir ("":
// none, so no VOMS attributes count).
func LoadDir(dir, vomsdir string, now time.Time) (*Trust, error) {
	certs, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("trust directory: %w", err)
	}
	var voms fs.FS
	if vomsdir != "" {
		if voms, err = openDir(vomsdir); err != nil {
			return nil, fmt.Errorf("vomsdir: %w", err)
		}
	}
	return LoadFS(certs, voms, now)
}

// openDir is [os.DirFS] of a directory that can be opened: the errors of a DirFS
// say "." and not which directory.
func openDir(dir string) (fs.FS, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return os.DirFS(dir), f.Close()
}

// LoadFS is [LoadDir] for file systems; vomsdir may be nil.
func LoadFS(certificates, vomsdir fs.FS, now time.Time) (*Trust, error) {
	certs, err := certificateFiles(certificates)
	if err != nil {
		return nil, fmt.Errorf("trust directory: %w", err)
	}
	lsc, err := vomsFiles(vomsdir)
	if err != nil {
		return nil, fmt.Errorf("vomsdir: %w", err)
	}
	return build(certs, lsc, now)
}

// certificateFiles lists the files of a trust directory that mean something.
func certificateFiles(fsys fs.FS) ([]file, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		if _, kind, ok := classify(e.Name()); ok {
			files = append(files, fsFile(fsys, e.Name(), limitOf(kind)))
		}
	}
	if len(files) > maxFiles {
		return nil, errors.New("too many files")
	}
	return files, nil
}

func limitOf(kind string) int64 {
	if kind == kindCRL {
		return maxFileBytes
	}
	return maxTextBytes
}

// vomsFiles lists <vo>/<host>.lsc. A VO's entry that is no directory is no VO.
func vomsFiles(fsys fs.FS) ([]file, error) {
	if fsys == nil {
		return nil, nil
	}
	vos, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var files []file
	for _, vo := range vos {
		if info, err := fs.Stat(fsys, vo.Name()); err != nil || !info.IsDir() {
			continue
		}
		hosts, err := fs.ReadDir(fsys, vo.Name())
		if err != nil {
			return nil, err
		}
		for _, h := range hosts {
			if path.Ext(h.Name()) == ".lsc" {
				files = append(files, fsFile(fsys, path.Join(vo.Name(), h.Name()), maxTextBytes))
			}
		}
	}
	if len(files) > maxFiles {
		return nil, errors.New("too many files")
	}
	return files, nil
}

func fsFile(fsys fs.FS, name string, limit int64) file {
	return file{name, func() ([]byte, error) {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readLimited(f, limit)
	}}
}

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errTooLong
	}
	return text, err
}

// mark sums up names, sizes and times of a trust directory's files: when it
// changes, so has a file.
func mark(dir, vomsdir string) (string, error) {
	var seen []string
	for _, d := range []string{dir, vomsdir} {
		if d == "" {
			continue
		}
		fsys, err := openDir(d)
		if err != nil {
			return "", err
		}
		list := certificateFiles
		if d == vomsdir {
			list = vomsFiles
		}
		files, err := list(fsys)
		if err != nil {
			return "", err
		}
		for _, f := range files {
			info, err := fs.Stat(fsys, f.name)
			if err != nil {
				seen = append(seen, fmt.Sprintf("%s %v", f.name, err))
				continue
			}
			seen = append(seen, fmt.Sprintf("%s %d %d", f.name, info.Size(), info.ModTime().UnixNano()))
		}
	}
	slices.Sort(seen)
	return fmt.Sprint(seen), nil
}
