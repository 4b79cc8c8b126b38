package swifttest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// packages are Debian's, by a program each brings.
var packages = []struct{ program, name string }{
	{"/usr/bin/swift-proxy-server", "swift-proxy"},
	{"/usr/bin/swift-account-server", "swift-account"},
	{"/usr/bin/swift-container-server", "swift-container"},
	{"/usr/bin/swift-object-server", "swift-object"},
	{"/usr/bin/memcached", "memcached"},
}

var keystonePackages = []struct{ program, name string }{
	{"/usr/bin/keystone-manage", "keystone"},
	{"/usr/lib/uwsgi/plugins/python3_plugin.so", "uwsgi-plugin-python3"},
	{"/usr/bin/uwsgi", "uwsgi-core"},
	{"/usr/lib/python3/dist-packages/keystonemiddleware/__init__.py", "python3-keystonemiddleware"},
}

// Install looks whether the programs are there. With MUCURA_TEST_INSTALL=1 and
// as root it installs what is missing, through apt.
func Install(ctx context.Context, o Options) error {
	var missing []string
	all := packages
	if o.Keystone {
		all = append(all[:len(all):len(all)], keystonePackages...)
	}
	for _, p := range all {
		if _, err := os.Stat(p.program); err != nil {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" || os.Getuid() != 0 {
		return fmt.Errorf("missing: install %s (or run as root with MUCURA_TEST_INSTALL=1)", strings.Join(missing, " "))
	}
	// With no policy a package of a server would start it.
	const script = `set -e
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
install='apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600'
$install "$@" || { flock /tmp/mucura-test-apt.lock apt-get update -qq; $install "$@"; } # no two may update at once`
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, "install"}, missing...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w: %s", strings.Join(missing, " "), err, out[max(0, len(out)-2000):])
	}
	return nil
}

// startTimeout is generous: the machine may be busy with other tests.
const startTimeout = 8 * time.Minute

// Shared is a node that the tests of a package share.
type Shared struct {
	Options Options
	once    sync.Once
	node    *Node
	missing error // the programs are not there
	err     error
}

// Get gives the node, which the first call starts. It skips the test where the
// programs are missing, unless MUCURA_TEST_INSTALL=1 asked for them: then, as
// when the node does not start, the test fails.
func (s *Shared) Get(t testing.TB) *Node {
	t.Helper()
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if s.missing = Install(ctx, s.Options); s.missing == nil {
			s.node, s.err = Start(ctx, s.Options)
		}
	})
	switch {
	case s.missing != nil && os.Getenv("MUCURA_TEST_INSTALL") == "1":
		t.Fatal(s.missing)
	case s.missing != nil:
		t.Skip("no Swift: ", s.missing)
	case s.err != nil:
		t.Fatal(s.err)
	}
	return s.node
}

// Stop stops the node if one was started; for TestMain.
func (s *Shared) Stop() error {
	if s.node == nil {
		return nil
	}
	return s.node.Stop()
}
