// Package check reads Terraform modules as their users see them, judges their
// shape, writes the tables of their READMEs, and runs Terraform over them.
package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Module is a directory with a Terraform module.
type Module struct {
	Dir       string
	Variables []Variable // by name
	Outputs   []Output   // by name
	Resources []Resource
	Providers []string // names of provider blocks
	Runs      []Run    // of tests/*.tftest.hcl
	Versions  bool     // says which Terraform and, where it has some, which providers it needs
}

// Variable is an input.
type Variable struct {
	Name, Type, Description string
	Default                 string // as written; "" when it must be given
	Rules                   int    // number of validation blocks
	File                    string
}

// Output is an output.
type Output struct {
	Name, Description string
	Sensitive         bool
	File              string
}

// Resource is a resource block.
type Resource struct {
	Type, Name string
	UserData   bool     // has the argument user_data
	Ignored    []string // lifecycle.ignore_changes
}

// Run is a run of a test.
type Run struct {
	Name, File string
	Expects    []string // expect_failures
}

// Load reads the module in dir.
func Load(dir string) (*Module, error) {
	m := &Module{Dir: dir}
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := m.file(file, m.block); err != nil {
			return nil, err
		}
	}
	tests, err := filepath.Glob(filepath.Join(dir, "tests", "*.tftest.hcl"))
	if err != nil {
		return nil, err
	}
	for _, file := range tests {
		if err := m.file(file, m.test); err != nil {
			return nil, err
		}
	}
	sort.Slice(m.Variables, func(i, j int) bool { return m.Variables[i].Name < m.Variables[j].Name })
	sort.Slice(m.Outputs, func(i, j int) bool { return m.Outputs[i].Name < m.Outputs[j].Name })
	return m, nil
}

// source is a file whose expressions are shown as they are written.
type source struct {
	name string // without directory
	text []byte
}

func (m *Module) file(path string, each func(source, *hclsyntax.Block)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, diags := hclsyntax.ParseConfig(text, path, hcl.InitialPos)
	if diags.HasErrors() {
		return fmt.Errorf("%s: %w", path, diags)
	}
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		each(source{filepath.Base(path), text}, b)
	}
	return nil
}

func (m *Module) block(s source, b *hclsyntax.Block) {
	switch b.Type {
	case "variable":
		v := Variable{Name: b.Labels[0], File: s.name, Type: s.shown(b, "type"), Default: s.shown(b, "default"), Description: s.literal(b, "description")}
		for _, inner := range b.Body.Blocks {
			if inner.Type == "validation" {
				v.Rules++
			}
		}
		m.Variables = append(m.Variables, v)
	case "output":
		m.Outputs = append(m.Outputs, Output{b.Labels[0], s.literal(b, "description"), s.shown(b, "sensitive") == "true", s.name})
	case "provider":
		m.Providers = append(m.Providers, b.Labels[0])
	case "resource":
		r := Resource{Type: b.Labels[0], Name: b.Labels[1], UserData: b.Body.Attributes["user_data"] != nil}
		for _, inner := range b.Body.Blocks {
			if inner.Type == "lifecycle" {
				r.Ignored = s.list(inner, "ignore_changes")
			}
		}
		m.Resources = append(m.Resources, r)
	case "terraform":
		m.Versions = s.versions(b)
	}
}

func (m *Module) test(s source, b *hclsyntax.Block) {
	if b.Type == "run" {
		m.Runs = append(m.Runs, Run{b.Labels[0], s.name, s.list(b, "expect_failures")})
	}
}

// versions tells whether a terraform block bounds every version.
func (s source) versions(b *hclsyntax.Block) bool {
	if s.literal(b, "required_version") == "" {
		return false
	}
	for _, inner := range b.Body.Blocks {
		for name := range inner.Body.Attributes {
			text := s.shown(inner, name)
			if !strings.Contains(text, "source") || !strings.Contains(text, "version") || !strings.Contains(text, "<") {
				return false
			}
		}
	}
	return true
}

// shown is the text of an attribute on one line; "" when it is not there.
func (s source) shown(b *hclsyntax.Block, name string) string {
	a := b.Body.Attributes[name]
	if a == nil {
		return ""
	}
	text := string(a.Expr.Range().SliceBytes(s.text))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	out := strings.Join(lines, ", ")
	for _, tidy := range [][2]string{{"{, ", "{ "}, {", }", " }"}, {"(, ", "("}, {", )", ")"}, {"[, ", "["}, {", ]", "]"}, {",, ", ", "}} {
		out = strings.ReplaceAll(out, tidy[0], tidy[1])
	}
	return out
}

// literal is a string that is written as such.
func (s source) literal(b *hclsyntax.Block, name string) string {
	a := b.Body.Attributes[name]
	if a == nil {
		return ""
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() || !v.Type().Equals(stringType) {
		return ""
	}
	return v.AsString()
}

// list is the members of a tuple as they are written.
func (s source) list(b *hclsyntax.Block, name string) (out []string) {
	a := b.Body.Attributes[name]
	if a == nil {
		return nil
	}
	exprs, diags := hcl.ExprList(a.Expr)
	if diags.HasErrors() {
		return nil
	}
	for _, e := range exprs {
		out = append(out, string(e.Range().SliceBytes(s.text)))
	}
	return out
}

// Modules are the directories below root that hold modules, as paths from root:
// those for use, and the examples.
func Modules(root string) (modules, examples []string, err error) {
	if modules, err = below(root, "modules"); err != nil {
		return nil, nil, err
	}
	examples, err = below(root, "examples")
	return modules, examples, err
}

func below(root, name string) (out []string, err error) {
	entries, err := os.ReadDir(filepath.Join(root, name))
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(name, e.Name()))
		}
	}
	slices.Sort(out)
	return out, err
}
