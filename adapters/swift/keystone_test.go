package swift

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/swift/swifttest"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// TestKeystone authenticates with a password and with an application
// credential at a real Keystone, and again when a token is revoked. Starting
// Keystone takes long.
func TestKeystone(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	own := &swifttest.Shared{Options: swifttest.Options{Keystone: true}}
	n := own.Get(t)
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	k := n.Keystone
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(k.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	at := "swift+http://" + k.AuthURL[len("http://"):]
	for name, c := range map[string]struct {
		url string
		env func(string) string
	}{
		"password": {at + "?user=" + k.Name + "&project=" + k.Project + "&region=" + k.Region + "&key-file=" + key, env()},
		"environment": {"swift://env", env("OS_AUTH_URL", k.AuthURL, "OS_USERNAME", k.Name, "OS_PASSWORD", k.Password,
			"OS_PROJECT_NAME", k.Project, "OS_USER_DOMAIN_NAME", "Default", "OS_PROJECT_DOMAIN_NAME", "Default", "OS_INTERFACE", "internal")},
		"application_credential": {"swift://env", env("OS_AUTH_URL", k.AuthURL, "OS_REGION_NAME", k.Region,
			"OS_APPLICATION_CREDENTIAL_ID", k.CredentialID, "OS_APPLICATION_CREDENTIAL_SECRET", k.CredentialSecret)},
	} {
		t.Run(name, func(t *testing.T) {
			o := small(newPrefix())
			o.Getenv = c.env
			s := open(t, c.url, o)
			if s.session.current.Load().expires.IsZero() {
				t.Error("the end of the token is not known")
			}
			id := contenttest.Write(t, s, long(), 1<<20)
			if err := n.RevokeKeystoneToken(context.Background(), s.session.current.Load().value); err != nil {
				t.Fatal(err)
			}
			wantContent(t, s, id, long())
			if err := write(s, content.NewID(time.Now()), long()); err != nil {
				t.Error(err)
			}
		})
	}
	o := small(newPrefix())
	o.Getenv = env("OS_AUTH_URL", k.AuthURL, "OS_APPLICATION_CREDENTIAL_ID", k.CredentialID, "OS_APPLICATION_CREDENTIAL_SECRET", "wrong-secret")
	if _, err := Open(t.Context(), "swift://env", o); !errors.Is(err, errRefused) {
		t.Errorf("wrong secret: %v", err)
	}
}
