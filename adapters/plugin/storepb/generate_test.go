// Package storepb_test looks whether the generated code is that of the protocol.
package storepb_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// toolVersion is a line of the header that tells which protoc was used.
var toolVersion = regexp.MustCompile(`(?m)^// [-\t ]*protoc.*\n`)

// TestGenerated generates the code again and compares, but for the versions of
// the tools.
func TestGenerated(t *testing.T) {
	if _, err := exec.LookPath("protoc"); err != nil {
		if os.Getenv("MUCURA_TEST_INSTALL") == "" {
			t.Skip("no protoc here (Debian: protobuf-compiler); MUCURA_TEST_INSTALL=1 installs it")
		}
		// No two may update the lists at once.
		const script = "install='apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 protobuf-compiler'\n" +
			"$install || { flock /tmp/mucura-test-apt.lock apt-get update -qq; $install; }"
		cmd := exec.Command("sh", "-c", script)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("apt-get: %v\n%s", err, out)
		}
	}
	dir := t.TempDir()
	if out, err := exec.Command("./generate.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"store.pb.go", "store_grpc.pb.go"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(toolVersion.ReplaceAll(got, nil), toolVersion.ReplaceAll(want, nil)) {
			t.Errorf("%s is not what store.proto gives: run make proto", name)
		}
	}
}
