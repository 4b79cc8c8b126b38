package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/gridproxy"
)

const (
	// trustCheck is how often a changed trust directory is looked for.
	trustCheck = time.Minute
	// trustMaxAge is how old an archive may be that cannot be fetched again;
	// revocation lists in it may end earlier.
	trustMaxAge = 24 * time.Hour
	// trustTimeout bounds the fetching of an archive, in the request that finds
	// it due.
	trustTimeout = 20 * time.Second
	// maxTrustArchive bounds an archive as it is fetched, bytes.
	maxTrustArchive = 64 << 20
)

// openTrust gives what keeps the trusted authorities fresh: of a directory, of a
// tar archive on the disk, or of one that an HTTPS server has. client fetches it;
// nil: one that follows redirects to HTTPS only.
func openTrust(c *config.Config, client *http.Client) *gridproxy.Loader {
	switch {
	case config.IsTrustURL(c.TrustDir):
		if client == nil {
			client = &http.Client{CheckRedirect: stayOnHTTPS}
		}
		fetch := func(ctx context.Context) (io.ReadCloser, error) { return fetchTrust(ctx, client, c.TrustDir) }
		return gridproxy.NewBundleLoader(fetch, c.TrustReload, max(trustMaxAge, 2*c.TrustReload))
	case config.IsTrustArchive(c.TrustDir):
		open := func(context.Context) (io.ReadCloser, error) { return os.Open(filepath.Clean(c.TrustDir)) }
		return gridproxy.NewBundleLoader(open, c.TrustReload, 0)
	}
	return gridproxy.NewDirLoader(c.TrustDir, c.VOMSDir, trustCheck, c.TrustReload)
}

func stayOnHTTPS(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != "https" || len(via) >= 5 {
		return fmt.Errorf("redirected to %s", r.URL.Redacted())
	}
	return nil
}

// fetchTrust fetches an archive. What is longer than maxTrustArchive ends early,
// which makes it no archive. Errors do not tell the URL's query, by which it may be
// signed.
func fetchTrust(ctx context.Context, client *http.Client, from string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, trustTimeout)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the URL of the trust archive is malformed")
	}
	resp, err := client.Do(r)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("fetch %s: %w", withoutQuery(r.URL), cause(err))
	}
	if resp.StatusCode != http.StatusOK {
		cancel()
		_ = resp.Body.Close()
		return nil, fmt.Errorf("fetch %s: %s", withoutQuery(r.URL), resp.Status)
	}
	return &fetched{io.LimitReader(resp.Body, maxTrustArchive), resp.Body, cancel}, nil
}

func withoutQuery(u *url.URL) string { return "https://" + u.Host + u.EscapedPath() }

// cause is an error of a client without the URL.
func cause(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}

// fetched is a body that ends its request when it is closed.
type fetched struct {
	io.Reader
	body   io.Closer
	cancel context.CancelFunc
}

func (f *fetched) Close() error {
	defer f.cancel()
	return f.body.Close()
}
