package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oddKeys are keys that break clients.
func oddKeys() []string {
	return []string{
		" leading and trailing ", "a+b", "a%2Fb", "a%b", "percent%25", "näive/ünïcode-日本語-🏺",
		"tab\tand\nline", "quote'\"`$(x)", "back\\slash", "query?x=1&y#z", "star*", "bracket[1]", "tilde~", "semi;colon=",
		"trailing/", "double//slash", "/leading", "dot/./dot", "dots/../up", "..", "control\x01\x7f", "<xml>&amp;", "-dash",
		strings.Repeat("k", 1024), strings.Repeat("long/", 204) + "end",
	}
}

func TestOddKeys(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	keys := oddKeys()
	for i, key := range keys {
		content := []byte(fmt.Sprintf("content %d", i))
		at := "s3://" + bucket + "/" + key
		p.feed(content, 0, "cp", "-q", "--literal", "-", at)
		p.wantObject(bucket, key, content)
		if got := p.want(0, "cat", "--literal", at); got != string(content) {
			t.Errorf("cat %q gives %q", key, got)
		}
		away := "s3://" + bucket + "/away"
		p.want(0, "mv", "--literal", at, away)
		p.want(0, "mv", "--literal", away, at)
	}
	var listed []string
	for line := range strings.Lines(p.want(0, "ls", "-r", "--json", "s3://"+bucket)) {
		listed = append(listed, decodeLine[struct{ Key string }](t, line).Key)
	}
	slices.Sort(keys)
	if !slices.Equal(listed, keys) {
		t.Errorf("listed %q\nwant   %q", listed, keys)
	}
	for line := range strings.Lines(p.want(0, "ls", "-r", "s3://"+bucket)) {
		if bytes.ContainsAny([]byte(line), "\x01\x7f\t") {
			t.Errorf("a line for a terminal has controls: %q", line)
		}
	}
	p.want(0, "rm", "-r", "--bucket", "s3://"+bucket)
}

// Keys cannot lead out of the directory they are copied to.
func TestKeysThatAreNoFileNames(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	c := server.NewClient()
	for _, key := range []string{"d/good", "d/../../escape", "d//double", "d/./dot", "d/..", "d/nul\x00", "d/sub/", "d/sub/file"} {
		if _, err := c.Must(t.Context(), "PUT", bucket, key, "", []byte("content"), 200); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(p.path("deep/out"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"cp", "-r", "s3://" + bucket + "/d", "deep/out"}, {"sync", "s3://" + bucket + "/d", "deep/out"}} {
		o := p.run(args...)
		if o.status != 1 || strings.Count(o.stderr, "cannot be a file name") != 5 {
			t.Errorf("%v: %d %s", args, o.status, o.stderr)
		}
		var files []string
		_ = filepath.WalkDir(p.path("deep"), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(p.path("deep"), path)
				files = append(files, rel)
			}
			return err
		})
		if want := []string{"out/good", "out/sub/file"}; !slices.Equal(files, want) {
			t.Errorf("%v made %q, want %q", args, files, want)
		}
	}
	p.wantNoFile("escape")
	p.wantNoFile("deep/escape")
}

