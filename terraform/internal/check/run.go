package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The registry that Terraform downloads providers from.
const registry = "https://registry.terraform.io/.well-known/terraform.json"

// Reachable tells whether the registry of providers answers.
func Reachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, registry, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Runner runs Terraform in directories that it may write to.
type Runner struct {
	program string
	config  string // TF_CLI_CONFIG_FILE
	data    string // a directory, in it one per directory of a module
	cache   string // TF_PLUGIN_CACHE_DIR, with real providers
}

// New makes a runner that keeps what it needs in dir. With schemas, a directory,
// it does without the registry: every provider is the stub with its recorded
// schema.
func New(ctx context.Context, dir, schemas string) (*Runner, error) {
	program, err := exec.LookPath("terraform")
	if err != nil {
		return nil, err
	}
	r := &Runner{program: program, config: filepath.Join(dir, "terraform.rc"), data: filepath.Join(dir, "data")}
	config := "disable_checkpoint = true\n"
	if schemas == "" {
		r.cache = filepath.Join(dir, "cache")
		if err := os.MkdirAll(r.cache, 0o755); err != nil {
			return nil, err
		}
	} else {
		mirror := filepath.Join(dir, "mirror")
		if err := makeMirror(ctx, mirror, schemas); err != nil {
			return nil, err
		}
		config += fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	}
	return r, os.WriteFile(r.config, []byte(config), 0o644)
}

// recorded says of which version the schemas are taken to be.
var recorded = map[string]string{"aws": "6.25.0", "kubernetes": "2.38.0", "openstack": "3.4.0"}

// makeMirror lays the stub out as every recorded provider.
// https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
func makeMirror(ctx context.Context, mirror, schemas string) error {
	if err := os.MkdirAll(mirror, 0o755); err != nil {
		return err
	}
	stub := filepath.Join(mirror, "schemastub")
	build := exec.CommandContext(ctx, "go", "build", "-o", stub, "github.com/mucura/mucura/terraform/internal/schemastub")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the stub of providers: %w\n%s", err, out)
	}
	for name, version := range recorded {
		text, err := os.ReadFile(filepath.Join(schemas, name+".json"))
		if err != nil {
			return err
		}
		var file struct {
			Providers map[string]json.RawMessage `json:"provider_schemas"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			return fmt.Errorf("%s.json: %w", name, err)
		}
		for address := range file.Providers {
			dir := filepath.Join(mirror, filepath.FromSlash(address), version, runtime.GOOS+"_"+runtime.GOARCH)
			binary := filepath.Join(dir, fmt.Sprintf("terraform-provider-%s_v%s", name, version))
			err := errors.Join(os.MkdirAll(dir, 0o755), os.Link(stub, binary), os.WriteFile(binary+".json", text, 0o644))
			if err != nil {
				return err
			}
		}
	}
	return os.Remove(stub)
}

// Run runs Terraform in dir and gives what it printed.
func (r *Runner) Run(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, r.program, args...)
	c.Dir = dir
	c.Env = append(clean(os.Environ()),
		"TF_CLI_CONFIG_FILE="+r.config, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"TF_DATA_DIR="+filepath.Join(r.data, strings.ReplaceAll(strings.Trim(dir, "/"), "/", "+")))
	if r.cache != "" {
		c.Env = append(c.Env, "TF_PLUGIN_CACHE_DIR="+r.cache)
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("terraform %s in %s: %w\n%s", args[0], dir, err, out.String())
	}
	return out.String(), nil
}

// clean keeps settings of the person who runs the tests out of them.
func clean(environ []string) (out []string) {
	for _, line := range environ {
		if !strings.HasPrefix(line, "TF_") {
			out = append(out, line)
		}
	}
	return out
}

// Copy copies a directory of modules without what Terraform leaves in it.
func Copy(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".terraform":
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		case d.Name() == ".terraform.lock.hcl":
			return os.Remove(path)
		}
		return nil
	})
}

// Check does everything with the module in dir: form, init, validate, test.
func (r *Runner) Check(ctx context.Context, dir string) error {
	for _, args := range [][]string{
		{"fmt", "-check", "-diff", "-recursive", "-no-color"},
		{"init", "-backend=false", "-no-color"},
		{"validate", "-no-color"},
		{"test", "-no-color"},
	} {
		if _, err := r.Run(ctx, dir, args...); err != nil {
			return err
		}
	}
	return nil
}

// Rules runs tests/validation.tftest.hcl of dir, which has been initialized, and
// gives the status of each run: pass, fail, error or skip. Every run gets a file
// of its own, because an error ends a file; the other tests of dir are removed.
func (r *Runner) Rules(ctx context.Context, dir string) (map[string]string, error) {
	if err := split(filepath.Join(dir, "tests")); err != nil {
		return nil, err
	}
	out, err := r.Run(ctx, dir, "test", "-json", "-no-color")
	runs := map[string]string{}
	for line := range strings.Lines(out) {
		var event struct {
			Type string `json:"type"`
			Run  struct {
				Run    string `json:"run"`
				Status string `json:"status"`
			} `json:"test_run"`
		}
		if json.Unmarshal([]byte(line), &event) == nil && event.Type == "test_run" && event.Run.Status != "" {
			runs[event.Run.Run] = event.Run.Status
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no run: %w", errors.Join(err, errors.New(out)))
	}
	return runs, nil // err says that some have failed, which the map tells
}

// split leaves in a directory of tests a file for each run of the rules.
func split(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "validation.tftest.hcl"))
	if err != nil {
		return err
	}
	f, diags := hclsyntax.ParseConfig(text, "validation.tftest.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
		return err
	}
	var head []byte
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		block := append(text[b.TypeRange.Start.Byte:b.CloseBraceRange.End.Byte:b.CloseBraceRange.End.Byte], '\n')
		if b.Type != "run" {
			head = append(head, block...)
			continue
		}
		err := os.WriteFile(filepath.Join(dir, b.Labels[0]+".tftest.hcl"), append(head[:len(head):len(head)], block...), 0o644)
		if err != nil {
			return err
		}
	}
	return nil
}
