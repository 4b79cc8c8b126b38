package torture

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/functions/internal/world"
)

// TestClients has real clients work through shape B, large files and all, and
// through the doors of shape A with small ones. By default one goes
// through each door; MUCURA_TEST_FUNCTIONS_CLIENTS=all takes all four, and through
// shape B every client that appliance/interop knows.
func TestClients(t *testing.T) {
	b := container(t, "gateway")
	if err := world.InstallClients(t.Context()); err != nil {
		t.Fatal(err)
	}
	large, err := world.MakeFiles(t.TempDir(), 20_000_000, 100)
	if err != nil {
		t.Fatal(err)
	}
	small, err := world.MakeFiles(t.TempDir(), 300_000, 5)
	if err != nil {
		t.Fatal(err)
	}
	all, through := os.Getenv("MUCURA_TEST_FUNCTIONS_CLIENTS") == "all", world.Clients
	if all {
		if through, err = world.AllClients(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("container", func(t *testing.T) { runClients(t, large, b.URL, "c", through) })
	for _, d := range lambdatest.Doors {
		t.Run(d.String(), func(t *testing.T) {
			clients := []string{"rclone"}
			if all {
				clients = world.Clients
			}
			runClients(t, small, front(t, d, 4), d.String(), clients)
		})
	}
}

func runClients(t *testing.T, files *world.Files, endpoint, name string, clients []string) {
	for _, c := range clients {
		t.Run(c, func(t *testing.T) {
			err := files.Run(t.Context(), c, endpoint, "clients-"+name+"-"+strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(c), "-"))
			if errors.Is(err, world.ErrNoClient) {
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
