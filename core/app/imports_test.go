package app

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/mucura/mucura/"
	root   = "../.."
)

// thirdPartyInCore lists the modules core may use, and where: pure functions only.
var thirdPartyInCore = map[string]string{"core/checksum": "github.com/minio/crc64nvme"}

// TestImports keeps the direction of imports: core knows no adapter and no
// third party, adapters do not know each other.
func TestImports(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			if why := forbidden(dir, imported); why != "" {
				t.Errorf("%s imports %s: %s", path, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d files looked at", seen)
	}
}

func forbidden(dir, imported string) string {
	inner, own := strings.CutPrefix(imported, module)
	third := !own && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
	switch {
	case strings.HasPrefix(dir, "core/") && own && !strings.HasPrefix(inner, "core/"):
		return "core imports only core"
	case strings.HasPrefix(dir, "core/") && third && thirdPartyInCore[dir] != imported && !isTestLibrary(dir):
		return "core imports no third party"
	case strings.HasPrefix(dir, "adapters/") && own && strings.HasPrefix(inner, "adapters/") && adapter(inner) != adapter(dir):
		return "adapters do not import each other"
	case strings.HasPrefix(dir, "adapters/") && own && !strings.HasPrefix(inner, "adapters/") && !strings.HasPrefix(inner, "core/"):
		return "adapters import only core"
	}
	return ""
}

// isTestLibrary tells whether dir is a conformance suite, which tests import.
func isTestLibrary(dir string) bool { return strings.HasSuffix(dir, "test") }

func adapter(dir string) string { return strings.SplitN(dir, "/", 3)[1] }
