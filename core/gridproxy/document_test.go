package gridproxy_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/gridproxy"
)

var update = flag.Bool("update", false, "write the table of codes into the document")

const (
	document   = "../../docs/grid-trust.md"
	tableBegin = "<!-- codes: go test ./core/gridproxy -run TestDocument -update -->\n"
	tableEnd   = "<!-- end of codes -->\n"
)

// TestDocument compares the document's table of refusal codes with the code.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	old, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no table of codes", document)
	}
	var table strings.Builder
	table.WriteString("| code | meaning |\n|---|---|\n")
	codes := gridproxy.Codes()
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		fmt.Fprintf(&table, "| `%s` | %s |\n", code, codes[code])
	}
	if *update {
		if err := os.WriteFile(document, []byte(before+tableBegin+table.String()+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table.String() {
		t.Errorf("%s is out of date; run with -update", document)
	}
}

// TestEveryCode wants every code of the list expected by a test.
func TestEveryCode(t *testing.T) {
	source, err := os.ReadFile("refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	found := 0
	for line := range strings.Lines(string(source)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "Code = ")
		if !ok || !strings.HasPrefix(name, "Code") {
			continue
		}
		found++
		name = strings.TrimSpace(name)
		if !strings.Contains(tests.String(), "gridproxy."+name) {
			t.Errorf("no test expects %s", name)
		}
		if _, ok := gridproxy.Codes()[gridproxy.Code(strings.Trim(strings.TrimSpace(value), `"`))]; !ok {
			t.Errorf("%s has no meaning", name)
		}
	}
	if found != len(gridproxy.Codes()) {
		t.Errorf("%d codes, %d meanings", found, len(gridproxy.Codes()))
	}
}
