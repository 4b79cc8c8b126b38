package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEveryPartitionHasAKind reads the whole of core for names of partitions, and
// wants each to be of a kind that Kinds lists, and each kind to be used.
func TestEveryPartitionHasAKind(t *testing.T) {
	kinds := map[string]bool{}
	for _, k := range Kinds() {
		kinds[k.Prefix] = false
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "metatest") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, name := range partitionNames(file) {
			if _, ok := kinds[name]; !ok {
				t.Errorf("%s names a partition %q, of which Kinds knows nothing: a migration would leave it behind", path, name)
			}
			kinds[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, used := range kinds {
		if !used {
			t.Errorf("kind %q is of no partition", name)
		}
	}
}

// partitionNames finds the literals that become partition names: of constants of
// that type, and in conversions to it, alone or before a +.
func partitionNames(file *ast.File) (names []string) {
	isPartition := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		if !ok || s.Sel.Name != "Partition" {
			return false
		}
		pkg, ok := s.X.(*ast.Ident)
		return ok && pkg.Name == "meta"
	}
	literal := func(e ast.Expr) {
		if b, ok := e.(*ast.BinaryExpr); ok {
			e = b.X
		}
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
				names = append(names, s)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			if n.Type != nil && isPartition(n.Type) {
				for _, v := range n.Values {
					literal(v)
				}
			}
		case *ast.CallExpr:
			if isPartition(n.Fun) && len(n.Args) == 1 {
				literal(n.Args[0])
			}
		}
		return true
	})
	return names
}
