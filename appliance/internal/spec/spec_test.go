package spec

import (
	"errors"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/config"
)

const whole = `
hostname: s3
site: Laboratory of Things
names: [s3.lab.example, s3.things.example]
time_zone: Europe/Berlin
ntp: ntp.lab.example
disk: [WD-1234, /dev/disk/by-id/x]
erase_disk: true
administrator: {email: ada@lab.example, access_key_id: ABCDEFGHIJKLMNOP, secret_access_key: 0123456789abcdef0123}
tls: {mode: acme, directory: https://ca.example/dir, eab_key_id: kid, eab_key: c2VjcmV0}
network:
  - name: enp1s0
    addresses: [192.0.2.7/24, "2001:db8::7/64"]
    gateways: 192.0.2.1
    dns: [192.0.2.53]
    search: lab.example
  - mac: 52:54:00:12:34:56
ssh: {authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada@lab"]}
backup: {keep: 14, s3: {endpoint: "https://s3.example", bucket: backups, access_key_id: x, secret_access_key: y}}
notify: {webhook: "https://chat.example/hook", email: {server: "mail.example:587", from: s3@lab.example}}
settings: {default-quota: 5GiB, home-buckets: "false"}
`

func TestWhole(t *testing.T) {
	c, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Claims() || c.NTP[0] != "ntp.lab.example" || c.Backup.Keep != 14 {
		t.Errorf("%+v", c)
	}
	kept := c.Kept()
	text, err := kept.Text()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "0123456789abcdef") || strings.Contains(string(text), "WD-1234") {
		t.Errorf("kept:\n%s", text)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("what is kept is not read again: %v\n%s", err, text)
	}
	if again.Claims() || again.Administrator.AccessKeyID != c.Administrator.AccessKeyID || again.TLS != c.TLS {
		t.Errorf("%+v", again)
	}
}

