package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mucura/mucura/appliance/internal/spec"
)

var rewrite = flag.Bool("update", false, "write the tables into docs/appliance-reference.md")

const reference = "../../../docs/appliance-reference.md"

// The reference has the verbs and the schema that the code has.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	var table strings.Builder
	table.WriteString("| command | what it does |\n|---|---|\n")
	for _, v := range verbs() {
		fmt.Fprintf(&table, "| `%s` | %s |\n", strings.ReplaceAll(strings.TrimSpace(v.name+" "+v.args), "|", "\\|"), v.help)
	}
	text = between(t, text, "commands", table.String())
	text = between(t, text, "schema", spec.Document())
	if text == string(b) {
		return
	}
	if !*rewrite {
		t.Fatal("docs/appliance-reference.md is not up to date: run this test with -update")
	}
	if err := os.WriteFile(reference, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// between replaces what stands between two marks.
func between(t *testing.T, text, mark, table string) string {
	t.Helper()
	begin, end := "<!-- "+mark+": written by its test -->\n", "<!-- end of "+mark+" -->\n"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the marks of %s are missing", mark)
	}
	return head + begin + table + end + tail
}

// No name hides a longer one: the first match wins.
func TestVerbs(t *testing.T) {
	list := verbs()
	for i, v := range list {
		for _, later := range list[i+1:] {
			if later.name == v.name || strings.HasPrefix(later.name, v.name+" ") {
				t.Errorf("%q is never reached", later.name)
			}
		}
		if v.help == "" || strings.HasSuffix(v.help, ".") {
			t.Errorf("%s: help %q", v.name, v.help)
		}
	}
}
