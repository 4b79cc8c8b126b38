package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/pkg/sftp"

	"github.com/mucura/mucura/adapters/plugin/sdk"
	"github.com/mucura/mucura/core/content"
)

// prefixDigits of an ID name its directory: see the package comment.
const prefixDigits = 6

// store keeps contents on an SFTP server.
type store struct {
	link      *link
	log       *slog.Logger
	data, tmp string // directories
	syncs     bool   // files and directories can be made durable
}

// store promises these.
var (
	_ content.Store   = (*store)(nil)
	_ content.Stat    = (*store)(nil)
	_ content.Janitor = (*store)(nil)
	_ content.Space   = (*store)(nil)
)

// open connects and makes the directories.
func open(ctx context.Context, c sdk.Config) (content.Store, error) {
	settings, err := read(c)
	if err != nil {
		return nil, err
	}
	s := &store{link: newLink(settings, c.Log), log: c.Log, data: settings.dir + "/data", tmp: settings.dir + "/tmp"}
	err = s.link.do(ctx, func(c *session) error {
		for _, dir := range []string{settings.dir, s.data, s.tmp} {
			if err := makeDir(c, dir); err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
		}
		return nil
	})
	if err == nil {
		err = s.probeSync(ctx, settings)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// makeDir makes a directory that only its owner can read, unless it is there.
func makeDir(c *session, dir string) error {
	if info, err := c.Stat(dir); err == nil {
		if !info.IsDir() {
			return errors.New("is not a directory")
		}
		return nil
	}
	if err := c.Mkdir(dir); err != nil {
		// Another process may have been faster.
		if info, serr := c.Stat(dir); serr == nil && info.IsDir() {
			return nil
		}
		return err
	}
	return c.Chmod(dir, 0o700)
}

// probeSync finds out whether a commit can be made durable.
func (s *store) probeSync(ctx context.Context, settings *settings) error {
	err := s.link.do(ctx, func(c *session) error {
		if _, ok := c.HasExtension("fsync@openssh.com"); !ok {
			return errors.ErrUnsupported
		}
		for _, dir := range []string{settings.dir, s.data, s.tmp} {
			if err := syncDir(c, dir); err != nil {
				return err
			}
		}
		return nil
	})
	s.syncs = err == nil
	if err != nil && settings.mustSync {
		return fmt.Errorf("the server cannot make files durable (fsync@openssh.com: %w); fsync=best-effort accepts that", err)
	}
	if err != nil {
		s.log.Warn("contents written last may be lost when the server loses power", "error", err.Error())
	}
	return nil
}

// syncDir makes what happened in a directory durable. A directory that is
// opened like a file has a handle that the server can fsync.
func syncDir(c *session, dir string) error {
	d, err := c.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func (s *store) dirOf(id content.ID) string   { return s.data + "/" + string(id[:prefixDigits]) }
func (s *store) pathOf(id content.ID) string  { return s.dirOf(id) + "/" + string(id) }
func (s *store) draftOf(id content.ID) string { return s.tmp + "/" + string(id) }

// Create begins a content in tmp.
func (s *store) Create(ctx context.Context, id content.ID, _ int64) (content.Writer, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	c, err := s.link.session(ctx)
	if err != nil {
		return nil, err
	}
	f, err := c.OpenFile(s.draftOf(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, s.failed(c, "create", id, err)
	}
	return &writer{store: s, ctx: ctx, session: c, id: id, file: f}, nil
}

// Open opens a range; a lost connection is replaced while it is read.
func (s *store) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	if offset < 0 || length < -1 {
		return nil, fmt.Errorf("content %s: malformed range: %d bytes from %d", id, length, offset)
	}
	r := &reader{store: s, ctx: ctx, id: id, offset: offset, left: length}
	return r, r.open()
}

// Delete removes the content; a power cut may bring it back.
func (s *store) Delete(ctx context.Context, id content.ID) error {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return err
	}
	err := s.link.do(ctx, func(c *session) error { return c.Remove(s.pathOf(id)) })
	if err = s.missing(ctx, "delete", id, err); errors.Is(err, content.ErrNotFound) {
		return nil
	}
	return err
}

// Stat gives the size of a content.
func (s *store) Stat(ctx context.Context, id content.ID) (content.Info, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return content.Info{}, err
	}
	var size int64
	err := s.link.do(ctx, func(c *session) error {
		info, err := c.Stat(s.pathOf(id))
		if err == nil {
			size = info.Size()
		}
		return err
	})
	return content.Info{ID: id, Size: size}, s.missing(ctx, "stat", id, err)
}

// Space asks the server's file system.
func (s *store) Space(ctx context.Context) (free, total int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	err = s.link.do(ctx, func(c *session) error {
		if _, ok := c.HasExtension("statvfs@openssh.com"); !ok {
			return errors.ErrUnsupported
		}
		v, err := c.StatVFS(s.data)
		if err == nil {
			free, total = int64(v.Frsize*v.Bavail), int64(v.TotalSpace())
		}
		return err
	})
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		err = unavailable("space", err)
	}
	return free, total, err
}

// Capabilities: listing directories is cheap enough.
func (s *store) Capabilities() content.Capabilities {
	return content.Capabilities{Name: "sftp", CheapWalk: true}
}

// Ping looks whether the directories are there.
func (s *store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.present(ctx)
}

// Close ends the connection.
func (s *store) Close() error { return s.link.close() }

// present tells whether the store is there at all: a disk that is not mounted
// must not look like contents that are gone.
func (s *store) present(ctx context.Context) error {
	err := s.link.do(ctx, func(c *session) error {
		_, err := c.Stat(s.data)
		return err
	})
	if err != nil {
		return unavailable("directory "+s.data, err)
	}
	return nil
}

// missing makes ErrNotFound of "no such file", when the store is there.
func (s *store) missing(ctx context.Context, op string, id content.ID, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return unavailable(op+" "+string(id), err)
	}
	if err := s.present(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%s %s: %w", op, id, content.ErrNotFound)
}

// failed is the error of a write. SFTP has no code for a full disk: a bare
// "failure" on a file system with next to no room is taken for one.
func (s *store) failed(c *session, op string, id content.ID, err error) error {
	const next = 4 << 20 // bytes
	var status *sftp.StatusError
	if errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure {
		if v, verr := c.StatVFS(s.tmp); verr == nil && v.Frsize*v.Bavail < next {
			return fmt.Errorf("%s %s: %w: %w", op, id, err, content.ErrFull)
		}
	}
	return unavailable(op+" "+string(id), err)
}

// unavailable wraps what the caller can do nothing about; the end of its own
// context stays what it is.
func unavailable(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, content.ErrUnavailable) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, err, content.ErrUnavailable)
}
