package world

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Clients are the real clients that a site of functions is tried with; their
// scripts are those of appliance/interop/clients.
var Clients = []string{"aws", "python_boto3.py", "rclone", "s3cmd"}

// AllClients are all whose scripts are there.
func AllClients(ctx context.Context) ([]string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(filepath.Join(root, "appliance/interop/clients"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names, nil
}

// ErrNoClient is wrapped when a client is not installed.
var ErrNoClient = errors.New("client cannot run here")

// Files are what clients move.
type Files struct {
	dir  string
	many int
}

// MakeFiles makes a tree with odd names, one file of big bytes, and many small
// ones, below dir.
func MakeFiles(dir string, big, many int) (*Files, error) {
	f := &Files{dir, many}
	tree := filepath.Join(dir, "tree")
	if err := errors.Join(os.MkdirAll(filepath.Join(tree, "dir with space/é"), 0o755), os.MkdirAll(filepath.Join(dir, "many"), 0o755)); err != nil {
		return nil, err
	}
	for name, size := range map[string]int{
		"big.bin": big, "a b.bin": 70_000, "plus+plus.bin": 5000, "per%cent 100%25 %2F.bin": 5001, "per%cent 100%25.bin": 5001, "é à ü.txt": 12, "emoji 😀.bin": 100_000,
		"dir with space/é/nested & (odd) [x]=~.txt": 7, "empty": 0,
	} {
		if err := os.WriteFile(filepath.Join(tree, name), letters(size), 0o644); err != nil {
			return nil, err
		}
	}
	for i := range many {
		if err := os.WriteFile(filepath.Join(dir, "many", fmt.Sprintf("f%d", i+1)), letters(5), 0o644); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// letters makes text, for the doors take what is called .txt for text.
func letters(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz012345"[rand.Uint32()&31]
	}
	return b
}

// Run has a client put, get, list, copy and delete these files at an endpoint,
// in a bucket of its own. It wraps ErrNoClient when the client is missing.
func (f *Files) Run(ctx context.Context, client, endpoint, bucket string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(f.dir, "client-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.CommandContext(ctx, filepath.Join(root, "appliance/interop/clients", client))
	cmd.Dir = work
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + work, "REAL_HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "PYTHONWARNINGS=ignore",
		"ENDPOINT=" + endpoint, "HOST=" + strings.TrimPrefix(endpoint, "http://"), "SCHEME=http", "CA=/etc/ssl/certs/ca-certificates.crt", "REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + RootKey, "AWS_SECRET_ACCESS_KEY=" + RootSecret, "AWS_DEFAULT_REGION=" + Region, "AWS_EC2_METADATA_DISABLED=true",
		"NO_MOUNT=1", "BUCKET=" + bucket, "WORK=" + work, "MAKE_BUCKET=" + filepath.Join(root, "appliance/interop/make_bucket"),
		"TREE=" + filepath.Join(f.dir, "tree"), "MANY=" + filepath.Join(f.dir, "many"), "BIG=" + filepath.Join(f.dir, "tree/big.bin"), fmt.Sprint("MANY_COUNT=", f.many),
	}
	// What the script has started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		return fmt.Errorf("%w: %s", ErrNoClient, strings.TrimSpace(string(out)))
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", client, err, out[max(0, len(out)-3000):])
	}
	return nil
}

// InstallClients installs the clients where MUCURA_TEST_INSTALL=1 asks for it.
func InstallClients(ctx context.Context) error {
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" {
		return nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, filepath.Join(root, "appliance/interop/install.sh")).CombinedOutput(); err != nil {
		return fmt.Errorf("install clients: %w: %s", err, out[max(0, len(out)-2000):])
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/mucura/mucura").Output()
	return strings.TrimSpace(string(out)), err
}
