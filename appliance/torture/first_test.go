package torture

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestKilledAtFirstStart kills the first start of a repository at any moment,
// also that of two processes at once, and perhaps the start after it. The next
// one succeeds and stores contents of every kind, and a key pair that was shown
// is the administrator's. MUCURA_TEST_CYCLES sets the number of repositories.
func TestKilledAtFirstStart(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	pair := regexp.MustCompile(`Access key  (\S+)\n  Secret key  (\S{20,})`)
	told := 0
	for n := range number(t, "MUCURA_TEST_CYCLES", 12) {
		data := filepath.Join(t.TempDir(), "data")
		var shown []string
		for range 1 + rnd.IntN(2) {
			for _, text := range killedStart(t, data, 1+rnd.IntN(2), time.Duration(rnd.IntN(60))*time.Millisecond) {
				if m := pair.FindSubmatch(text); m != nil {
					shown = append(shown, string(m[1]), string(m[2]))
				}
			}
		}
		m := pair.FindStringSubmatch(banner(t, data, "--show-root-key"))
		if m == nil || len(shown) > 2 || len(shown) == 2 && (shown[0] != m[1] || shown[1] != m[2]) {
			t.Fatalf("repository %d: shown was %q, the administrator has %q", n, shown, m)
		}
		told += len(shown) / 2
		s := startOn(t, data, killArgs...)
		c := s.NewClient()
		put := func(key string, size int) {
			if _, err := c.Must(context.Background(), "PUT", bucket, key, "", body(key, n, size), 200); err != nil {
				t.Fatal(err)
			}
		}
		put("", 0)
		put("inlined", 1000)
		put("file", 1<<20)
		fsck(t, s)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d starts had shown the key pair before they were killed", told)
}

// killedStart starts so many processes on a data directory at once, kills them
// after a while, and gives what each had printed.
func killedStart(t *testing.T, data string, processes int, after time.Duration) (texts [][]byte) {
	t.Helper()
	cmds, outs := make([]*exec.Cmd, processes), make([]bytes.Buffer, processes)
	for i := range cmds {
		cmds[i] = exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--admin-listen", "off", "--web-listen", "off")
		cmds[i].Env = []string{"HOME=" + t.TempDir()}
		cmds[i].Stdout = &outs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(after)
	for i, cmd := range cmds {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		texts = append(texts, outs[i].Bytes())
	}
	return texts
}
