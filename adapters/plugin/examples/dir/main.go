// Dir is a small but complete plug-in: contents as files of one directory.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mucura/mucura/adapters/plugin/sdk"
	"github.com/mucura/mucura/core/content"
)

func main() { sdk.Serve(sdk.Plugin{Name: "dir", Content: open}) }

// open is called once, with the settings of the store URL.
func open(_ context.Context, c sdk.Config) (content.Store, error) {
	if err := c.Check([]string{"path"}, nil); err != nil {
		return nil, err
	}
	s := store(c.Get("path", ""))
	c.Log.Info("opened", "path", string(s))
	return s, os.MkdirAll(string(s), 0o700)
}

// store is the directory.
type store string

func (s store) file(id content.ID) string { return filepath.Join(string(s), string(id)) }

// Create makes a draft; its name is no ID, so nobody can read it yet.
func (s store) Create(ctx context.Context, id content.ID, _ int64) (content.Writer, error) {
	if err := errors.Join(ctx.Err(), content.CheckID(id)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.file(id)+".draft", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &writer{f, s.file(id), false}, wrap(err)
}

// Open reads a range.
func (s store) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := errors.Join(ctx.Err(), content.CheckID(id)); err != nil {
		return nil, err
	}
	f, err := os.Open(s.file(id))
	if err != nil {
		return nil, wrap(err)
	}
	if length < 0 {
		length = 1<<63 - 1 - offset
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, length), f}, nil
}

// Delete removes a content. That it was not there is no error.
func (s store) Delete(ctx context.Context, id content.ID) error {
	if err := errors.Join(ctx.Err(), content.CheckID(id)); err != nil {
		return err
	}
	if err := os.Remove(s.file(id)); !errors.Is(err, fs.ErrNotExist) {
		return wrap(err)
	}
	return nil
}

// Walk shows all contents; os.ReadDir sorts them.
func (s store) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	all, err := os.ReadDir(string(s))
	if err != nil {
		return wrap(err)
	}
	for _, e := range all {
		id := content.ID(e.Name())
		info, err := e.Info()
		if !id.Valid() || id < from || errors.Is(err, fs.ErrNotExist) {
			continue // a draft, before the range, or deleted meanwhile
		}
		if err := errors.Join(wrap(err), ctx.Err()); err != nil {
			return err
		}
		if err := fn(content.Info{ID: id, Size: info.Size()}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s store) Capabilities() content.Capabilities {
	return content.Capabilities{Name: "dir", CheapWalk: true}
}

func (s store) Ping(ctx context.Context) error {
	_, err := os.Stat(string(s))
	return errors.Join(ctx.Err(), wrap(err))
}

func (s store) Close() error { return nil }

// writer writes a draft.
type writer struct {
	*os.File
	path string
	done bool
}

// Commit returns nil only when the content survives a power cut.
func (w *writer) Commit() error {
	if w.done {
		return errors.New("content is finished")
	}
	w.done = true
	err := errors.Join(w.Sync(), w.Close())
	if err == nil {
		err = os.Rename(w.Name(), w.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(w.path))
	}
	if err != nil {
		os.Remove(w.Name())
		os.Remove(w.path)
	}
	return wrap(err)
}

// Abort drops the draft; after Commit there is none.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.Close(), os.Remove(w.Name()))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// wrap says what an error means to the server.
func wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", content.ErrNotFound, err)
	}
	return fmt.Errorf("%w: %w", content.ErrUnavailable, err)
}
