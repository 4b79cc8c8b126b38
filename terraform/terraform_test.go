package terraform_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/terraform/internal/check"
)

// Which providers the tests use: "recorded" (default), the recorded schemas;
// "real", those of the registry; "auto", the registry's where it can be reached.
// make terraform-test says auto, and MUCURA_TEST_TERRAFORM=1: it fails, and does
// not skip, where there is no Terraform.
const providersEnv = "MUCURA_TEST_PROVIDERS"

// A workshop is a copy of the modules and a runner, made once for all tests.
type workshop struct {
	*check.Runner
	dir string
	err error
}

var once = sync.OnceValue(func() (w workshop) {
	dir, err := os.MkdirTemp("", "mucura-terraform-")
	if err != nil {
		return workshop{err: err}
	}
	w.dir = dir
	schemas, err := filepath.Abs("internal/schemas")
	if err != nil {
		return workshop{err: err, dir: dir}
	}
	switch os.Getenv(providersEnv) {
	case "real":
		schemas = ""
	case "auto":
		if check.Reachable(context.Background()) {
			schemas = ""
		}
	}
	if w.Runner, w.err = check.New(context.Background(), dir, schemas); w.err != nil {
		return w
	}
	what := "the recorded schemas of providers"
	if schemas == "" {
		what = "real providers"
	}
	fmt.Fprintln(os.Stderr, "terraform runs with", what)
	w.err = copyTree(filepath.Join(dir, "tree"))
	return w
})

// copyTree copies modules and examples, so that Terraform's lock files and
// whatever a test breaks stay out of the source.
func copyTree(to string) error {
	for _, name := range []string{"modules", "examples"} {
		if err := check.Copy(filepath.Join(to, name), name); err != nil {
			return err
		}
	}
	return nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if w := shop; w != "" {
		_ = os.RemoveAll(w)
	}
	os.Exit(code)
}

// shop is what TestMain removes; "" until a test needed it.
var shop string

// terraform gives the workshop, or skips.
func terraform(t *testing.T) workshop {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		if os.Getenv("MUCURA_TEST_TERRAFORM") == "1" {
			t.Fatal("terraform is not on PATH")
		}
		t.Skip("terraform is not on PATH: modules are not validated, nor their tests run")
	}
	w := once()
	shop = w.dir
	if w.err != nil {
		t.Fatal(w.err)
	}
	return w
}

