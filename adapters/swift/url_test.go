package swift

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestParse(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := env()
	password := env("OS_AUTH_URL", "https://id.example/v3", "OS_USERNAME", "u", "OS_PASSWORD", "hush", "OS_PROJECT_NAME", "p", "OS_USER_DOMAIN_NAME", "d", "OS_REGION_NAME", "r")
	for _, c := range []struct {
		url  string
		env  func(string) string
		want credentials
	}{
		{"swift://u:hush@h:5000/v3?project=p", none, credentials{authURL: "https://h:5000/v3", version: 3, user: "u", key: "hush", project: "p"}},
		{"swift://h?user=u&project-id=p&user-domain=d&project-domain=e&region=r&interface=internal&key-file=" + key, none,
			credentials{authURL: "https://h/v3", version: 3, user: "u", key: "hush", projectID: "p", userDomain: "d", projectDomain: "e", region: "r", endpoint: "internal"}},
		{"swift+http://h:8080/auth/v1.0?user=a%3Ab&key-file=" + key, none, credentials{authURL: "http://h:8080/auth/v1.0", version: 1, user: "a:b", key: "hush"}},
		{"swift://h/identity/v3?application-credential-id=i&key-file=" + key, none,
			credentials{authURL: "https://h/identity/v3", version: 3, key: "hush", credentialID: "i", credentialSecret: "hush"}},
		{"swift://env", password, credentials{authURL: "https://id.example/v3", version: 3, user: "u", key: "hush", project: "p", userDomain: "d", region: "r"}},
		{"swift://env?region=s", env("OS_AUTH_URL", "http://id/v3", "OS_APPLICATION_CREDENTIAL_ID", "i", "OS_APPLICATION_CREDENTIAL_SECRET", "hush", "OS_INTERFACE", "internalURL"),
			credentials{authURL: "http://id/v3", version: 3, credentialID: "i", credentialSecret: "hush", region: "s", endpoint: "internal"}},
		{"swift://env", env("ST_AUTH", "https://h/auth/v1.0", "ST_USER", "a:b", "ST_KEY", "hush"), credentials{authURL: "https://h/auth/v1.0", version: 1, user: "a:b", key: "hush"}},
	} {
		got, _, err := parse(c.url, Options{Getenv: c.env})
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.url, got, err)
		}
	}
}

func TestParseOptions(t *testing.T) {
	_, o, err := parse("swift://u:k@h/v3?project=p&prefix=x&containers=16&segment=64MiB&buffers=1GiB&connections=9&verify=false", Options{Getenv: env()})
	if err == nil {
		err = o.complete()
	}
	if err != nil || o.Prefix != "x" || o.Containers != 16 || o.SegmentBytes != 64<<20 || o.BufferBytes != 1<<30 || o.Connections != 9 || !o.NoVerify {
		t.Errorf("%+v, %v", o, err)
	}
}

// What is refused is refused without repeating the key.
func TestParseRefuses(t *testing.T) {
	for _, url := range []string{
		"", "swift://", "swift:h", "http://u:hush@h/v3", "swift://u:hush@h:port/v3", "swift://u:hush@h/v3?%zz", "swift://u:hush@h/v3#x",
		"swift://u:hush@h/\x7f", "swift://u:hush@h/v2.0?project=p", "swift://u:hush@h/v3", "swift://u@h/v3?project=p",
		"swift://u:hush@h/v3?project=p&key=hush", "swift://u:hush@h/v3?project=p&password=hush", "swift://u:hush@h/v3?project=p&colour=red",
		"swift://u:hush@h/v3?project=p&project=q", "swift://u:hush@h/v3?project=p&containers=x", "swift://u:hush@h/v3?project=p&containers=-1",
		"swift://u:hush@h/v3?project=p&containers=5000", "swift://u:hush@h/v3?project=p&segment=2GiB", "swift://u:hush@h/v3?project=p&segment=0",
		"swift://u:hush@h/v3?project=p&segment=1XiB", "swift://u:hush@h/v3?project=p&prefix=a/b", "swift://u:hush@h/v3?project=p&prefix=%00",
		"swift://u:hush@h/v3?project=p&interface=secret", "swift://u:hush@h/v3?project=p&key-file=/no/such/file",
		"swift://env", "swift://h/v3?application-credential-id=i",
	} {
		_, o, err := parse(url, Options{Getenv: env()})
		if err == nil {
			err = o.complete()
		}
		if err == nil {
			t.Errorf("%q is accepted", url)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: the key is in the error: %v", url, err)
		}
	}
}

// Whatever is given is refused, or complete, and never repeated in an error.
func FuzzParse(f *testing.F) {
	f.Add("swift://u:hush-hush@h/v3?project=p&segment=1MiB")
	f.Add("swift://env?containers=3")
	f.Add("swift://u:hush-hush@h:x/v3")
	f.Fuzz(func(t *testing.T, url string) {
		c, o, err := parse(url, Options{Getenv: env()})
		if err == nil && o.complete() == nil && (c.authURL == "" || c.version == 0) {
			t.Errorf("%q gives %q", url, c.authURL)
		}
		if err != nil && strings.Contains(err.Error(), "hush-hush") {
			t.Errorf("the key is in the error: %v", err)
		}
	})
}
