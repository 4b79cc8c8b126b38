package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/adapters/plugin/sdk"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// TestMain makes the test binary mucurad itself when it is called with a
// command, and a plug-in when a host starts it.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("MUCURA_STORE_PLUGIN") != "":
		sdk.Serve(sdk.Plugin{Name: "test", Meta: openTestMeta, Content: openTestContent})
	case len(os.Args) > 1 && os.Args[1] == "adapter":
		if err := dispatch(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "mucurad:", err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

func openTestMeta(_ context.Context, c sdk.Config) (meta.Store, error) {
	switch c.Get("kind", "") {
	case "sqlite":
		if err := os.MkdirAll(c.Get("dir", ""), 0o700); err != nil {
			return nil, err
		}
		return sqlite.Open(filepath.Join(c.Get("dir", ""), "meta.db"), sqlite.Options{})
	case "careless":
		return careless{mem.NewMeta()}, nil
	case "dying":
		return dying{mem.NewMeta()}, nil
	}
	return nil, fmt.Errorf("no such kind")
}

func openTestContent(_ context.Context, c sdk.Config) (content.Store, error) {
	return localfs.Open(afero.NewOsFs(), c.Get("dir", ""), localfs.Options{})
}

// careless ignores conditions.
type careless struct{ meta.Store }

func (s careless) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, _ meta.Cond) (meta.Version, error) {
	return s.Store.Put(ctx, p, key, r, meta.Always)
}

// dying ends its process when it is to scan.
type dying struct{ meta.Store }

func (dying) Scan(context.Context, meta.Partition, meta.Range) (meta.Page, error) {
	os.Exit(1)
	return meta.Page{}, nil
}

// adapterTestOutput runs "adapter test" on the test plug-in.
func adapterTestOutput(t *testing.T, query string, flags ...string) (lines []string, ok bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"adapter", "test", self + "?" + query}, flags...)...)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	err = cmd.Run()
	if err != nil {
		t.Logf("%v: %s", err, msg.String())
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), err == nil
}

func TestAdapterTest(t *testing.T) {
	dir := t.TempDir()
	lines, ok := adapterTestOutput(t, "kind=sqlite&dir="+dir+"/{fresh}", "--json")
	if !ok {
		t.Fatalf("a store that keeps all laws: %q", lines)
	}
	laws := map[string]string{}
	for _, line := range lines[:len(lines)-1] {
		var r struct{ Port, Law, Result, Reason string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if r.Result == "skipped" && r.Reason == "" {
			t.Errorf("%s is skipped without a reason", r.Law)
		}
		laws[r.Port+"/"+r.Law] = r.Result
	}
	for _, law := range []string{"meta/PutAbsentRace", "meta/Model", "meta/Reopened", "meta/SecondProcess", "content/Sizes", "content/TwoProcesses", "content/Janitor"} {
		if laws[law] != "ok" {
			t.Errorf("%s is %q", law, laws[law])
		}
	}
	var sum struct{ OK, Skipped, Failed int }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.OK+sum.Skipped != len(lines)-1 || sum.Failed != 0 {
		t.Errorf("summary %q for %d laws: %v", lines[len(lines)-1], len(lines)-1, err)
	}
}

// TestAdapterTestFinds: laws that are broken are named, and the status says so.
func TestAdapterTestFinds(t *testing.T) {
	for kind, want := range map[string][]string{
		"careless": {"FAIL    meta     PutAbsentRace", "FAIL    meta     Conditions", "ok      meta     Summaries"},
		"dying":    {"FAIL    meta     ScanOrder", "ok      meta     Ping"},
	} {
		lines, ok := adapterTestOutput(t, "kind="+kind, "--meta", "--volatile")
		if ok {
			t.Errorf("%s: status 0", kind)
		}
		text := strings.Join(lines, "\n")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no line %q in\n%s", kind, w, text)
			}
		}
		if strings.Contains(text, "content") {
			t.Errorf("%s: --meta tested contents", kind)
		}
	}
	if lines, ok := adapterTestOutput(t, "kind=sqlite&dir="+t.TempDir()); ok || strings.Contains(strings.Join(lines, ""), "ok ") {
		t.Errorf("a store that is not empty was tested: %q", lines)
	}
}

// TestHiddenCommand: what "adapter test" runs is not offered to people.
func TestHiddenCommand(t *testing.T) {
	for _, c := range commands() {
		if (c.help == "") != (c.name == "adapter laws") {
			t.Errorf("%s has the help %q", c.name, c.help)
		}
	}
}
