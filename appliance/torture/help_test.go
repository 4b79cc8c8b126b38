package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

var ctx = context.Background()

// command runs mucurad with an environment of its own and gives exit status and
// what it printed.
func command(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	cmd.Dir = t.TempDir()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// on runs a command beside a server that must succeed.
func on(t *testing.T, s *harness.Server, args ...string) string {
	t.Helper()
	out, err := s.Run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// newBucket makes the bucket of a test.
func newBucket(t *testing.T, c *harness.Client) {
	t.Helper()
	if _, err := c.Must(ctx, "PUT", bucket, "", "", nil, 200); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, c *harness.Client, key string, body []byte) {
	t.Helper()
	if _, err := c.Must(ctx, "PUT", bucket, key, "", body, 200); err != nil {
		t.Fatal(err)
	}
}

// wantObject checks the bytes of an object; nil means that there is none.
func wantObject(t *testing.T, c *harness.Client, key string, body []byte) {
	t.Helper()
	a, err := c.Do(ctx, "GET", bucket, key, "", nil)
	switch {
	case err != nil:
		t.Errorf("GET %q: %v", key, err)
	case body == nil && a.Status != 404:
		t.Errorf("GET %q: %d, want 404", key, a.Status)
	case body != nil && (a.Status != 200 || !bytes.Equal(a.Body, body)):
		t.Errorf("GET %q: %d, %d bytes, want %d", key, a.Status, len(a.Body), len(body))
	}
}

// wantAnswer checks status and code of an answer.
func wantAnswer(t *testing.T, what string, a *harness.Answer, err error, status int, code string) {
	t.Helper()
	if err != nil || a.Status != status || a.Code() != code {
		t.Errorf("%s: %+v, %v; want %d %s", what, a, err, status, code)
	}
}

// contents lists the files of the content store, unfinished ones too.
func contents(t *testing.T, s *harness.Server) []string {
	t.Helper()
	return files(t, filepath.Join(s.Data, "content"))
}

// eventually waits until ok, for what happens soon but not at once. Some of it
// takes more than half a minute by itself: a killed job counts as dead, a name
// that was added gets its certificate.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not so after three minutes: %s", what)
		}
	}
}

// metric reads a figure of the server; 0 when there is none.
func metric(t *testing.T, s *harness.Server, name string) float64 {
	t.Helper()
	return metrics(t, s, name+" ")
}

// metrics adds up the figures whose lines begin so.
func metrics(t *testing.T, s *harness.Server, prefix string) (sum float64) {
	t.Helper()
	resp, err := http.Get(s.Admin + "/-/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) {
			f, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += f
		}
	}
	return sum
}

// residentMiB is the memory of a server that lies in RAM.
func residentMiB(t *testing.T, s *harness.Server) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	if err != nil {
		t.Skip("no /proc")
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatal("no VmRSS")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}

// logBuffer keeps a server's whole log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
