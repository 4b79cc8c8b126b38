package seed

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/hosttest"
	"github.com/mucura/mucura/appliance/internal/spec"
)

var ctx = context.Background()

func TestMain(m *testing.M) { hosttest.Main(m) }

const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada"

// files makes a directory of files.
func files(t *testing.T, text map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, s := range text {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadDir(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		files map[string]string
		want  spec.Config
	}{
		"mucura.yaml": {map[string]string{"mucura.yaml": "hostname: a", "user-data": "#cloud-config\nhostname: b"}, spec.Config{Hostname: "a"}},
		"NoCloud": {map[string]string{
			"user-data":      "#cloud-config\nssh_authorized_keys: [" + sshKey + "]\nmucura:\n  site: Lab\n  disk: use-blank\npackages: [vim]\n",
			"meta-data":      "instance-id: i-1\nlocal-hostname: S3.lab.example\n",
			"network-config": "version: 2\nethernets:\n  enp1s0: {addresses: [192.0.2.7/24], gateway4: 192.0.2.1, nameservers: {addresses: [192.0.2.53], search: [lab.example]}}\n",
		}, spec.Config{Hostname: "s3", Site: "Lab", Disk: spec.Names{"use-blank"}, SSH: spec.SSH{AuthorizedKeys: spec.Names{sshKey}},
			Network: []spec.Interface{{Name: "enp1s0", Addresses: spec.Names{"192.0.2.7/24"}, Gateways: spec.Names{"192.0.2.1"}, DNS: spec.Names{"192.0.2.53"}, Search: spec.Names{"lab.example"}}}}},
		"ours wins": {map[string]string{"user-data": "#cloud-config\nhostname: b\nmucura: {hostname: a}\n", "meta-data": "local-hostname: c"}, spec.Config{Hostname: "a"}},
		"version 1": {map[string]string{"meta-data": "", "user-data": "", "network-config": "network:\n  version: 1\n  config:\n  - {type: physical, name: eth0, mac_address: '52:54:00:12:34:56', subnets: [{type: static, address: 192.0.2.7, netmask: 255.255.255.0, gateway: 192.0.2.1}]}\n  - {type: nameserver, address: [192.0.2.53]}\n"},
			spec.Config{Network: []spec.Interface{{MAC: "52:54:00:12:34:56", Addresses: spec.Names{"192.0.2.7/24"}, Gateways: spec.Names{"192.0.2.1"}, DNS: spec.Names{"192.0.2.53"}}}}},
		"our yaml as user data": {map[string]string{"user-data": "site: Lab", "meta-data": ""}, spec.Config{Site: "Lab"}},
		"ConfigDrive": {map[string]string{
			"openstack/latest/meta_data.json":    `{"hostname":"s3.novalocal","public_keys":{"mine":"` + sshKey + `\n"}}`,
			"openstack/latest/user_data":         "#cloud-config\nmucura: {site: Lab}",
			"openstack/latest/network_data.json": `{"links":[{"id":"t","ethernet_mac_address":"52:54:00:12:34:56"}],"networks":[{"link":"t","type":"ipv4","ip_address":"192.0.2.7","netmask":"255.255.255.0","routes":[{"network":"0.0.0.0","netmask":"0.0.0.0","gateway":"192.0.2.1"}]},{"link":"t","type":"ipv4_dhcp"}],"services":[{"type":"dns","address":"192.0.2.53"}]}`,
		}, spec.Config{Hostname: "s3", Site: "Lab", SSH: spec.SSH{AuthorizedKeys: spec.Names{sshKey}},
			Network: []spec.Interface{{MAC: "52:54:00:12:34:56", DHCP: &yes, Addresses: spec.Names{"192.0.2.7/24"}, Gateways: spec.Names{"192.0.2.1"}, DNS: spec.Names{"192.0.2.53"}}}}},
	} {
		f, err := ReadDir(files(t, c.files), 2)
		if err != nil || f == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(*f.Config, c.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", name, *f.Config, c.want)
		}
		if name == "NoCloud" && !strings.Contains(strings.Join(f.Notes, " "), "packages") {
			t.Errorf("notes: %q", f.Notes)
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"unknown name":  {map[string]string{"mucura.yaml": "a: 1\nb: 2"}, "unknown name b"},
		"script":        {map[string]string{"user-data": "#!/bin/sh\nreboot"}, "not run"},
		"multi-part":    {map[string]string{"user-data": "Content-Type: multipart/mixed"}, "not run"},
		"in the key":    {map[string]string{"user-data": "#cloud-config\nmucura: {a: 1}"}, "unknown name a"},
		"list":          {map[string]string{"user-data": "#cloud-config\n- a"}, ""},
		"bond":          {map[string]string{"user-data": "", "network-config": "version: 2\nbonds: {b: {}}"}, "only ethernets"},
		"vlan":          {map[string]string{"user-data": "", "network-config": "version: 1\nconfig: [{type: vlan}]"}, "not supported"},
		"netmask":       {map[string]string{"user-data": "", "network-config": "version: 1\nconfig: [{type: physical, name: a, subnets: [{type: static, address: 192.0.2.1, netmask: 255.0.255.0}]}]"}, "netmask"},
		"version":       {map[string]string{"user-data": "", "network-config": "version: 3"}, "version 3"},
		"line in a key": {map[string]string{"user-data": "#cloud-config\nssh_authorized_keys: ['x y']"}, "public key"},
		"large":         {map[string]string{"mucura.yaml": strings.Repeat("#", spec.MaxSize+1)}, "too large"},
		"bad json":      {map[string]string{"openstack/latest/meta_data.json": "{"}, "meta_data.json"},
	} {
		f, err := ReadDir(files(t, c.files), 2)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// A volume's links lead nowhere else.
func TestLinks(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("site: secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(secret, filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if f, err := ReadDir(dir, 1); err == nil {
		t.Errorf("%+v", f)
	}
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, FileName), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDir(dir, 1); err == nil {
		t.Error("a directory was read")
	}
}

// Volumes are looked at in order; a removable disk without label only for
// mucura.yaml, a fixed one never.
func TestVolumes(t *testing.T) {
	inv := disks.Inventory{
		{Path: "/dev/sda", Kind: "disk", FSType: "ext4", Label: "photos"},
		{Path: "/dev/sdb", Kind: "disk", Removable: true, Parts: []disks.Device{{Path: "/dev/sdb1", FSType: "vfat", Label: "STICK"}}},
		{Path: "/dev/sr0", Kind: "rom", FSType: "iso9660", Label: "cidata"},
		{Path: "/dev/sdc", Kind: "disk", Parts: []disks.Device{{Path: "/dev/sdc1", FSType: "vfat", Label: "mucura-seed"}}},
		{Path: "/dev/sdd", Kind: "disk", FSType: "vfat", Label: "CONFIG-2"},
		{Path: "/dev/sde", Kind: "disk", FSType: "ntfs", Label: "cidata"},
	}
	var got []string
	for _, v := range volumes(inv) {
		got = append(got, v.device.Path)
	}
	if strings.Join(got, " ") != "/dev/sdc1 /dev/sr0 /dev/sdd /dev/sdb1" {
		t.Errorf("%q", got)
	}
	if f, err := ReadDir(files(t, map[string]string{"user-data": "site: x"}), 4); f != nil || err != nil {
		t.Errorf("a stick's user-data: %+v, %v", f, err)
	}
}

// seeded is a fresh machine with a real seed volume.
func seeded(t *testing.T, label string, text map[string]string) (*hosttest.Lab, *Seeder) {
	t.Helper()
	hosttest.Need(t, "mkfs.ext4", "e2fsprogs", "losetup", "mount")
	devices := hosttest.Loops(t, 1, 16<<20)
	out, err := exec.Command("mkfs.ext4", "-q", "-L", label, "-d", files(t, text), devices[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l := hosttest.NewLab(t, devices)
	l.WithMucurad(t)
	return l, &Seeder{Host: l.Host, Log: t.Logf}
}

// A seed with the administrator's pair makes a running appliance; the next start
// does not look at seeds any more.
func TestUnattended(t *testing.T) {
	l, s := seeded(t, "cidata", map[string]string{"meta-data": "local-hostname: s3\n", "user-data": "#cloud-config\nssh_authorized_keys: ['" + sshKey + "']\nmucura:\n  names: s3.lab.example\n  time_zone: Europe/Berlin\n  ntp: ntp.lab.example\n  administrator: {access_key_id: ABCDEFGHIJKLMNOP, secret_access_key: 0123456789abcdef0123}\n"})
	out, err := s.Apply(ctx)
	if err != nil || !out.Claimed || out.Problem != "" {
		t.Fatalf("%+v, %v", out, err)
	}
	for path, want := range map[string]string{
		host.EnvFile: `MUCURA_TLS_NAME="s3.lab.example"`, host.SSHKeys: sshKey, "/etc/hostname": "s3\n", host.CAFile: "BEGIN CERTIFICATE",
		"/etc/chrony/sources.d/mucura.sources": "server ntp.lab.example iburst",
	} {
		if b, err := l.ReadFile(path); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %s, %v", path, b, err)
		}
	}
	if zone, err := os.Readlink(l.Path("/etc/localtime")); err != nil || zone != "/usr/share/zoneinfo/Europe/Berlin" {
		t.Errorf("%s, %v", zone, err)
	}
	if b, err := l.ReadFile(host.ConfigFile); err != nil || strings.Contains(string(b), "0123456789abcdef") {
		t.Errorf("the secret is kept: %v", err)
	}
	if ran := strings.Join(l.NotRun(), "\n"); !strings.Contains(ran, "hostname s3") || !strings.Contains(ran, "systemctl start --no-block ssh.service") {
		t.Errorf("%s", ran)
	}
	l.Devices = nil // pulled out
	again := &Seeder{Host: l.Host, Log: t.Logf}
	if out, err := again.Apply(ctx); err != nil || out.Source != host.ConfigFile || !out.Claimed {
		t.Errorf("%+v, %v", out, err)
	}
}

// A seed without a pair fills the set-up page in, and lets nobody in.
func TestPreset(t *testing.T) {
	l, s := seeded(t, Label, map[string]string{FileName: "site: Lab\ndisk: use-blank\n"})
	w, err := s.Wish(ctx)
	if err != nil || len(w.Disks) != 1 || w.Disks[0] != spec.UseBlank {
		t.Fatalf("%+v, %v", w, err)
	}
	out, err := s.Apply(ctx)
	if err != nil || out.Claimed || l.Exists(host.ConfigFile) || l.Exists(host.EnvFile) {
		t.Fatalf("%+v, %v", out, err)
	}
	if b, err := l.ReadFile(host.PresetFile); err != nil || !strings.Contains(string(b), "site: Lab") {
		t.Errorf("%s, %v", b, err)
	}
}

// A seed with mistakes does nothing but say so; a configuration that cannot be
// read never makes the appliance free.
func TestBroken(t *testing.T) {
	l, s := seeded(t, Label, map[string]string{FileName: "sight: Lab\ndisk: use-blank\n"})
	if w, err := s.Wish(ctx); err == nil {
		t.Errorf("a disk is wished for: %+v", w)
	}
	out, err := s.Apply(ctx)
	if err != nil || out.Claimed || !strings.Contains(out.Problem, "unknown name sight") {
		t.Fatalf("%+v, %v", out, err)
	}
	if err := l.WriteFile(host.ConfigFile, []byte("site: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Apply(ctx); err == nil || !out.Claimed {
		t.Errorf("damaged configuration: %+v, %v", out, err)
	}
}

// A seed volume whose file system is damaged cannot be mounted: the start goes on,
// nobody has the appliance, no disk is touched, and the console says why.
func TestDamaged(t *testing.T) {
	l, s := seeded(t, Label, map[string]string{FileName: "site: Lab\ndisk: use-blank\nadministrator: {access_key_id: ABCDEFGHIJKLMNOP, secret_access_key: 0123456789abcdef0123}\n"})
	f, err := os.OpenFile(l.Devices[0], os.O_WRONLY|syscall.O_DSYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The group descriptors; the superblock before them, with the label, stays.
	if _, err := f.WriteAt(bytes.Repeat([]byte("noise"), 2000), 2048); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err := s.Wish(ctx); err == nil || len(w.Disks) > 0 {
		t.Errorf("a disk is wished for: %+v, %v", w, err)
	}
	out, err := s.Apply(ctx)
	if err != nil || out.Claimed || !strings.Contains(out.Problem, "seed on "+l.Devices[0]+": mount: ") {
		t.Fatalf("%+v, %v", out, err)
	}
	if noted, err := Noted(l.Host); err != nil || noted.Problem != out.Problem {
		t.Errorf("the console gets %+v, %v", noted, err)
	}
	if l.Exists(host.EnvFile) || l.Exists(host.ConfigFile) {
		t.Error("claimed")
	}
}

func TestNone(t *testing.T) {
	h, _ := host.NewFake(t.TempDir(), time.Now())
	h.Run.(*host.Fake).On("lsblk", `{"blockdevices":[]}`, nil)
	s := &Seeder{Host: h, Log: t.Logf}
	if out, err := s.Apply(ctx); err != nil || out.Claimed || out.Source != "" {
		t.Errorf("%+v, %v", out, err)
	}
}

// Whatever a volume holds, it is an error or a good configuration.
func FuzzCloud(f *testing.F) {
	f.Add([]byte("#cloud-config\nhostname: a\nssh_authorized_keys: [x]\nmucura: {site: a}"), []byte("local-hostname: b\npublic-keys: {a: b}"), []byte("version: 2\nethernets: {a: {dhcp4: true}}"))
	f.Add([]byte("site: a"), []byte("a: &a [*a]"), []byte("version: 1\nconfig: [{type: physical, name: a, subnets: [{type: dhcp}]}]"))
	f.Fuzz(func(t *testing.T, user, meta, network []byte) {
		found, err := cloud("user-data", user, meta, network)
		if err == nil {
			if err := found.Config.Check(); err != nil {
				t.Fatalf("%v", err)
			}
		}
		if list, err := networkData(network); err == nil && len(list) > len(network) {
			t.Fatalf("%d interfaces", len(list))
		}
	})
}

// TestNamedPipe: a volume with a pipe in place of its file is refused at once,
// where opening it would wait for ever.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, FileName), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := ReadDir(dir, 1); f != nil || err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%+v, %v", f, err)
	}
}
