package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
)

// keysOf are the site keys: the setting's own, or those of the file.
func keysOf(c *config.Config) (key []byte, older [][]byte, err error) {
	if c.SiteKey != "" {
		if key, older, err = app.ParseSiteKeys(c.SiteKey); err != nil {
			err = fmt.Errorf("site-key: %w", err)
		}
		return key, older, err
	}
	return siteKeys(c.SiteKeyFile)
}

// siteKeyLost refuses a repository whose site key is missing. The key is made before
// the database, so it has been there; another one would open nothing that is sealed,
// and stand where the right one has to be put back.
func siteKeyLost(c *config.Config) error {
	if c.SiteKey != "" || !strings.HasPrefix(c.Metadata, "sqlite://") || isNew(c.Metadata) {
		return nil
	}
	if _, err := os.Stat(c.SiteKeyFile); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("site key: %s is missing, and the secrets of this repository are sealed with it: put it back, every backup has it", c.SiteKeyFile)
	}
	return nil
}

// siteKeyPlace tells people where the site key is.
func siteKeyPlace(c *config.Config) string {
	if c.SiteKey != "" {
		return "the setting site-key"
	}
	return "the file " + c.SiteKeyFile
}

// siteKeys reads the keys that seal secrets at rest, each a line of 64
// hexadecimal digits: the first seals, the others open what was sealed before
// the key was changed. A missing file is made, durably and only once, also when
// two processes start at the same moment.
func siteKeys(path string) (key []byte, older [][]byte, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeSiteKey(path); err != nil {
			return nil, nil, err
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, nil, err
	}
	return parseSiteKeys(path, text)
}

// readSiteKeys reads the file of site keys, which must be there.
func readSiteKeys(path string) (key []byte, older [][]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return parseSiteKeys(path, text)
}

func parseSiteKeys(path string, text []byte) (key []byte, older [][]byte, err error) {
	key, older, err = app.ParseSiteKeys(string(text))
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return key, older, err
}

// siteKeyFile is the text siteKeys reads.
func siteKeyFile(key []byte, older [][]byte) []byte {
	var text []byte
	for _, k := range append([][]byte{key}, older...) {
		text = append(hex.AppendEncode(text, k), '\n')
	}
	return text
}

func makeSiteKey(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".site-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	var key [32]byte
	rand.Read(key[:])
	_, err = fmt.Fprintln(f, hex.EncodeToString(key[:]))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link fails when another process was first; its key then counts.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// watchSiteKeys puts the site keys in force again when their file is no longer
// that of the time given, until ctx is done. A file that cannot be read leaves
// those in force, and is tried again: it may be half written.
func watchSiteKeys(ctx context.Context, a *app.App, stamp time.Time, every time.Duration) {
	path := a.Config.SiteKeyFile
	if a.Config.SiteKey != "" {
		return // it is not in the file
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := modified(path)
		if now.Equal(stamp) || now.IsZero() { // being replaced, perhaps
			continue
		}
		key, older, err := readSiteKeys(path)
		if err == nil {
			stamp = now
			err = a.SetSiteKeys(key, older...)
		}
		if err != nil {
			a.Log.Error("site keys not reloaded", "error", err.Error())
			continue
		}
		a.Log.Info("site keys reloaded", "keys", 1+len(older))
	}
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// keyReseal seals anew what is sealed under older site keys.
func keyReseal(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		n, err := a.Reseal(ctx)
		fmt.Printf("%d secrets sealed under the current site key\n", n)
		return err
	})
}
