package main

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/core/content"
)

// Walk lists one directory after the other: their names sort by age, as IDs do.
func (s *store) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	dirs, err := s.list(ctx, s.data)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		name := d.Name()
		if !d.IsDir() || len(name) != prefixDigits || name < string(from[:min(prefixDigits, len(from))]) {
			continue
		}
		files, err := s.list(ctx, path.Join(s.data, name))
		if err != nil {
			return err
		}
		for _, f := range files {
			id := content.ID(f.Name())
			if !id.Valid() || id < from || id[:prefixDigits] != content.ID(name) || !f.Mode().IsRegular() {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(content.Info{ID: id, Size: f.Size()}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// list gives a directory's entries by name.
func (s *store) list(ctx context.Context, dir string) (all []fs.FileInfo, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.link.do(ctx, func(c *session) (err error) {
		all, err = c.ReadDirContext(ctx, dir)
		return err
	})
	if err != nil {
		return nil, unavailable("list "+dir, err)
	}
	slices.SortFunc(all, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

// Clean removes drafts begun before a time, by the server's clock.
func (s *store) Clean(ctx context.Context, before time.Time) (files int, bytes int64, err error) {
	all, err := s.list(ctx, s.tmp)
	if err != nil {
		return 0, 0, err
	}
	for _, f := range all {
		if !content.ID(f.Name()).Valid() || !f.ModTime().Before(before) {
			continue
		}
		err := s.link.do(ctx, func(c *session) error { return c.Remove(path.Join(s.tmp, f.Name())) })
		if err != nil {
			return files, bytes, unavailable("clean "+f.Name(), err)
		}
		files++
		bytes += f.Size()
	}
	return files, bytes, nil
}
