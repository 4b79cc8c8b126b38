package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const debian = "libc6\t2.36-9+deb12u10\tglibc\t2.36-9+deb12u10\nlibstdc++6\t12.2.0-14\tgcc-12\t12.2.0-14\nlibstdc--6\t1\tx\t1\n"

func document1(t *testing.T, packages string) *document {
	t.Helper()
	d := newDocument("v1", time.Unix(0, 0).UTC())
	if err := d.addDebian(strings.NewReader(packages)); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.addProgram(self); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDocument holds the document to the rules of SPDX 2.3 that a reader trips
// over: identifiers of the right letters, each once, and no relation to nothing.
func TestDocument(t *testing.T) {
	d := document1(t, debian)
	var text bytes.Buffer
	if err := d.write(&text); err != nil {
		t.Fatal(err)
	}
	var again document
	if err := json.Unmarshal(text.Bytes(), &again); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{d.ID: true}
	form := regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	byName := map[string]pkg{}
	for _, p := range again.Packages {
		if known[p.ID] || !form.MatchString(p.ID) {
			t.Errorf("identifier %q is known already or malformed", p.ID)
		}
		known[p.ID], byName[p.Name] = true, p
	}
	for _, r := range again.Relationships {
		if !known[r.From] || !known[r.To] {
			t.Errorf("relation %v to nothing", r)
		}
	}
	if p := byName["libstdc++6"]; p.Refs[0].Locator != "pkg:deb/debian/libstdc++6@12.2.0-14?arch=amd64&distro=bookworm" || p.Source != "gcc-12 12.2.0-14" {
		t.Errorf("libstdc++6 is %+v", p)
	}
	if p := byName["stdlib"]; p.Version == "" || !strings.HasPrefix(p.Refs[0].Locator, "pkg:golang/stdlib@") {
		t.Errorf("stdlib is %+v", p)
	}
	if p := byName["sbom.test"]; len(p.Checksums) != 1 || len(p.Checksums[0].Value) != 64 {
		t.Errorf("the program is %+v", p)
	}
}

func TestSameBytes(t *testing.T) {
	var a, b bytes.Buffer
	if err := document1(t, debian).write(&a); err != nil {
		t.Fatal(err)
	}
	if err := document1(t, debian).write(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two documents of the same input differ")
	}
}

func TestBadLine(t *testing.T) {
	d := newDocument("v1", time.Unix(0, 0))
	if err := d.addDebian(strings.NewReader("libc6 2.36\n")); err == nil {
		t.Error("a line that is not of four fields was taken")
	}
}
