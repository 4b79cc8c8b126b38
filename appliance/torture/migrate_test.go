package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// place is where a repository lies.
type place struct{ metadata, content, registry string }

func (p place) serve() []string {
	return []string{"--metadata", p.metadata, "--content", p.content, "--registry", p.registry}
}

func (p place) flags(side string) []string {
	return []string{"--" + side + "-metadata", p.metadata, "--" + side + "-content", p.content, "--" + side + "-registry", p.registry}
}

// local is a place on this machine.
func local(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	meta := "sqlite://" + filepath.Join(dir, "meta.db")
	return place{meta, "file://" + filepath.Join(dir, "content"), meta}
}

// journey is where the repository goes: out to a second place and back to a third.
// MUCURA_TEST_MIGRATE names others, in order, for the way between: places are parted
// by semicolons, their metadata, content and registry URLs by blanks. Each must be empty.
func journey(t *testing.T) (places []place) {
	t.Helper()
	places = append(places, local(t))
	text := os.Getenv("MUCURA_TEST_MIGRATE")
	if text == "" {
		return append(places, local(t), local(t))
	}
	for one := range strings.SplitSeq(text, ";") {
		f := strings.Fields(one)
		if len(f) == 2 {
			f = append(f, f[0])
		}
		if len(f) != 3 {
			t.Fatalf("MUCURA_TEST_MIGRATE: %q is not metadata, content and registry", one)
		}
		places = append(places, place{f[0], f[1], f[2]})
	}
	return append(places, local(t))
}

// TestMigrateKilled moves a repository that is in use from one place to the next, kills
// the migration twice on each way, and compares every fact and byte.
// MUCURA_TEST_MIGRATE_OBJECTS sets how many objects it holds.
func TestMigrateKilled(t *testing.T) {
	places := journey(t)
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data, places[0].serve()...)
	n := number(t, "MUCURA_TEST_MIGRATE_OBJECTS", 400)
	began := time.Now()
	fillForMove(t, s, n)
	t.Logf("%d objects in %v", n, time.Since(began).Round(time.Second))
	// What is written meanwhile grows with the objects, not faster: a migration
	// must be able to catch up with its source.
	pace := 5 * time.Millisecond * time.Duration(max(1, n/400))
	for i := 1; i < len(places); i++ {
		began := time.Now()
		move(t, s, places[i-1], places[i], pace)
		t.Logf("way %d of %d in %v", i, len(places)-1, time.Since(began).Round(time.Second))
		if t.Failed() {
			t.Fatalf("on way %d", i)
		}
		next := startOn(t, data, places[i].serve()...)
		if out, err := next.Run(append([]string{"fsck", "--read-data"}, places[i].serve()...)...); err != nil || !strings.Contains(out, " 0 problems") {
			t.Fatalf("fsck: %s %v", out, err)
		}
		if _, err := next.NewClient().Must(context.Background(), "PUT", "plain", fmt.Sprint("after-way-", i), "", []byte("moved"), 200); err != nil {
			t.Fatal(err)
		}
		s = next
	}
}

