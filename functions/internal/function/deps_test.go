package function

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestLinks: a function links no database of its own and nothing of the local
// disk, and needs no C.
func TestLinks(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{len .CgoFiles}}", "github.com/mucura/mucura/functions/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, cgo, _ := strings.Cut(strings.TrimSpace(line), " ")
		seen[path] = true
		if cgo != "0" {
			t.Errorf("%s needs C", path)
		}
		for _, no := range []string{"mattn/go-sqlite3", "adapters/sqlite", "adapters/localfs", "adapters/plugin", "spf13/afero", "hashicorp/go-plugin", "google.golang.org/grpc", "mucura/appliance/"} {
			if strings.Contains(path, no) {
				t.Errorf("functions link %s", path)
			}
		}
	}
	for _, want := range []string{"github.com/mucura/mucura/adapters/lambdahttp", "github.com/mucura/mucura/adapters/swift", "github.com/mucura/mucura/adapters/redis", "github.com/mucura/mucura/adapters/riak"} {
		if !seen[want] {
			t.Errorf("functions do not link %s: the test looks at the wrong thing", want)
		}
	}
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		env  []string
		args []string
		want Shape
	}{
		{nil, nil, Daemon},
		{[]string{"PORT=8080"}, nil, Container},
		{[]string{"PORT=8080", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"}, nil, Lambda},
		{[]string{"PORT=8080"}, []string{"sweep"}, Once},
		{[]string{"PORT="}, nil, Daemon},
	} {
		if got := shapeOf(c.args, lookup(c.env)); got != c.want {
			t.Errorf("%q %q: %s, want %s", c.env, c.args, got, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	get := lookup(new(Function).settings(Container, []string{"OSCAR_SERVICE_BASE_PATH=/system/services/s/exposed/", "MUCURA_AUDIT_LOG=/audit"}))
	for name, want := range map[string]string{
		"MUCURA_BASE_PATH": "/system/services/s/exposed", "MUCURA_AUDIT_LOG": "/audit", "MUCURA_SWEEP_INTERVAL": "0", "MUCURA_WEB_LISTEN": "off",
	} {
		if got := get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := lookup(new(Function).settings(Container, []string{"OSCAR_SERVICE_BASE_PATH=/a", "MUCURA_BASE_PATH=/b", "MUCURA_WEB_URL=https://w"})); got("MUCURA_BASE_PATH") != "/b" || got("MUCURA_WEB_LISTEN") != "" {
		t.Error("what is given does not win")
	}
}

// TestWithheld: no function is handed what it has no use for.
func TestWithheld(t *testing.T) {
	environ := []string{
		"MUCURA_METADATA=redis://h", "MUCURA_CONTENT=swift://env", "MUCURA_CONTENT_FILE=/c", "MUCURA_CONTENT_LIMIT=3",
		"MUCURA_ROOT_ACCESS_KEY_ID=A", "MUCURA_ROOT_SECRET_ACCESS_KEY_FILE=/r", "MUCURA_SMTP_PASSWORD=p", "MUCURA_SMTP_SERVER=m:587", "MUCURA_OIDC_SECRET_FILE=/o",
	}
	contents := []string{"MUCURA_CONTENT", "MUCURA_CONTENT_FILE"}
	root := []string{"MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY_FILE"}
	for _, c := range []struct {
		f    Function
		gone []string
	}{
		{Function{Name: "gateway", Contents: true, Root: true, People: true}, nil},
		{Function{Name: "credentials", People: true}, slices.Concat(contents, root)},
		{Function{Name: "sweep", Contents: true}, append(slices.Clone(root), "MUCURA_SMTP_PASSWORD", "MUCURA_OIDC_SECRET_FILE")},
	} {
		got := c.f.settings(Lambda, environ)
		for _, line := range environ {
			name, _, _ := strings.Cut(line, "=")
			if slices.Contains(got, line) == slices.Contains(c.gone, name) {
				t.Errorf("%s: %s: there is %q", c.f.Name, name, got)
			}
		}
	}
}