// TestTerraform runs fmt, init, validate and test for every module and example.
func TestTerraform(t *testing.T) {
	w := terraform(t)
	modules, examples, err := check.Modules(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range slices.Concat(modules, examples) {
		t.Run(filepath.ToSlash(dir), func(t *testing.T) {
			t.Parallel()
			if err := w.Check(t.Context(), filepath.Join(w.dir, "tree", dir)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRed breaks copies of modules, each in one place, and sees that the same
// check notices.
func TestRed(t *testing.T) {
	w := terraform(t)
	for _, c := range []struct{ name, module, file, from, to, want string }{
		{"misspelt argument", "openstack-swift", "main.tf", "storage_policy = var.storage_policy", "storage_polizy = var.storage_policy", "Unsupported argument"},
		{"missing argument", "openstack-swift", "main.tf", "  name           = each.key\n", "", "Missing required argument"},
		{"unknown resource", "openstack-swift", "main.tf", "\"openstack_objectstorage_container_v1\" \"layout\"", "\"openstack_objectstorage_bucket_v1\" \"layout\"", "Invalid resource type"},
		{"broken validation", "openstack-swift", "variables.tf", "var.containers >= 1", "var.containers >= 0", "Missing expected failure"},
		{"wrong default", "openstack-swift", "variables.tf", "default     = 256", "default     = 255", "Test assertion failed"},
		{"not formatted", "openstack-swift", "outputs.tf", "  value       = var.container", "  value = var.container", "terraform fmt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), c.module)
			if err := check.Copy(dir, filepath.Join("modules", c.module)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), c.from) {
				t.Fatalf("%s does not hold %q", path, c.from)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := w.Check(t.Context(), dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestRules weakens the rules of variables, the first of each, then the second
// and so on, and sees that exactly the runs that are named for them fail. All
// modules take minutes: MUCURA_TEST_MUTATIONS=1.
func TestRules(t *testing.T) {
	w := terraform(t)
	names := []string{"config"}
	if os.Getenv("MUCURA_TEST_MUTATIONS") == "1" {
		names = nil
		modules, _, err := check.Modules(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range modules {
			names = append(names, filepath.Base(dir))
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for rule := 1; ; rule++ {
				if !weakened(t, w, name, rule) {
					return
				}
			}
		})
	}
}

// weakened tells whether the module has rules of that number.
func weakened(t *testing.T, w workshop, name string, rule int) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("modules", name, "variables.tf"))
	if err != nil {
		t.Fatal(err)
	}
	weak, want, err := check.Weaken(text, rule)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		return false
	}
	dir := filepath.Join(t.TempDir(), name)
	if err := check.Copy(dir, filepath.Join("modules", name)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "variables.tf"), weak, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(t.Context(), dir, "init", "-backend=false", "-no-color"); err != nil {
		t.Fatal(err)
	}
	runs, err := w.Rules(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for run, status := range runs {
		if broken := slices.Contains(want, run); broken == (status == "pass") {
			t.Errorf("%s, rules %d weakened: run %s: %s", name, rule, run, status)
		}
	}
	for _, run := range want {
		if runs[run] == "" {
			t.Errorf("%s: run %s was not run", name, run)
		}
	}
	return true
}

// environments gives what module config makes of the lines of a module block.
func environments(t *testing.T, w workshop, inputs string) (environment map[string]string, files []file) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("module \"config\" {\n  source = %q\n%s\n}\n"+
		"output \"environment\" {\n  value = module.config.environment\n}\n"+
		"output \"files\" {\n  value = try(yamldecode(values(module.config.cloud_init)[0]).write_files, [])\n}\n",
		filepath.Join(w.dir, "tree", "modules", "config"), inputs)
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-no-color"}, {"apply", "-auto-approve", "-no-color"}} {
		if _, err := w.Run(t.Context(), dir, args...); err != nil {
			t.Fatal(err)
		}
	}
	out, err := w.Run(t.Context(), dir, "output", "-json")
	if err != nil {
		t.Fatal(err)
	}
	var outputs struct {
		Environment struct{ Value map[string]string }
		Files       struct{ Value []file }
	}
	if err := json.Unmarshal([]byte(out), &outputs); err != nil {
		t.Fatal(err)
	}
	return outputs.Environment.Value, outputs.Files.Value
}

// file is a file that user data write.
type file struct {
	Path, Content, Permissions string
}

// followed sees that every reference is of a setting that may be one: else it would
// be taken for the secret itself.
func followed(t *testing.T, c *config.Config, environ []string) {
	t.Helper()
	asked := map[string]bool{}
	err := c.ResolveSecrets(t.Context(), func(_ context.Context, reference string) (string, error) {
		asked[reference] = true
		return "redis://host", nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, line := range environ {
		if name, value, _ := strings.Cut(line, "="); config.IsReference(value) && !asked[value] {
			t.Errorf("%s: %s is not followed", name, value)
		}
	}
}

const stores = `
  hostname     = "s3.example.org"
  metadata_url = "riak+https://mucura@r1.example.org:8098,r2.example.org:8098/?type=mucura"
  registry_url = "rediss://redis.example.org"
  content_url  = "swift://keystone.example.org:5000/v3?application-credential-id=abc"
  operators    = ["ada@example.org"]
  approve      = ["vo:vo.example.org quota=10GiB", "invitation:"]
  mail         = { server = "mail.example.org:587", from = "mucura@example.org" }
  oidc_issuers = ["https://login.example.org client-id=mucura secret-file=/etc/mucura/oidc"]
`

var shapes = map[string]string{
	"daemon, least": `
  shape = "daemon"` + stores,
	"daemon, most": `
  shape          = "daemon"
  auth_hostname  = "auth.example.org"
  web_hostname   = "files.example.org"
  grid           = { trust = "/etc/grid-security/certificates", vomsdir = "/etc/grid-security/vomsdir", allow_legacy_proxies = true, allow_missing_crl = true }
  tls            = { acme_directory = "https://acme.example.org/directory", acme_email = "ada@example.org" }
  balancer_cidrs = ["10.0.0.0/24", "2001:db8::/64"]
  releases       = [{ version = "1.2.0", url = "https://releases.example.org/mucurad", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
  extra_settings = { MUCURA_REGION = "eu", MUCURA_RAISE_HINT = "Say \"please\" and \\o/." }` + stores,
	"daemon, internal": `
  shape = "daemon"
  tls   = { mode = "internal" }` + stores,
	"daemon, files": `
  shape = "daemon"
  tls   = { mode = "files" }` + stores,
	"container": `
  shape         = "container"
  grid          = { trust = "/etc/grid-security/trust.tgz" }
  auth_hostname = "auth.example.org"
  web_hostname  = "files.example.org"` + stores,
	"lambda": `
  shape             = "lambda"
  grid              = { trust = "https://files.example.org/trust.tgz" }
  auth_hostname     = "auth.example.org"
  web_hostname      = "files.example.org"
  hostname          = "s3.example.org"
  metadata_url      = "aws-ssm:/mucura/metadata"
  registry_url      = "aws-sm:mucura/site#registry"
  content_url       = "aws-sm:mucura/site#content"
  secret_references = { MUCURA_SITE_KEY = "aws-sm:mucura/site#key", MUCURA_ROOT_ACCESS_KEY_ID = "aws-sm:mucura/site#id", MUCURA_ROOT_SECRET_ACCESS_KEY = "aws-sm:mucura/site#secret" }`,
}

// TestEnvironments sees that mucurad accepts what module config writes, in each
// shape and all of it together.
func TestEnvironments(t *testing.T) {
	w := terraform(t)
	for name, inputs := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment, _ := environments(t, w, inputs)
			if len(environment) < 10 {
				t.Errorf("there are %d settings only", len(environment))
			}
			var environ []string
			for name, value := range environment {
				environ = append(environ, name+"="+value)
			}
			c, _, err := config.Parse("mucurad", nil, environ, nil)
			if err != nil {
				t.Fatal(err)
			}
			followed(t, c, environ)
		})
	}
}
