// Package terraform_test checks the Terraform modules: their form, the tables of
// their READMEs, that every setting they write exists, and, where Terraform is
// found, everything that Terraform itself can tell.
package terraform_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/terraform/internal/check"
)

// The tables of inputs and outputs are written by
//
//	go test ./terraform -run TestReadme -update
var update = flag.Bool("update", false, "write the tables of inputs and outputs anew")

// load reads all modules and examples.
func load(t *testing.T) (modules, examples []*check.Module) {
	t.Helper()
	dirs, exampleDirs, err := check.Modules(".")
	if err != nil {
		t.Fatal(err)
	}
	read := func(dirs []string) (out []*check.Module) {
		for _, dir := range dirs {
			m, err := check.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
		return out
	}
	return read(dirs), read(exampleDirs)
}

// TestSameJobs: the jobs of the two modules for Kubernetes are one file, written
// twice. As a module of its own it would take more lines for its inputs, their
// rules and tests than it saves, and every CronJob would change its address.
func TestSameJobs(t *testing.T) {
	var text [2][]byte
	for i, module := range []string{"knative", "kubernetes-grid"} {
		var err error
		if text[i], err = os.ReadFile(filepath.Join("modules", module, "jobs.tf")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(text[0], text[1]) {
		t.Error("jobs.tf of knative and of kubernetes-grid differ")
	}
}

func TestShape(t *testing.T) {
	modules, examples := load(t)
	if len(modules) != 8 || len(examples) != 4 {
		t.Errorf("there are %d modules and %d examples", len(modules), len(examples))
	}
	for _, m := range modules {
		for _, p := range m.Shape(false) {
			t.Error(p)
		}
	}
	for _, m := range examples {
		for _, p := range m.Shape(true) {
			t.Error(p)
		}
	}
}

func TestReadme(t *testing.T) {
	modules, examples := load(t)
	for _, m := range slices.Concat(modules, examples) {
		path := filepath.Join(m.Dir, "README.md")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := m.Readme(string(text))
		switch {
		case err != nil:
			t.Error(err)
		case want == string(text):
		case *update:
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s does not tell inputs and outputs as they are: go test ./terraform -run TestReadme -update", path)
		}
	}
}

// settingName is a setting as an environment variable.
var settingName = regexp.MustCompile(`\bMUCURA_[A-Z0-9_]+`)

// TestSettings sees that settings are spelt in module config alone, and that
// core/config knows each of them.
func TestSettings(t *testing.T) {
	files, err := filepath.Glob("*/*/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range settingName.FindAllString(string(text), -1) {
			if strings.HasPrefix(file, "modules/config/") {
				found[name] = true
			} else if !secretName(name) {
				t.Errorf("%s writes %s, which is for module config to do", file, name)
			}
		}
	}
	if len(found) < 20 {
		t.Errorf("module config writes %d settings only", len(found))
	}
	for name := range found {
		if _, _, err := config.Parse("mucurad", nil, []string{name + "="}, nil); err != nil && strings.Contains(err.Error(), "unknown environment variable") {
			t.Errorf("module config writes %s, which is no setting", name)
		}
	}
}

// secretName tells whether a variable holds a secret, or a reference to one,
// which an example has to name.
func secretName(name string) bool {
	return slices.Contains([]string{"MUCURA_SITE_KEY", "MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY", "MUCURA_REDIS_PASSWORD"}, name)
}

// TestJudgement sees that what is wrong with a module is noticed.
func TestJudgement(t *testing.T) {
	files := map[string]string{
		"main.tf":      "resource \"openstack_compute_instance_v2\" \"m\" {\n  name      = var.name\n  user_data = \"x\"\n\n  lifecycle {\n    ignore_changes = [user_data]\n  }\n}\n",
		"versions.tf":  "terraform {\n  required_version = \">= 1.9\"\n\n  required_providers {\n    openstack = { source = \"a/b\", version = \">= 3.0, < 4.0\" }\n  }\n}\n",
		"outputs.tf":   "output \"name\" {\n  description = \"The name.\"\n  value       = var.name\n}\n",
		"variables.tf": variables(10, ""),
		"README.md":    "",
		"tests/validation.tftest.hcl": func() (s string) {
			for i := range 10 {
				s += fmt.Sprintf("run \"rejects_v%d_1\" {\n  expect_failures = [var.v%[1]d]\n}\n", i)
			}
			return s
		}(),
	}
	for _, c := range []struct{ what, file, from, to, want string }{
		{"nothing", "main.tf", "", "", ""},
		{"too few inputs", "variables.tf", variables(10, ""), variables(9, ""), "there are 9 inputs"},
		{"a provider", "main.tf", "resource", "provider \"openstack\" {}\nresource", "must not configure providers: openstack"},
		{"a secret", "main.tf", "openstack_compute_instance_v2", "kubernetes_secret_v1", "puts a secret into the state"},
		{"machines replaced", "main.tf", "[user_data]", "[image_id]", "replace all machines at once"},
		{"an unbounded provider", "versions.tf", ", < 4.0", "", "does not bound"},
		{"no version of Terraform", "versions.tf", "required_version", "# required_version", "does not bound"},
		{"an output without description", "outputs.tf", "description", "# description", "output name"},
		{"an input without description", "variables.tf", "description = \"V3.\"", "", "variable v3 has no type or no description"},
		{"an input without type", "variables.tf", "type = string # 4", "", "variable v4 has no type or no description"},
		{"a rule nobody shows", "tests/validation.tftest.hcl", "run \"rejects_v5_1\" {\n  expect_failures = [var.v5]\n}\n", "", "no run rejects_v5_1"},
		{"a run of another variable", "tests/validation.tftest.hcl", "[var.v5]", "[var.v6]", "run rejects_v5_1 expects [var.v6]"},
		{"a run of no rule", "tests/validation.tftest.hcl", "run \"rejects_v0_1\"", "run \"rejects_v0_2\"", "run rejects_v0_2 is of no rule"},
		{"no rule", "variables.tf", variables(10, ""), variables(10, "v7"), "v7 takes anything"},
		{"no README", "README.md", "", "-", "there is no README.md"},
	} {
		dir := t.TempDir()
		for name, text := range files {
			if name == c.file {
				if c.to == "-" {
					continue
				}
				if !strings.Contains(text, c.from) {
					t.Fatalf("%s: %s does not hold %q", c.what, name, c.from)
				}
				text = strings.Replace(text, c.from, c.to, 1)
			}
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		m, err := check.Load(dir)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		got := strings.Join(m.Shape(false), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// variables is a variables.tf of n variables, of which free has no rule.
func variables(n int, free string) string {
	var b strings.Builder
	for i := range n {
		name := fmt.Sprintf("v%d", i)
		fmt.Fprintf(&b, "variable %q {\n  description = \"V%d.\"\n  type = string # %[2]d\n", name, i)
		if name != free {
			fmt.Fprintf(&b, "\n  validation {\n    condition     = var.%s != \"\"\n    error_message = \"Not empty.\"\n  }\n", name)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// TestTables sees that a table tells what is written.
func TestTables(t *testing.T) {
	dir := t.TempDir()
	text := "variable \"v\" {\n  description = \"One | two.\"\n  type = object({\n    a = optional(string, \"x\")\n    b = number\n  })\n  default = {}\n}\n" +
		"output \"o\" {\n  description = \"Out.\"\n  sensitive = true\n  value = 1\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "variables.tf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := check.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "| input | type | default | |\n|---|---|---|---|\n" +
		"| `v` | `object({ a = optional(string, \"x\"), b = number })` | `{}` | One \\| two. |\n" +
		"\n| output | |\n|---|---|\n| `o` | Out. (sensitive) |\n"
	if got := m.Tables(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := m.Readme("no place"); err == nil {
		t.Error("tables went into a README without a place for them")
	}
}
