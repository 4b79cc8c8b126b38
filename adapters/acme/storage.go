package acme

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
)

// storage keeps what certmagic keeps - accounts, certificates, private keys,
// challenges in progress - as records of the registry, sealed under the site
// key, so that all processes on a repository share them. A key is a path; that
// it is a directory follows from the keys beneath it.
type storage struct {
	store meta.Store
	box   *seal.Box
	now   func() time.Time
	*locks
}

var (
	_ certmagic.Storage   = (*storage)(nil)
	_ certmagic.TryLocker = (*storage)(nil)
)

// maxTries bounds how often a write whose outcome is unknown is done again.
// Every write here may be repeated.
const maxTries = 3

// Store replaces the value at key.
func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	rec := meta.Record{Value: s.box.Seal(value, []byte(key)), Summary: s.summary(len(value))}
	return again(func() error {
		_, err := s.store.Put(ctx, catalog.TLS, key, rec, meta.Always)
		return err
	})
}

// again repeats fn while its outcome is unknown.
func again(fn func() error) error {
	var err error
	for range maxTries {
		if err = fn(); !errors.Is(err, meta.ErrOutcomeUnknown) {
			return err
		}
	}
	return err
}

// summary is when a value was stored and how long it is.
func (s *storage) summary(size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.now().UnixMilli()))
	return binary.BigEndian.AppendUint64(b, uint64(size))
}

// Load returns the value at key; fs.ErrNotExist when there is none.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	rec, err := s.get(ctx, key)
	if err != nil {
		return nil, err
	}
	value, err := s.box.Open(rec.Value, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return value, nil
}

func (s *storage) get(ctx context.Context, key string) (meta.Record, error) {
	rec, err := s.store.Get(ctx, catalog.TLS, key, false)
	if errors.Is(err, meta.ErrNotFound) {
		return rec, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return rec, err
}

// Delete removes key and every key beneath it.
func (s *storage) Delete(ctx context.Context, key string) error {
	keys, err := s.List(ctx, key, true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, k := range append(keys, key) {
		err := again(func() error { return s.store.Delete(ctx, catalog.TLS, k, meta.Always) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Exists tells whether there is a value at key or beneath it.
func (s *storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// List returns the keys beneath path; not recursive: values and directories
// right beneath it. fs.ErrNotExist when there is nothing.
func (s *storage) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	prefix := ""
	if path = strings.Trim(path, "/"); path != "" {
		prefix = path + "/"
	}
	var keys []string
	err := s.scan(ctx, prefix, 0, func(e meta.Entry) {
		key := e.Key
		if !recursive {
			child, _, _ := strings.Cut(key[len(prefix):], "/")
			key = prefix + child
		}
		if len(keys) == 0 || keys[len(keys)-1] != key {
			keys = append(keys, key)
		}
	})
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	// A directory may lie between its own keys: "a/b.c" sorts before "a/b/".
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// scan calls fn for the entries under prefix; for at most limit of them unless
// that is 0.
func (s *storage) scan(ctx context.Context, prefix string, limit int, fn func(meta.Entry)) error {
	r := meta.Range{From: prefix, Before: meta.PrefixEnd(prefix), Limit: limit}
	if prefix == "" {
		r.Before = ""
	}
	for {
		page, err := s.store.Scan(ctx, catalog.TLS, r)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			fn(e)
		}
		if limit > 0 || !page.More || len(page.Entries) == 0 {
			return nil
		}
		r.From = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// Stat describes a key; fs.ErrNotExist when there is nothing at it or beneath it.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	info := certmagic.KeyInfo{Key: key}
	rec, err := s.get(ctx, key)
	if err == nil {
		if len(rec.Summary) == 16 {
			info.Modified = time.UnixMilli(int64(binary.BigEndian.Uint64(rec.Summary)))
			info.Size = int64(binary.BigEndian.Uint64(rec.Summary[8:]))
		}
		info.IsTerminal = true
		return info, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return info, err
	}
	found := false
	if scanErr := s.scan(ctx, key+"/", 1, func(meta.Entry) { found = true }); scanErr != nil {
		return info, scanErr
	}
	if found {
		return info, nil
	}
	return info, err
}
