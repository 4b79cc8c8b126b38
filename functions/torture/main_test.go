// Package torture treats the functions as a bad day does: as the programs that
// are deployed, over a real Swift and a real Redis, behind a stand-in for the
// platform that freezes and kills them.
package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/functions/internal/world"
)

// site is what the tests of this package share.
var site struct {
	once    sync.Once
	dir     string
	w       *world.World
	stores  *world.Stores
	missing error // a program is not there
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if site.stores != nil {
		if err := site.stores.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if site.dir != "" {
		_ = os.RemoveAll(site.dir)
	}
	os.Exit(code)
}

// startTime is generous: the machine may be busy.
const startTime = 8 * time.Minute

// theSite gives the site, which the first call starts. MUCURA_TEST_METADATA and
// MUCURA_TEST_CONTENT name stores that are running already.
func theSite(t testing.TB) *world.World {
	t.Helper()
	site.once.Do(startSite)
	world.Need(t, site.missing)
	if site.err != nil {
		t.Fatal(site.err)
	}
	return site.w
}

func startSite() {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if site.dir, site.err = os.MkdirTemp("", "functions-"); site.err != nil {
		return
	}
	metadata, content := os.Getenv("MUCURA_TEST_METADATA"), os.Getenv("MUCURA_TEST_CONTENT")
	if metadata == "" || content == "" {
		if site.missing = world.Install(ctx); site.missing != nil {
			return
		}
		if site.stores, site.err = world.StartStores(ctx, site.dir); site.err != nil {
			return
		}
		metadata, content = site.stores.Redis.URL(), site.stores.Swift.URL()
	}
	bin := filepath.Join(site.dir, "bin")
	if site.err = world.Build(ctx, bin); site.err != nil {
		return
	}
	log, err := os.Create(filepath.Join(site.dir, "log"))
	if err != nil {
		site.err = err
		return
	}
	site.w, site.err = world.New(site.dir, bin, metadata, content, log)
}

// noSecrets fails when the functions have logged one, of the site or of others.
func noSecrets(t *testing.T, others ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	// A quarter of the site's key is long enough for no ID to have it by chance.
	for _, secret := range append([]string{world.RootSecret, world.SiteKey[:16], "testing@"}, others...) {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

var creds = sigv4.Credentials{AccessKeyID: world.RootKey, SecretAccessKey: world.RootSecret}

// client has connections of its own.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}}
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes one signed request and reads the answer whole; the target is as it
// goes over the wire. After an error nobody knows what the server has done.
func do(ctx context.Context, c *http.Client, method, base, target string, body []byte, header ...string) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, base+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	sum := sha256.Sum256(body)
	sigv4.Sign(r, creds, world.Region, hex.EncodeToString(sum[:]), time.Now())
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &answer{resp.StatusCode, resp.Header, text}, nil
}

// must is do, and wants a status.
func must(t *testing.T, c *http.Client, method, base, target string, body []byte, status int, header ...string) *answer {
	t.Helper()
	a, err := do(t.Context(), c, method, base, target, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if a.status != status {
		t.Fatalf("%s %s: %d, want %d: %.400s", method, target, a.status, status, a.body)
	}
	return a
}
