package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/redis"
	"github.com/mucura/mucura/adapters/riak"
	"github.com/mucura/mucura/adapters/swift"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// docs/stores.md is partly written by
//
//	go test ./appliance/... -run TestStoresDocument -update
var update = flag.Bool("update", false, "write the generated parts of docs/stores.md anew")

const storesDocument = "../../../docs/stores.md"

// metadataStore and contentStore are rows of the tables: each adapter has one. One
// that needs a server gives its Capabilities without.
type metadataStore struct {
	url  string // as in MUCURA_METADATA
	caps meta.Capabilities
}

type contentStore struct {
	url  string // as in MUCURA_CONTENT
	caps content.Capabilities
}

// stores are those mucurad can open. Who adds an adapter adds a row here, and
// docs/stores-NAME.md beside stores.md.
func stores(t *testing.T) ([]metadataStore, []contentStore) {
	t.Helper()
	m, err := openMeta("sqlite://"+filepath.Join(t.TempDir(), "meta.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := openContent("file://" + t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var redises []metadataStore
	for _, url := range []string{"redis://host", "redis+sentinel://host/name"} {
		caps, err := redis.CapabilitiesOf(url)
		if err != nil {
			t.Fatal(err)
		}
		redises = append(redises, metadataStore{url, caps})
	}
	return append(append([]metadataStore{{"sqlite:///path/meta.db", m.Capabilities()}}, redises...),
			metadataStore{"riak://host", riak.Capabilities()}),
		[]contentStore{
			{"file:///path", c.Capabilities()},
			{"swift://host/v3", new(swift.Store).Capabilities()},
			{"riak://host", new(riak.Content).Capabilities()},
		}
}

// TestStoresDocument sees that docs/stores.md tells what the stores promise, and
// names every document about one of them.
func TestStoresDocument(t *testing.T) {
	old, err := os.ReadFile(storesDocument)
	if err != nil {
		t.Fatal(err)
	}
	metadata, contents := stores(t)
	text := string(old)
	for name, part := range map[string]string{
		"metadata":  metadataTable(metadata),
		"content":   contentTable(contents),
		"documents": documentLinks(t),
	} {
		begin, end := fmt.Sprintf("<!-- %s: written by TestStoresDocument -->\n", name), fmt.Sprintf("<!-- end of %s -->\n", name)
		head, rest, ok := strings.Cut(text, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for %s", storesDocument, name)
		}
		text = head + begin + part + end + tail
	}
	if text == string(old) {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date: go test ./appliance/... -run TestStoresDocument -update", storesDocument)
	}
	if err := os.WriteFile(storesDocument, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func size(n int) string {
	switch {
	case n == 0:
		return "none"
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

func metadataTable(list []metadataStore) string {
	var b strings.Builder
	b.WriteString("| Store | URL | Compare-and-set | Listings fresh | Batches | Largest record | Inlined content | Registry |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range list {
		c := &s.caps
		fresh := "yes"
		if d := c.ScanSettles(); d > 0 {
			fresh = "after " + d.String()
		}
		registry := map[meta.Level]string{meta.Linearizable: "yes", meta.WhenHealthy: "with `--registry-when-healthy`", meta.None: "no"}[c.CAS]
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s | %s | %s |\n", c.Name, s.url, c.CAS, fresh, yes(c.Batch), size(c.MaxValue), size(c.MaxInline), registry)
	}
	return b.String()
}

func contentTable(list []contentStore) string {
	var b strings.Builder
	b.WriteString("| Store | URL | Rubbish is found by |\n|---|---|---|\n")
	for _, s := range list {
		how := "an intent before each content: one record more a write"
		if s.caps.CheapWalk {
			how = "walking the store, once a day"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", s.caps.Name, s.url, how)
	}
	return b.String()
}

// documentLinks lists docs/stores-*.md by their titles.
func documentLinks(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(storesDocument), "stores-*.md"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	var b strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Scan()
		title, ok := strings.CutPrefix(lines.Text(), "# ")
		if !ok {
			t.Fatalf("%s does not begin with a title", path)
		}
		fmt.Fprintf(&b, "- [%s](%s)\n", title, filepath.Base(path))
	}
	if len(paths) == 0 {
		b.WriteString("- sqlite and file need none: they are a path.\n")
	}
	return b.String()
}
