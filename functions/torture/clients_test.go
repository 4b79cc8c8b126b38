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
// through the doors of shape A with small ones. By default one goes through
// shape B and one through two of the doors, as the doors differ little to a
// client; MUCURA_TEST_FUNCTIONS_CLIENTS=all takes all four through every door, and
// through shape B every client that appliance/interop knows.
func TestClients(t *testing.T) {
	b := container(t, "gateway")
	if err := world.InstallClients(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := os.Getenv("MUCURA_TEST_FUNCTIONS_CLIENTS") == "all"
	behindB, behindA, doors := []string{"python_boto3.py"}, []string{"rclone"}, []lambdatest.Door{lambdatest.LoadBalancer, lambdatest.StreamURL}
	if all {
		var err error
		if behindB, err = world.AllClients(t.Context()); err != nil {
			t.Fatal(err)
		}
		behindA, doors = world.Clients, lambdatest.Doors
	}
	large, err := world.MakeFiles(t.TempDir(), 20_000_000, 30)
	if err != nil {
		t.Fatal(err)
	}
	small, err := world.MakeFiles(t.TempDir(), 300_000, 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("container", func(t *testing.T) { runClients(t, large, b.URL, "c", behindB) })
	for _, d := range doors {
		t.Run(d.String(), func(t *testing.T) { runClients(t, small, front(t, d, 4), d.String(), behindA) })
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
