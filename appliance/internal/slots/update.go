package slots

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/appliance/internal/bundle"
	"github.com/mucura/mucura/appliance/internal/host"
)

// versionFile is in each slot, for people and for "status".
const versionFile = "version"

// ErrDowngrade is an update older than what runs.
var ErrDowngrade = errors.New("this update is older than what runs")

// Update writes a bundle into the idle slot and has it tried at the next start.
// Everything is verified, and read back, before GRUB hears of it: any error
// leaves the running slot as it is.
func (m *Manager) Update(ctx context.Context, r io.Reader, running string, allowDowngrade bool) (*bundle.Manifest, error) {
	current := m.Running()
	if current == "" {
		return nil, ErrNotInstalled
	}
	keys, err := bundle.PublicKeys(m.Host.Path(host.UpdateKeys))
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(r, keys)
	if err != nil {
		return nil, err
	}
	if bundle.Compare(b.Manifest.Version, running) < 0 && !allowDowngrade {
		return nil, fmt.Errorf("%w: %s, %s runs (--allow-downgrade takes it)", ErrDowngrade, b.Manifest.Version, running)
	}
	sys, err := m.Open(ctx)
	if err != nil {
		return nil, err
	}
	err = sys.install(ctx, b, Other(current))
	if err == nil {
		err = sys.try(ctx, current)
	}
	return &b.Manifest, errors.Join(err, sys.Close(ctx))
}

// install writes the parts of a bundle beside a slot and puts them in its place.
// A former attempt that was cut short is removed.
func (s *System) install(ctx context.Context, b *bundle.Reader, slot string) error {
	dir := filepath.Join(s.dir, slot)
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(fresh) // gone after success
	err := b.Extract(func(name string) (io.WriteCloser, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(filepath.Join(fresh, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		return synced{f}, err
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(fresh, versionFile), []byte(b.Manifest.Version+"\n"), 0o644)
	}
	if err != nil {
		return err
	}
	// Forget the pages that were written, so that the disk is read.
	if err := s.Flush(ctx); err != nil {
		return err
	}
	dropCache(fresh)
	if err := b.Manifest.VerifyDir(fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return errors.Join(os.Rename(fresh, dir), host.SyncDir(s.dir))
}

// try has GRUB start the other slot once. The journal is emptied first: GRUB
// must find the files where the environment tells it to look.
func (s *System) try(ctx context.Context, current string) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	return s.SetEnv(Env{"slot": current, "try": Other(current)})
}

// synced is a file that is on the disk when it is closed.
type synced struct{ *os.File }

func (f synced) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

// Fetch gives the bundle that a path, an https:// or an http:// URL names: it is
// its signature that counts. Close it.
func Fetch(ctx context.Context, where string) (io.ReadCloser, error) {
	if !strings.Contains(where, "://") {
		return os.Open(where)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: time.Minute}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", where, resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}

// Commit keeps the running slot when healthy says so within the window, and
// otherwise has the old one started. It tells whether a restart is due.
func (m *Manager) Commit(ctx context.Context, window time.Duration, healthy func(context.Context) error) (restart bool, err error) {
	current := m.Running()
	if current == "" {
		return false, nil
	}
	sys, err := m.Open(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, sys.Close(ctx)) }()
	env, err := sys.Env()
	if err != nil {
		return false, err
	}
	if env["slot"] == current && env["try"] == "" {
		return false, nil
	}
	if env["slot"] == current { // an update waits to be tried, this slot is known to be good
		return false, nil
	}
	if herr := wait(ctx, window, healthy); herr != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		m.Log("slot %s is not healthy: %v; back to slot %s", current, herr, Other(current))
		return true, sys.SetEnv(Env{"slot": Other(current)})
	}
	m.Log("slot %s is healthy and stays", current)
	return false, sys.SetEnv(Env{"slot": current})
}

// wait asks until the answer is good or the window is over.
func wait(ctx context.Context, window time.Duration, healthy func(context.Context) error) error {
	end := time.Now().Add(window)
	for {
		err := healthy(ctx)
		if err == nil || !time.Now().Before(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(2*time.Second, time.Until(end)+time.Millisecond)):
		}
	}
}

// Ready asks the server whether it can serve, or the set-up page whether it is
// there.
func Ready(claimed bool) func(context.Context) error {
	url, client := "http://127.0.0.1:9001/-/ready", &http.Client{Timeout: 10 * time.Second}
	if !claimed {
		url = "https://127.0.0.1/-/live"
		// Only this machine is asked, by its own address.
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
		return nil
	}
}

// Rollback has the other slot started from now on. It must hold a whole system.
func (m *Manager) Rollback(ctx context.Context) (slot string, err error) {
	current := m.Running()
	if current == "" {
		return "", ErrNotInstalled
	}
	sys, err := m.Open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, sys.Close(ctx)) }()
	slot = Other(current)
	for _, name := range bundle.Files {
		if st, err := os.Stat(filepath.Join(sys.dir, slot, name)); err != nil || st.Size() == 0 {
			return "", fmt.Errorf("slot %s holds no system to go back to", slot)
		}
	}
	if err := sys.Flush(ctx); err != nil {
		return "", err
	}
	return slot, sys.SetEnv(Env{"slot": slot})
}
