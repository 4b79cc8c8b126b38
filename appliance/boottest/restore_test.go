package boottest

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elsewhere is where backups go, as the configuration says it. Both lie in a
// directory that outlives the appliance; the bucket is served by a second server.
var elsewhere = map[string]string{
	"restic": "backup:\n  restic:\n    repository: /elsewhere/restic\n    password: of-the-boot-test\n",
	"s3": "backup:\n  s3:\n    endpoint: http://127.0.0.1:9100\n    bucket: backup\n" +
		"    access_key_id: ELSEWHEREROOT000000\n    secret_access_key: elsewhere-secret-0123456789\n",
}

// TestRestore backs an appliance up to another place, and restores it on a fresh
// one, which then has its objects and its administrator.
func TestRestore(t *testing.T) {
	needContainer(t)
	for kind, text := range elsewhere {
		t.Run(kind, func(t *testing.T) {
			away := t.TempDir()
			data := t.TempDir()
			c := contain(t, data, "--bind="+away+":/elsewhere")
			c.booted()
			code := strings.TrimSpace(c.must("mucurad-appliance", "setup", "code"))
			p := claimed(t, c.dial, "127.0.0.1", "", code, url.Values{"site": {"Restored"}, "volatile": {"yes"}})
			stored := use(t, serving(t, c.dial, "", "127.0.0.1", p.id, p.secret), "kept")
			appendTo(t, filepath.Join(data, "mucura/appliance.yaml"), text)
			c.elsewhere(t, kind)
			t.Log(c.must("mucurad-appliance", "backup", "run"))
			c.kill() // the machine is lost

			appendTo(t, filepath.Join(away, "restore.yaml"), text)
			c = contain(t, t.TempDir(), "--bind="+away+":/elsewhere")
			c.booted()
			c.elsewhere(t, kind)
			t.Log(c.must("mucurad-appliance", "restore", kind, "--config", "/elsewhere/restore.yaml"))
			stored.check(t, serving(t, c.dial, "", "127.0.0.1", p.id, p.secret), "kept")
			c.booted()
		})
	}
}

// elsewhere starts the server of the bucket, where one is needed.
func (c *container) elsewhere(t *testing.T, kind string) {
	t.Helper()
	if kind != "s3" {
		return
	}
	c.must("systemd-run", "--unit=elsewhere", "--setenv=MUCURA_ROOT_ACCESS_KEY_ID=ELSEWHEREROOT000000", "--setenv=MUCURA_ROOT_SECRET_ACCESS_KEY=elsewhere-secret-0123456789",
		"/usr/lib/mucura/mucurad", "serve", "--data", "/elsewhere/s3", "--listen", "127.0.0.1:9100", "--admin-listen", "off", "--web-listen", "off")
	s3 := client(c.dial, nil, "", "ELSEWHEREROOT000000", "elsewhere-secret-0123456789")
	s3.Endpoint = "http://127.0.0.1:9100"
	eventually(t, func() error {
		_, err := s3.Must(t.Context(), "PUT", "backup", "", "", nil, 200, 409)
		return err
	})
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
