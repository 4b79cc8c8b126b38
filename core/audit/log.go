package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flushEvery = time.Second
	// flushAt is how much waits in memory before an Add writes it itself, bytes.
	flushAt = 1 << 20
	// keepAt is how much is kept in memory while the disk takes nothing, bytes;
	// what is more is lost, and counted.
	keepAt = 16 << 20

	filePrefix, fileSuffix = "audit-", ".jsonl"
	dayLayout              = "2006-01-02"
)

// Log writes events to a file per day in Dir: audit-2026-11-28.jsonl. Several
// processes may share the directory: each appends whole lines. Its fields are
// set before the first use.
type Log struct {
	Dir string
	// Keep is how long files are kept, counted from the end of their day.
	Keep time.Duration
	Now  func() time.Time
	Log  *slog.Logger // for what goes wrong with the disk

	lost    atomic.Int64
	failing atomic.Bool

	mu         sync.Mutex // of both buffers
	buf, spare []byte

	writing sync.Mutex // of what follows
	file    *os.File
	day     string
}

// What clients choose is clipped, bytes: a header of 30 KB, six times as long in
// JSON, would let strangers fill the disk, and be a line that Find does not read.
const (
	maxText     = 1024
	maxIdentity = 2048
)

// Clip is the beginning of a text that a client chose, as much as logs keep of it.
func Clip(text string) string { return text[:min(len(text), maxText)] }

// clipped is the event, or where a text is too long a copy in which it is not.
func (e *Event) clipped() *Event {
	long := len(e.Identity) > maxIdentity
	for _, text := range e.chosen() {
		long = long || len(*text) > maxText
	}
	if !long {
		return e
	}
	c := *e
	for _, text := range c.chosen() {
		*text = Clip(*text)
	}
	c.Identity = c.Identity[:min(len(c.Identity), maxIdentity)]
	return &c
}

// chosen are the texts that clients choose.
func (e *Event) chosen() [11]*string {
	return [...]*string{&e.User, &e.PrimaryFQAN, &e.VO, &e.Bucket, &e.Key, &e.VersionID, &e.RemoteIP, &e.UserAgent, &e.Host, &e.Reason, &e.Target}
}

// Lost is how many bytes of events were lost because the disk took none.
func (l *Log) Lost() int64 { return l.lost.Load() }

// Add takes in an event. It waits for the disk only when a megabyte of events
// is waiting already.
func (l *Log) Add(e *Event) {
	e = e.clipped()
	l.mu.Lock()
	if len(l.buf) > keepAt {
		l.lost.Add(int64(len(e.appendJSON(nil)) + 1))
		l.mu.Unlock()
		return
	}
	l.buf = append(e.appendJSON(l.buf), '\n')
	full := len(l.buf) >= flushAt && !l.failing.Load() // then the next Flush of Run tries again
	l.mu.Unlock()
	if full {
		_ = l.Flush() // it says so itself
	}
}

// Run flushes every second and removes old files, until ctx is done; then it
// flushes once more and closes the file.
func (l *Log) Run(ctx context.Context) {
	l.prune()
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = l.Close()
			return
		case <-t.C:
			_ = l.Flush()
		}
	}
}

// Flush writes what waits. After an error it waits on, for the next Flush.
func (l *Log) Flush() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	out := l.buf
	l.buf = l.spare[:0]
	l.spare = nil
	l.mu.Unlock()
	if len(out) == 0 {
		return nil
	}
	n, err := l.write(out)
	if err == nil {
		l.failing.Store(false)
		if cap(out) <= 2*flushAt { // to be filled again
			l.mu.Lock()
			l.spare = out
			l.mu.Unlock()
		}
		return nil
	}
	l.mu.Lock()
	l.buf = append(out[n:], l.buf...) // Add bounds it
	l.mu.Unlock()
	if !l.failing.Swap(true) && l.Log != nil {
		l.Log.Error("audit log not written", "error", err.Error())
	}
	return err
}

// write appends lines to today's file, and tells how many bytes of whole lines
// were written.
func (l *Log) write(out []byte) (int, error) {
	if err := l.open(); err != nil {
		return 0, err
	}
	n, err := l.file.Write(out)
	if err == nil {
		return n, nil
	}
	// A line cut off is closed when the file is opened again, and read by nobody.
	_ = l.file.Close()
	l.file = nil
	return bytes.LastIndexByte(out[:n], '\n') + 1, fmt.Errorf("audit log: %w", err)
}

// open makes today's file ready.
func (l *Log) open() error {
	day := l.Now().UTC().Format(dayLayout)
	if l.file != nil && l.day == day {
		return nil
	}
	if l.file != nil {
		if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil && l.Log != nil {
			l.Log.Error("audit log of "+l.day, "error", err.Error())
		}
		l.file = nil
		l.prune()
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(l.Dir, filePrefix+day+fileSuffix), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := endLine(f); err != nil {
		return errors.Join(fmt.Errorf("audit log: %w", err), f.Close())
	}
	l.file, l.day = f, day
	return nil
}

// endLine ends a line that a crash has cut off.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.Write([]byte{'\n'})
	return err
}

// Close flushes, and brings today's file safely to the disk.
func (l *Log) Close() error {
	err := l.Flush()
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.file == nil {
		return err
	}
	err = errors.Join(err, l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}

// prune removes files that have been kept for long enough.
func (l *Log) prune() {
	days, err := l.days()
	if err != nil || l.Keep <= 0 {
		return
	}
	for _, day := range days {
		t, err := time.Parse(dayLayout, day)
		if err != nil || l.Now().Sub(t.AddDate(0, 0, 1)) <= l.Keep {
			continue
		}
		if err := os.Remove(l.path(day)); err != nil && !errors.Is(err, fs.ErrNotExist) && l.Log != nil {
			l.Log.Warn("old audit log not removed", "error", err.Error())
		}
	}
}

func (l *Log) path(day string) string { return filepath.Join(l.Dir, filePrefix+day+fileSuffix) }

// days lists the days there are files of, oldest first.
func (l *Log) days() ([]string, error) {
	entries, err := os.ReadDir(l.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	var days []string
	for _, e := range entries {
		day, ok := strings.CutPrefix(e.Name(), filePrefix)
		if day, isLog := strings.CutSuffix(day, fileSuffix); ok && isLog {
			days = append(days, day)
		}
	}
	return days, nil
}
