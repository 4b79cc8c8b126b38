package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table of settings in docs/operators.md is written by
//
//	go test ./core/config -run TestDocument -update
var update = flag.Bool("update", false, "write the table of settings in docs/operators.md anew")

const (
	document   = "../../docs/operators.md"
	tableBegin = "<!-- settings: written by core/config -->\n"
	tableEnd   = "<!-- end of settings -->\n"
)

// settingsTable is every setting with its default, as operators read it.
func settingsTable() string {
	c := defaults()
	c.Data = "" // another one on every machine
	var b strings.Builder
	b.WriteString("| Flag | Environment | Default | Meaning |\n|---|---|---|---|\n")
	for _, s := range c.settings() {
		value := s.value.String()
		switch {
		case s.name == "data":
			value = "`/var/lib/mucura` for root, else `~/.local/share/mucura`"
		case value == "":
			value = "–"
		default:
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", s.name, envName(s.name), value, s.help)
	}
	return b.String()
}

// TestDocument sees that the manual lists every setting as it is.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), tableBegin)
	_, tail, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of settings", document)
	}
	want := head + tableBegin + settingsTable() + tableEnd + tail
	if string(text) == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not list the settings as they are: go test ./core/config -run TestDocument -update", document)
	}
	if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