// All mistakes are told at once.
func TestMistakes(t *testing.T) {
	_, err := Parse([]byte("hostnam: x\ntls: {mode: acme, fast: yes}\nnames: [UPPER]\ntime_zone: ../../etc/passwd\nnetwork: [{addresses: [192.0.2.1]}]\nsettings: {listen: \":1\", nonsense: 1}\n"))
	var p Problems
	if !errors.As(err, &p) {
		t.Fatal(err)
	}
	for _, want := range []string{"unknown name hostnam", "unknown name fast", `"UPPER"`, "time_zone", "either name or mac", "192.0.2.1", "settings.listen"} {
		if !strings.Contains(p.Error(), want) {
			t.Errorf("nothing about %s in:\n%v", want, p)
		}
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"hostname: a\nhostname: b":         "already defined",
		"hostname: [a]":                    "want a text",
		"names: [[a]]":                     "want a word",
		"names: {a: b}":                    "list of words",
		"- a":                              "names and values",
		"a: &x 1":                          "anchors",
		"hostname: !custom a":              "tags",
		"hostname: a\n---\nhostname: b":    "more than one document",
		"hostname: -a":                     "hostname",
		"hostname: a.b":                    "hostname",
		"hostname: \"a\\nb\"":              "hostname",
		"site: \"a\\nMUCURA_DEBUG=true\"":  "control characters",
		"names: 192.0.2.1":                 "DNS name",
		"tls: {mode: off}":                 "none of",
		"tls: {mode: acme}":                "at least one",
		"tls: {mode: files}":               "pair",
		"tls: {key: x}":                    "is for mode files",
		"names: s3\ntls: {mode: acme}":     "no public authority",
		"disk: [use-blank, X]":             "stands alone",
		"disk: \"a b\"":                    "disk",
		"erase_disk: true":                 "by name",
		"disk: use-blank\nerase_disk: yes": "by name",
		"administrator: {secret_access_key: 01234567890123456}":                              "needs access_key_id",
		"administrator: {access_key_id: short, secret_access_key: x}":                        "16 to 128",
		"administrator: {email: \"a@b\\nBcc: x@y\"}":                                         "e-mail",
		"ssh: {authorized_keys: [\"command=\\\"x\\\" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAA\"]}": "no options",
		"ssh: {authorized_keys: [\"ssh-ed25519 AAAA\\nssh-rsa BBBB\"]}":                      "public key",
		"network: [{name: en*, dhcp: false}]":                                                "neither",
		"network: [{name: \"a]\\n[x\"}]":                                                     "name",
		"notify: {webhook: \"http://x\"}":                                                    "https",
		"notify: {email: {server: x, from: a@b.example}}":                                    "host:port",
		"backup: {restic: {repository: x}}":                                                  "password",
		"backup: {restic: {repository: --x, password: y}}":                                   "hyphen",
		"backup: {restic: {repository: x, password: y, env: {LD_PRELOAD: z}}}":               "LD_PRELOAD",
		"backup: {s3: {bucket: x}}":                                                          "endpoint",
		"settings: {root-secret-access-key: x}":                                              "own",
		"settings: {no-such: x}":                                                             "unknown",
		"settings: {default-quota: much}":                                                    "default-quota",
		"settings: {\"X\\nY\": x}":                                                           "not a setting",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// No mistake tells the value of a secret.
func TestSecretsAreNotTold(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, text := range []string{
		"administrator: {access_key_id: ABCDEFGHIJKLMNOPQ, secret_access_key: [" + secret + "]}",
		"administrator: " + secret,
		"administrator: {access_key_id: A, secret_access_key: \"" + secret + "\\n\"}",
		"backup: {s3: " + secret + "}",
		"notify: {email: {password: {x: " + secret + "}}}",
		"settings: {smtp-password: \"" + secret + "\\n\"}",
	} {
		if _, err := Parse([]byte(text)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBombs(t *testing.T) {
	for name, text := range map[string]string{
		"deep":    strings.Repeat("a: {", 1000),
		"nested":  strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"large":   "site: " + strings.Repeat("x", MaxSize),
		"aliases": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if c, err := Parse(nil); err != nil || c.Claims() {
		t.Errorf("nothing: %v", err)
	}
}

// mucurad takes the settings that are made for it.
func TestSettings(t *testing.T) {
	for _, text := range []string{"", "names: s3.lab.example", whole, "site: 'quo\"te $HOME `id` \\ x'"} {
		c, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := config.Parse("serve", nil, c.Environment(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Listen != ":443" || got.Data != "/data/mucura/repository" || got.SiteName != c.Site {
			t.Errorf("%+v", got)
		}
	}
	c := &Config{Site: "quo\"te $HOME `id` \\ x"}
	if !strings.Contains(string(c.EnvFile()), `MUCURA_SITE_NAME="quo\"te \$HOME \`+"`id\\`"+` \\ x"`) {
		t.Errorf("%s", c.EnvFile())
	}
}

func TestNetworkFiles(t *testing.T) {
	c, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	files := c.NetworkFiles()
	want := "[Match]\nName=enp1s0\n\n[Network]\nDHCP=no\nIPv6AcceptRA=yes\nAddress=192.0.2.7/24\nAddress=2001:db8::7/64\nGateway=192.0.2.1\nDNS=192.0.2.53\nDomains=lab.example\n"
	if got := files["/run/systemd/network/10-mucura-01.network"]; got != want {
		t.Errorf("%s", got)
	}
	if got := files["/run/systemd/network/10-mucura-02.network"]; !strings.Contains(got, "MACAddress=52:54:00:12:34:56\n") || !strings.Contains(got, "DHCP=yes") {
		t.Errorf("%s", got)
	}
}

// Whatever is typed, it is refused or becomes lines that mean what they say.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("site: \"a\\nb\""))
	f.Add([]byte("network: [{name: 'x', addresses: '192.0.2.1/24'}]"))
	f.Add([]byte("a: &a\n  <<: *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if _, _, err := config.Parse("serve", nil, c.Environment(), nil); err != nil {
			t.Fatalf("mucurad refuses %q: %v", c.Environment(), err)
		}
		lines := strings.Count(string(c.EnvFile()), "\n")
		if lines != len(c.Environment()) {
			t.Fatalf("%d lines for %d settings:\n%s", lines, len(c.Environment()), c.EnvFile())
		}
		for _, n := range c.NetworkFiles() {
			if strings.Count(n, "[") != 2 {
				t.Fatalf("%s", n)
			}
		}
		kept, err := c.Kept().Text()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(kept); err != nil {
			t.Fatalf("what is kept is not read again: %v\n%s", err, kept)
		}
	})
}
