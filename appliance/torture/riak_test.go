package torture

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/appliance/internal/harness"
)

// riakStores starts a stand-in for a healthy Riak cluster and gives the
// settings of servers that share it. The registry stays in SQLite: it wants
// conditions that are exact always.
func riakStores(t *testing.T, data string) (url, registry string) {
	t.Helper()
	c, err := riaktest.Start(riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return "riak://" + strings.Join(c.Hosts(), ",") + "/?type=mucura", "sqlite://" + filepath.Join(data, "registry.db")
}

// TestRiakLinearizable is TestLinearizable on two servers over one Riak.
func TestRiakLinearizable(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	url, registry := riakStores(t, data)
	args := []string{"--metadata", url, "--content", url, "--registry", registry}
	linearizable(t, []*harness.Server{startOn(t, data, args...), startOn(t, data, args...)})
}

// TestRiakKilledWhileWriting is TestKilledWhileWriting with the records in Riak.
func TestRiakKilledWhileWriting(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	url, registry := riakStores(t, data)
	s := &harness.Server{Bin: binary, Data: data, Args: killArgs, Env: []string{"MUCURA_METADATA=" + url, "MUCURA_REGISTRY=" + registry}}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	killWhileWriting(t, s, number(t, "MUCURA_TEST_CYCLES", 4))
}
