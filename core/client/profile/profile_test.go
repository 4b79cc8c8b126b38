package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFileKeepsWhatItDoesNotChange(t *testing.T) {
	const text = `# mine
[default]
region=eu-1
s3 =
    addressing_style = path

; a comment
[profile lab]
endpoint_url = https://s3.lab.example
secret = a=b
`
	f := Parse([]byte(text))
	if string(f.Bytes()) != text {
		t.Errorf("unchanged:\n%s", f.Bytes())
	}
	if f.Get("lab", "endpoint_url") != "https://s3.lab.example" || f.Get("lab", "secret") != "a=b" || f.Get("default", "region") != "eu-1" ||
		f.Get("default", "addressing_style") != "" || f.Has("other") || !f.Has("lab") {
		t.Error("read wrongly")
	}
	set := func(section, name, value string) {
		t.Helper()
		if err := f.Set(section, "profile "+section, name, value); err != nil {
			t.Fatal(err)
		}
	}
	set("default", "region", "mucura")
	set("default", "output", "json")
	set("lab", "secret", "")
	set("new", "region", "x")
	const want = `# mine
[default]
region = mucura
s3 =
    addressing_style = path

; a comment
output = json
[profile lab]
endpoint_url = https://s3.lab.example

[profile new]
region = x
`
	if string(f.Bytes()) != want {
		t.Errorf("changed:\n%s", f.Bytes())
	}
	f.Remove("lab")
	if f.Has("lab") || !f.Has("new") {
		t.Errorf("removed:\n%s", f.Bytes())
	}
	if err := f.Set("default", "default", "region", "a\nsecret = b"); err == nil {
		t.Error("a line break was written")
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "file")
	if err := WriteFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("two")); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	info, _ := os.Lstat(link)
	if string(b) != "two" || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%q, the link is %v", b, info.Mode())
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}

// What wins: flag, environment, profile, AWS.
func TestLoadOrder(t *testing.T) {
	home := t.TempDir()
	write := func(name, text string) {
		if err := WriteFile(filepath.Join(home, name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write(".config/mucura/config", "[default]\nserver = https://own\nauth = https://own-auth\n[keys]\nserver = https://keys\naccess_key_id = OWN\nsecret_access_key = s\n")
	write(".aws/config", "[default]\nendpoint_url = https://aws\nregion = r\n[profile only]\nendpoint_url = https://only\n")
	write(".aws/credentials", "[default]\naws_access_key_id = AWS\naws_secret_access_key = s\n")
	for _, c := range []struct {
		name  string
		env   string
		flags Flags
		want  string // server, region, key, from AWS
	}{
		{"profile", "", Flags{}, "https://own r AWS true"},
		{"environment", "MUCURA_SERVER=https://env MUCURA_REGION=e", Flags{}, "https://env e AWS true"},
		{"AWS environment", "AWS_ENDPOINT_URL=https://a AWS_ENDPOINT_URL_S3=https://s3 AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s", Flags{}, "https://s3 r ENV false"},
		{"flag", "MUCURA_SERVER=https://env", Flags{Server: "https://flag"}, "https://flag r AWS true"},
		{"chosen profile before the AWS environment", "AWS_ENDPOINT_URL=https://a AWS_ACCESS_KEY_ID=ENV AWS_SECRET_ACCESS_KEY=s", Flags{Profile: "keys"}, "https://keys mucura OWN false"},
		{"chosen profile of the AWS tools", "MUCURA_PROFILE=only", Flags{}, "https://only mucura  false"},
		{"AWS profile pointed at", "AWS_PROFILE=default", Flags{}, "https://own r AWS false"},
		{"half a key is none", "AWS_ACCESS_KEY_ID=ENV", Flags{}, "https://own r AWS true"},
	} {
		env := map[string]string{}
		for _, v := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		s, err := Load(Env{func(n string) string { return env[n] }, home}, c.flags)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := s.Server + " " + s.Region + " " + s.AccessKeyID + map[bool]string{true: " true", false: " false"}[s.KeysOfAWS]
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if _, err := Load(Env{func(string) string { return "" }, home}, Flags{Profile: "nobody"}); err == nil {
		t.Error("a profile that is not there was loaded")
	}
	for _, bad := range []string{"", "a/b", "..", "a b", "a]"} {
		if CheckName(bad) == nil {
			t.Errorf("%q passes for a name", bad)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("[a]\nb = c\n"), "a", "b", "x")
	f.Add([]byte("b=c\n [a]\n[a\n"), "", "b", "")
	f.Fuzz(func(t *testing.T, text []byte, section, name, value string) {
		file := Parse(text)
		if strings.ContainsAny(section+name, "[]=#; \t\r\n\x00\v\f\u0085\u00a0") || name == "" || section == "" || strings.TrimSpace(value) != value ||
			strings.TrimSpace(section) != section || strings.TrimSpace(name) != name || len(text) > 1<<16 {
			return
		}
		if file.Set(section, section, name, value) != nil {
			return
		}
		if got := Parse(file.Bytes()).Get(section, name); got != value {
			t.Errorf("set %q, got %q in %q", value, got, file.Bytes())
		}
	})
}