// A listing of any length takes the same memory.
func TestListingMemory(t *testing.T) {
	if _, err := server.Run("seed", "--bucket", "cli-many", "--count", "100000", "--size", "0", "--folders", "100"); err != nil {
		t.Fatal(err)
	}
	p := newPerson(t)
	bucket := p.bucket()
	p.feed(nil, 0, "cp", "-", "s3://"+bucket+"/one")
	// The heap as the collector sees it: what the system says of a process that was
	// started by this one includes memory of this one.
	collected := regexp.MustCompile(`(?m)^gc \d+ @.* (\d+)->(\d+)->\d+ MB,`)
	measure := func(args ...string) (lines, mib int) {
		var count lineCounter
		cmd := p.with("GODEBUG=gctrace=1").cmd(args...)
		cmd.Stdout = &count
		o := p.finish(cmd)
		if o.status != 0 {
			t.Fatalf("%v: %d %s", args, o.status, o.stderr)
		}
		for _, m := range collected.FindAllStringSubmatch(o.stderr, -1) {
			for _, text := range m[1:] {
				n, err := strconv.Atoi(text)
				if err != nil {
					t.Fatal(err)
				}
				mib = max(mib, n)
			}
		}
		return int(count), mib
	}
	if err := os.Mkdir(p.path("empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, least := measure("ls", "-r", "--json", "s3://"+bucket)
	for _, args := range [][]string{
		{"ls", "-r", "--json", "s3://cli-many"},
		{"find", "s3://cli-many"},
		{"sync", "--dry-run", "s3://cli-many", "empty"},
		{"cp", "-r", "--dry-run", "s3://cli-many/", "empty"},
	} {
		lines, most := measure(args...)
		if lines != 100_000 {
			t.Errorf("%v printed %d lines", args, lines)
		}
		t.Logf("%v: %d MiB, with one object %d", args, most, least)
		if most == 0 || most > least+24 {
			t.Errorf("%v took %d MiB, with one object %d", args, most, least)
		}
	}
	if out := p.want(0, "du", "--json", "s3://cli-many"); !strings.Contains(out, `"objects":100000`) {
		t.Error(out)
	}
}

type lineCounter int

func (c *lineCounter) Write(p []byte) (int, error) {
	*c += lineCounter(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

// Records are what docs/mucura.md says they are.
func TestRecords(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	at := "s3://" + bucket
	path := p.write("dir/a.txt", []byte("hello\n"))
	stamp := testTime
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"cp dir/a.txt " + at + "/d/a.txt", `{"type":"transfer","operation":"upload","source":"dir/a.txt","target":"AT/d/a.txt","bytes":6,"etag":"b1946ac92492d2347c6235b4d2611184","checksum":"CRC64NVME=akP7S61aVgc="}`},
		{"cp " + at + "/d/a.txt copy", `{"type":"transfer","operation":"download","source":"AT/d/a.txt","target":"copy","bytes":6,"etag":"b1946ac92492d2347c6235b4d2611184","checksum":"CRC64NVME=akP7S61aVgc="}`},
		{"cp " + at + "/d/a.txt " + at + "/b", `{"type":"transfer","operation":"copy","source":"AT/d/a.txt","target":"AT/b","bytes":6,"etag":"b1946ac92492d2347c6235b4d2611184","checksum":"CRC64NVME=akP7S61aVgc="}`},
		{"mv " + at + "/b " + at + "/c", `{"type":"transfer","operation":"move","source":"AT/b","target":"AT/c","bytes":6,"etag":"b1946ac92492d2347c6235b4d2611184"}`},
		{"ls", `{"type":"bucket","bucket":"BUCKET","created":"TIME"}`},
		{"ls " + at, `{"type":"object","bucket":"BUCKET","key":"c","size":6,"modified":"TIME","etag":"b1946ac92492d2347c6235b4d2611184"}` + "\n" + `{"type":"prefix","bucket":"BUCKET","prefix":"d/"}`},
		{"stat " + at + "/d/a.txt", `{"type":"object","bucket":"BUCKET","key":"d/a.txt","size":6,"modified":"TIME","etag":"b1946ac92492d2347c6235b4d2611184","content_type":"text/plain; charset=utf-8","checksum":"CRC64NVME=akP7S61aVgc=","encrypted":false,"meta":{"mtime":"1700000000.000000123"}}`},
		{"du -d 1 " + at, `{"type":"sum","target":"AT/d/","objects":1,"bytes":6}` + "\n" + `{"type":"sum","target":"AT","objects":2,"bytes":12}`},
		{"find " + at + " --name a.*", `{"type":"object","bucket":"BUCKET","key":"d/a.txt","size":6,"modified":"TIME","etag":"b1946ac92492d2347c6235b4d2611184"}`},
		{"sync --dry-run dir " + at + "/e", `{"type":"transfer","operation":"upload","source":"dir/a.txt","target":"AT/e/a.txt","bytes":6,"planned":true}`},
		{"mkdir " + at + "/m", `{"target":"AT/m/","type":"make"}`},
		{"rm " + at + "/c", `{"type":"delete","target":"AT/c"}`},
	} {
		got := p.want(0, append([]string{"--json"}, strings.Fields(c.args)...)...)
		var lines []string
		for line := range strings.Lines(got) {
			if c.args == "ls" && !strings.Contains(line, bucket) {
				continue // another test's
			}
			lines = append(lines, generic(t, line, bucket))
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("mucura %s\ngives %s\nwant  %s", c.args, got, c.want)
		}
	}
}

// generic replaces names and times that are other ones each time.
func generic(t *testing.T, line, bucket string) string {
	t.Helper()
	line = strings.TrimSpace(line)
	var times struct{ Modified, Created string }
	if err := json.Unmarshal([]byte(line), &times); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	for _, stamp := range []string{times.Modified, times.Created} {
		if stamp != "" {
			line = strings.ReplaceAll(line, stamp, "TIME")
		}
	}
	return strings.NewReplacer("s3://"+bucket, "AT", bucket, "BUCKET").Replace(line)
}
