package torture

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/redis"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/functions/internal/world"
)

// TestS3 runs the S3 front's own suite against the gateway as it is deployed in
// shape B: every test gets a process of its own, over an empty repository in the
// site's Redis and Swift. By default it runs a few rows of the coverage table;
// MUCURA_TEST_FUNCTIONS_S3=all runs everything, any other value is a pattern of
// tests. Tests that look into the server say so and are counted apart.
func TestS3(t *testing.T) {
	w := theSite(t)
	if !strings.HasPrefix(metadataOf(w), "redis://") {
		t.Skip("needs a Redis, whose keys can have a prefix")
	}
	dir, err := filepath.Abs("../../core/s3")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "s3.test")
	build := append([]string{"test", "-c", "-vet=off", "-o", binary}, racing()...)
	if out, err := exec.CommandContext(t.Context(), "go", append(build, dir)...).CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	l := &lender{w: w, started: time.Now().UnixNano(), lent: map[string]*world.Container{}}
	server := httptest.NewServer(l)
	defer server.Close()
	defer l.end()
	run := os.Getenv("MUCURA_TEST_FUNCTIONS_S3")
	switch run {
	case "":
		run = "TestCoverage/^(PutObject|CopyObject|DeleteObjects|ListObjectVersions|PutObjectAcl)$"
	case "all":
		run = ""
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.timeout", "60m", "-test.run", run, "-test.skip", "^(TestOnEveryGrade|Fuzz.*)$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MUCURA_TEST_S3_LENDER="+server.URL)
	out, err := cmd.CombinedOutput()
	count := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): `).FindAllStringSubmatch(string(out), -1) {
		count[m[1]]++
	}
	t.Logf("%d servers: %d passed, %d failed, %d look into the server", l.number, count["PASS"], count["FAIL"], count["SKIP"])
	if err != nil || l.number == 0 {
		t.Errorf("%v\n%s", err, out[max(0, len(out)-100_000):])
	}
}

// racing is the flag this test was built with: its packages are compiled already.
func racing() []string {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

func metadataOf(w *world.World) string {
	for _, line := range w.Env {
		if u, ok := strings.CutPrefix(line, "MUCURA_METADATA="); ok {
			return u
		}
	}
	return ""
}

// lender starts gateways and stops them, as lent_test.go of core/s3 asks.
type lender struct {
	w       *world.World
	started int64 // in the names of its repositories, for the Redis may have served other runs

	mu     sync.Mutex
	number int
	lent   map[string]*world.Container
}

func (l *lender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		l.mu.Lock()
		c := l.lent[r.URL.Path]
		delete(l.lent, r.URL.Path)
		l.mu.Unlock()
		if c != nil {
			c.Kill()
		}
		return
	}
	answer, err := l.lend(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // who is gone needs none
}

func (l *lender) lend(r *http.Request) (any, error) {
	l.mu.Lock()
	l.number++
	path := fmt.Sprintf("/%d", l.number)
	l.mu.Unlock()
	// An empty repository: other keys of the same Redis.
	u := metadataOf(l.w)
	sep := "?"
	if strings.Contains(u, "?") {
		sep = "&"
	}
	u += fmt.Sprintf("%sprefix=s3-%d-%s", sep, l.started, path[1:])
	people, err := newAccounts(r.Context(), u)
	if err != nil {
		return nil, err
	}
	c, err := l.w.Container(r.Context(), "gateway", "MUCURA_METADATA="+u)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.lent[path] = c
	l.mu.Unlock()
	return map[string]any{"URL": c.URL, "Return": "http://" + r.Host + path, "Accounts": people}, nil
}

func (l *lender) end() {
	for _, c := range l.lent {
		c.Kill()
	}
}

type person struct{ ID, CanonicalID, DisplayName, Email, AccessKeyID, SecretAccessKey string }

// newAccounts makes the accounts that the suite expects.
func newAccounts(ctx context.Context, metadata string) (map[string]person, error) {
	store, err := redis.Open(ctx, metadata, redis.Options{})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	key, err := hex.DecodeString(world.SiteKey)
	if err != nil {
		return nil, err
	}
	service := &accounts.Service{Registry: store, Now: time.Now, SiteKey: key}
	people := map[string]person{}
	for name, role := range map[string]catalog.Role{"main": catalog.Member, "alt": catalog.Member, "op": catalog.Operator} {
		a, err := service.Add(ctx, accounts.NewAccount{
			Name: name, DisplayName: "The " + name, Email: name + "@example.org", CanonicalID: strings.Repeat(name[:1], 64), Role: role, Quota: -1,
		})
		if err != nil {
			return nil, err
		}
		k, err := service.AddKey(ctx, a.ID, accounts.KeySpec{})
		if err != nil {
			return nil, err
		}
		people[name] = person{a.ID, a.CanonicalID, a.DisplayName, a.Email, k.ID, k.Secret}
	}
	return people, nil
}
