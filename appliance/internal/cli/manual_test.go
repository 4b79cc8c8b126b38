package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

var update = flag.Bool("update", false, "write the commands into docs/mucura.md")

const (
	manual = "../../../docs/mucura.md"
	begin  = "<!-- commands: written by appliance/internal/cli -->\n"
	end    = "<!-- end of commands -->\n"
)

// TestDocument wants docs/mucura.md to have the commands as they are.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/mucura.md has no place for the commands")
	}
	want := head + begin + "\n" + newPerson(t).want(0, "manual", "markdown") + "\n" + end + tail
	switch {
	case string(b) == want:
	case *update:
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/mucura.md is not of these commands; write it anew: go test ./appliance/internal/cli -run TestDocument -update")
	}
}

// example is a command line of the manual and what it prints.
type example struct{ line, output string }

// examples are the indented lines that begin with "$ ", with those that follow.
func examples(text string) (all []example) {
	for line := range strings.Lines(text) {
		shown, ok := strings.CutPrefix(line, "    ")
		switch command, isCommand := strings.CutPrefix(shown, "$ "); {
		case ok && isCommand:
			all = append(all, example{line: strings.TrimSpace(command)})
		case ok && len(all) > 0:
			all[len(all)-1].output += shown
		case strings.TrimSpace(line) != "" && len(all) > 0 && all[len(all)-1].output == "":
			all[len(all)-1].output = "\x00" // nothing is said of the output
		}
	}
	return all
}

// TestExamples runs the manual: each command line prints what stands below it,
// in which … is anything.
func TestExamples(t *testing.T) {
	b, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(b), begin)
	g := newGrid(t)
	g.enrol("ada", g.world.Alice, "--quota", "1GiB", "--cap", "10GiB")
	p := g.person()
	p = p.with("X509_USER_PROXY=" + p.proxy(gridtest.NewProxy(g.world.Alice)))
	all := examples(text)
	if len(all) < 20 {
		t.Fatalf("only %d examples were found", len(all))
	}
	for _, e := range all {
		cmd := p.cmd()
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", e.line}
		o := p.finish(cmd)
		got := o.stdout + o.stderr
		if o.status != 0 && !strings.Contains(e.line, "echo $?") {
			t.Errorf("$ %s\nexit status %d\n%s", e.line, o.status, got)
		}
		if e.output == "\x00" {
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(e.output, "\n")), "…", ".*")
		if !regexp.MustCompile(`(?s)\A` + pattern + `\z`).MatchString(strings.TrimRight(got, "\n")) {
			t.Errorf("$ %s\nprints %q\nand should %q", e.line, got, e.output)
		}
	}
}

func TestManPagesAndCompletion(t *testing.T) {
	p := newPerson(t)
	p.want(0, "manual", "man", "man")
	pages, _ := filepath.Glob(p.path("man/*.1"))
	if len(pages) < 40 {
		t.Errorf("%d pages", len(pages))
	}
	main, err := os.ReadFile(p.path("man/mucura.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".TH \"MUCURA\"", "mucura cp", "checksum mismatch"} {
		if !strings.Contains(string(main), want) {
			t.Errorf("mucura.1 has no %q", want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out := p.want(0, "completion", shell); !strings.Contains(out, "mucura") {
			t.Errorf("%s: %s", shell, out)
		}
	}
	if out := p.want(0, "__complete", "cre"); !strings.Contains(out, "credential-process") {
		t.Errorf("completes %q", out)
	}
	if out := p.want(0, "version"); !strings.HasPrefix(out, "mucura ") {
		t.Error(out)
	}
}

// Every status that is documented is one that a test has shown, and is said in
// the manual.
func TestExitStatusesAreDocumented(t *testing.T) {
	b, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130} {
		if !strings.Contains(string(b), fmt.Sprintf("| %d |", status)) {
			t.Errorf("docs/mucura.md does not tell of exit status %d", status)
		}
	}
}
