package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/functions/internal/world"
)

// container starts a function of shape B.
func container(t *testing.T, name string, extra ...string) *world.Container {
	t.Helper()
	c, err := theSite(t).Container(t.Context(), name, extra...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c
}

func TestContainer(t *testing.T) {
	b, c := container(t, "gateway"), client()
	for path, status := range map[string]int{"/healthz": 200, "/-/live": 200, "/-/ready": 200, "/healthz?location": 403} {
		resp, err := c.Get(b.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status && !(status == 403 && resp.StatusCode == 404) {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	must(t, c, "PUT", b.URL, "/container", nil, 200)
	for _, key := range append(oddKeys, "what?", "a?b=c") {
		keyTrip(t, c, b.URL, "/container", key, []byte("x"))
	}
}

// TestBasePath serves below a path: one that is taken away before, and one that
// is not.
func TestBasePath(t *testing.T) {
	const base = "/system/services/files/exposed"
	b, c := container(t, "gateway", "OSCAR_SERVICE_BASE_PATH="+base), client()
	rewriting := rewriter(t, b.URL, base)
	for name, u := range map[string]string{"kept": b.URL + base, "taken away": rewriting + base} {
		t.Run(name, func(t *testing.T) {
			bucket := "/base-" + strings.ReplaceAll(name, " ", "-")
			must(t, c, "PUT", u, bucket, nil, 200)
			for _, key := range append(oddKeys, "what?", base[1:]) {
				keyTrip(t, c, u, bucket, key, []byte("x"))
			}
			must(t, c, "GET", u, "/", nil, 200)
			must(t, c, "GET", u, "", nil, 200)
			if a := must(t, c, "GET", u, "/nowhere", nil, 404); !bytes.Contains(a.body, []byte("NoSuchBucket")) {
				t.Errorf("%s", a.body)
			}
		})
	}
	// A signature is over one path and no other.
	wrong, err := do(t.Context(), c, "GET", rewriter(t, b.URL, "/elsewhere"), "/elsewhere/base-kept", nil)
	if err != nil || wrong.status != 403 {
		t.Errorf("a path below another base: %v %+v", err, wrong)
	}
}

// TestStreams: a body is stored while it comes, and comes while it is read;
// neither is ever in memory as a whole.
func TestStreams(t *testing.T) {
	b, c := container(t, "gateway", "GOMEMLIMIT=100MiB"), client()
	must(t, c, "PUT", b.URL, "/streams", nil, 200)
	body := bytes.Repeat([]byte("0123456789abcdef"), 8<<20) // 128 MiB
	must(t, c, "PUT", b.URL, "/streams/large", body, 200)
	a := must(t, c, "GET", b.URL, "/streams/large", nil, 200)
	if !bytes.Equal(a.body, body) {
		t.Error("other bytes")
	}
	peak := peakMemory(t, b.Process())
	t.Logf("%d MiB at the most", peak>>20)
	if peak > 120<<20 {
		t.Errorf("the function took %d MiB for an object of 128", peak>>20)
	}
}

// TestDrain: SIGTERM lets an upload that is under way end, and the process ends
// well.
func TestDrain(t *testing.T) {
	b, c := container(t, "gateway"), client()
	// The body is asked for first: then the upload is surely under way. What has
	// only been sent may be dropped.
	c.Transport.(*http.Transport).ExpectContinueTimeout = time.Hour
	must(t, c, "PUT", b.URL, "/drain", nil, 200)
	pr, pw := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "PUT", b.URL+"/drain/slow", pr)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 200_000
	r.Header.Set("Expect", "100-continue")
	sign(r, "UNSIGNED-PAYLOAD")
	type result struct {
		resp *http.Response
		err  error
	}
	done := make(chan result, 1)
	go func() { resp, err := c.Do(r); done <- result{resp, err} }()
	half := bytes.Repeat([]byte("x"), 100_000)
	if _, err := pw.Write(half); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- b.Stop() }()
	for refused := false; !refused; time.Sleep(5 * time.Millisecond) { // until it drains
		resp, err := client().Get(b.URL + "/healthz")
		if refused = err != nil; !refused {
			resp.Body.Close()
		}
	}
	if _, err := pw.Write(half); err != nil {
		t.Fatal(err)
	}
	pw.Close()
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	got.resp.Body.Close()
	if got.resp.StatusCode != 200 {
		t.Errorf("upload: %s", got.resp.Status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestJobs runs a job by event, and by name.
func TestJobs(t *testing.T) {
	w := theSite(t)
	f := w.Function("sweep", 1, true)
	defer f.Close()
	res, err := f.Invoke(t.Context(), []byte(`{"job":"usage"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	var rep struct{ Job string }
	if err != nil || json.Unmarshal(text, &rep) != nil || rep.Job != "usage" {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{"job":"nonsense"}`)); err == nil || !strings.Contains(err.Error(), "no such job") {
		t.Errorf("nonsense: %v", err)
	}
	for job, good := range map[string]bool{"usage": true, "nonsense": false} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(w.Bin, "sweep"), job)
		cmd.Env = w.Env
		out, err := cmd.Output()
		if (err == nil) != good || good && !bytes.Contains(out, []byte(`"job":"usage"`)) {
			t.Errorf("%s: %v: %s", job, err, out)
		}
	}
}

// TestCredentials: the authentication server as a function gives temporary
// credentials, which the gateway takes.
func TestCredentials(t *testing.T) {
	w := theSite(t)
	f := w.Function("credentials", 1, true)
	defer f.Close()
	u, stop, err := world.Front(lambdatest.FunctionURL, f)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := world.Session(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	b := container(t, "gateway")
	if status, err := world.ListWith(ctx, b.URL, s); err != nil || status != 200 {
		t.Errorf("with temporary credentials: %d, %v", status, err)
	}
	s.SessionToken += "x"
	if status, err := world.ListWith(ctx, b.URL, s); err != nil || status == 200 {
		t.Errorf("with a forged token: %d, %v", status, err)
	}
	noSecrets(t)
}
