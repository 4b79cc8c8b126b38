package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"
)

// checkpointPages is the length of the log, in pages of 4 KiB, at which it is
// written back into the database file: 16 MiB.
const checkpointPages = 4000

// checkpointer writes the log back while the writer goes on. A log to which
// something is added all the time is never finished that way, so at last the
// writer itself writes back the short rest between two groups; with its next
// transaction SQLite then begins the log anew.
type checkpointer struct {
	w     *writer
	due   chan struct{} // holds a value when a checkpoint should be made
	ctx   context.Context
	end   context.CancelFunc
	ended chan struct{}
}

func startCheckpointer(w *writer) *checkpointer {
	k := &checkpointer{w: w, due: make(chan struct{}, 1), ended: make(chan struct{})}
	k.ctx, k.end = context.WithCancel(context.Background())
	if info, err := os.Stat(w.s.path + "-wal"); err == nil && info.Size() > checkpointPages*pageSize {
		k.due <- struct{}{} // left by a crash
	}
	go k.loop()
	return k
}

// wrote is called by the writer after each group.
func (k *checkpointer) wrote() {
	if k.w.pages < checkpointPages {
		return
	}
	k.w.pages = 0
	select {
	case k.due <- struct{}{}:
	default:
	}
}

// stop ends the goroutine; the writer's has ended before.
func (k *checkpointer) stop() {
	k.end()
	<-k.ended
}

func (k *checkpointer) loop() {
	defer close(k.ended)
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-k.due:
		}
		if err := k.once(); err != nil && k.ctx.Err() == nil {
			k.w.s.opts.Log.Error("sqlite: checkpoint failed", "path", k.w.s.path, "error", err)
		}
	}
}

func (k *checkpointer) once() error {
	c, err := k.w.s.connect(false, readerCache, 0)
	if err != nil {
		return err
	}
	err = errors.Join(c.checkpoint(), c.close())
	if err != nil {
		return err
	}
	return k.w.run(k.ctx, func(w *writer) error {
		if err := w.ready(); err != nil {
			return err
		}
		return w.c.checkpoint()
	})
}

// checkpoint writes back as much of the log as can be without waiting for
// anyone.
func (c *conn) checkpoint() error {
	var row [3]driver.Value
	_, err := c.adHoc("PRAGMA wal_checkpoint(PASSIVE)", row[:])
	if isBusy(err) {
		return nil // another process is at it
	}
	return err
}