// fillForMove makes objects of all kinds, small and large, versions, markers,
// uploads in progress and accounts.
func fillForMove(t *testing.T, s *harness.Server, n int) {
	t.Helper()
	ctx, c := context.Background(), s.NewClient()
	must := func(method, bucket, key, query string, body []byte, header ...string) *harness.Answer {
		t.Helper()
		a, err := c.Do(ctx, method, bucket, key, query, body, header...)
		if err != nil || a.Status >= 300 {
			t.Fatalf("%s %s/%s?%s: %v %v", method, bucket, key, query, a, err)
		}
		return a
	}
	for _, b := range []string{"plain", "versions"} {
		must("PUT", b, "", "", nil)
	}
	must("PUT", "versions", "", "versioning", []byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
	must("PUT", "plain", "", "policy", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::plain/public/*"}]}`))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 3))
			for i := w; i < n; i += 4 {
				size := rnd.IntN(8 << 10)
				if i%20 == 0 {
					size = 80<<10 + rnd.IntN(200<<10)
				}
				bucket, key := []string{"plain", "versions"}[i%2], fmt.Sprintf("d%d/é %d", i%7, i)
				header := []string{"X-Amz-Meta-N", fmt.Sprint(i), "X-Amz-Tagging", "n=" + fmt.Sprint(i)}
				if i%5 == 0 {
					header = append(header, "X-Amz-Server-Side-Encryption", "AES256")
				}
				if i%9 == 0 {
					header = append(header, "X-Amz-Acl", "public-read")
				}
				if a, err := c.Do(ctx, "PUT", bucket, key, "", body(key, i, size), header...); err != nil || a.Status != 200 {
					t.Errorf("put %s: %v, %v", key, a, err)
				}
				if i%10 == 1 {
					_, _ = c.Do(ctx, "DELETE", bucket, key, "", nil)
				}
				if i%12 == 0 {
					_, _ = c.Do(ctx, "PUT", "versions", key+" copy", "", nil, "X-Amz-Copy-Source", "/"+bucket+"/"+url.PathEscape(key))
				}
			}
		})
	}
	wg.Wait()
	for i := range 3 {
		key := fmt.Sprint("upload", i)
		a := must("POST", "versions", key, "uploads", nil)
		_, rest, _ := strings.Cut(string(a.Body), "<UploadId>")
		id, _, _ := strings.Cut(rest, "</UploadId>")
		p1 := must("PUT", "versions", key, "partNumber=1&uploadId="+id, body(key, 1, 5<<20)).Header.Get("Etag")
		p2 := must("PUT", "versions", key, "partNumber=2&uploadId="+id, body(key, 2, 1000)).Header.Get("Etag")
		if i == 0 {
			must("POST", "versions", key, "uploadId="+id, []byte("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+p1+"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>"+p2+"</ETag></Part></CompleteMultipartUpload>"))
		}
	}
	if _, err := s.Run(append([]string{"account", "add", "ada", "--quota", "5GiB", "--email", "ada@example.org"}, s.Args...)...); err != nil {
		t.Fatal(err)
	}
}

// move migrates a repository that a server has open and two clients write to,
// with a pause of pace after each write.
func move(t *testing.T, s *harness.Server, from, to place, pace time.Duration) {
	t.Helper()
	writing, stop := context.WithCancel(context.Background())
	defer stop()
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			c := s.NewClient()
			for i := 0; writing.Err() == nil; i++ {
				key := fmt.Sprintf("busy/%d-%d", w, i%50)
				a, err := c.Do(writing, "PUT", "versions", key, "", body(key, i, 100+i%3*40<<10))
				if err == nil && a.Status == 503 {
					return // read-only: the switch
				}
				if i%7 == 0 {
					_, _ = c.Do(writing, "DELETE", "versions", key, "", nil)
				}
				time.Sleep(pace)
			}
		})
	}
	args := append([]string{"migrate", "--json", "--state", t.TempDir()}, append(from.flags("from"), to.flags("to")...)...)
	killed := 0
	for i := range 2 {
		if killMigration(t, s, args, 60+i*120) {
			killed++
		}
	}
	if killed == 0 {
		t.Error("the migration ended before it could be killed")
	}
	out, err := s.Run(append(args, "--final")...)
	if err != nil {
		t.Fatal(err)
	}
	var last struct{ Phase string }
	for line := range strings.Lines(out) {
		var p struct{ Phase string }
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("progress %q: %v", line, err)
		}
		if p.Phase != "" {
			last = p
		}
	}
	if last.Phase != "done" {
		t.Errorf("ended with %+v", last)
	}
	if a, err := s.NewClient().Do(writing, "PUT", "plain", "late", "", []byte("x")); err != nil || a.Status != 503 || a.Code() != "ServiceUnavailable" {
		t.Errorf("a write after the switch: %v, %v", a, err)
	}
	if _, err := s.NewClient().Must(writing, "GET", "versions", "upload0", "", nil, 200); err != nil {
		t.Error(err)
	}
	stop()
	wg.Wait()
	s.Kill()
	out, err = s.Run(append([]string{"compare", "--read-data"}, append(from.flags("from"), to.flags("to")...)...)...)
	if err != nil {
		t.Errorf("compare: %v", err)
	}
	t.Logf("%s", strings.TrimSpace(out))
}

// killMigration begins a migration and kills it when a pass of it has copied so many
// records. It tells whether one had.
func killMigration(t *testing.T, s *harness.Server, args []string, records int) bool {
	t.Helper()
	cmd := exec.Command(s.Bin, append(args, "--data", s.Data)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it is killed
	for dec := json.NewDecoder(out); ; {
		var p struct {
			Records int `json:"records_copied"`
		}
		if err := dec.Decode(&p); err != nil {
			return false // it ended before; the next run finds less to do
		}
		if p.Records >= records {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			return true
		}
	}
}
