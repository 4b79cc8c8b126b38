package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parts makes a directory with the parts of a system.
func parts(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range Files {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte{byte('a' + i)}, 5000+i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func key(t testing.TB) (ed25519.PrivateKey, []ed25519.PublicKey) {
	t.Helper()
	dir := t.TempDir()
	if err := NewKey(dir + "/k"); err != nil {
		t.Fatal(err)
	}
	private, err := PrivateKey(dir + "/k")
	if err != nil {
		t.Fatal(err)
	}
	public, err := PublicKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func made(t testing.TB, dir string, k ed25519.PrivateKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, dir, "1.2.3", k); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGood(t *testing.T) {
	dir := parts(t)
	k, public := key(t)
	b := made(t, dir, k)
	if !bytes.Equal(b, made(t, dir, k)) {
		t.Error("the same inputs make different bundles")
	}
	_, others := key(t)
	m, err := Verify(bytes.NewReader(b), append(others, public...))
	if err != nil || m.Version != "1.2.3" {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := m.VerifyDir(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(dir+"/vmlinuz", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.VerifyDir(dir); !errors.Is(err, ErrBad) {
		t.Errorf("a changed file: %v", err)
	}
	if _, err := Verify(bytes.NewReader(b), others); !errors.Is(err, ErrSignature) {
		t.Errorf("another's key: %v", err)
	}
	if _, err := Verify(bytes.NewReader(b), nil); !errors.Is(err, ErrSignature) {
		t.Errorf("no key: %v", err)
	}
}

// No byte of a bundle can be changed, and none be missing, without an error; the
// padding of tar at the very end alone says nothing.
func TestEveryByte(t *testing.T) {
	k, public := key(t)
	b := made(t, parts(t), k)
	content := len(b) - 1024 // two blocks of zeros end a tar file
	for i := 0; i < content; i++ {
		if i > 3000 && i%31 != 0 && i%512 > 160 { // inside a part: every 31st
			continue
		}
		c := bytes.Clone(b)
		c[i] ^= 0x20
		m, err := Verify(bytes.NewReader(c), public)
		if err == nil && (m.Version != "1.2.3" || !harmless(b, i)) {
			t.Fatalf("byte %d was changed", i)
		}
	}
	for _, n := range []int{0, 1, 511, 512, 1024, 2048, 5000, content - 600} {
		if _, err := Verify(bytes.NewReader(b[:n]), public); err == nil {
			t.Errorf("%d of %d bytes are enough", n, len(b))
		}
	}
}

// harmless tells whether a byte is filler behind an entry's end, or of a header's
// fields that nobody looks at: mode, owner, time.
func harmless(b []byte, i int) bool {
	block := i / 512 * 512
	if at := i - block; bytes.Equal(b[block+257:block+262], []byte("ustar")) {
		return at >= 100 && at < 124 || at >= 136 && at < 156 || at >= 265
	}
	return b[i] == 0
}

type entry struct {
	tar.Header
	body string
}

// packed makes a tar file of entries.
func packed(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Typeflag == 0 {
			e.Typeflag = tar.TypeReg
		}
		e.Size = int64(len(e.body))
		e.Mode = 0o644
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Bundles that are signed but wrong, and archives that play tricks.
func TestTricks(t *testing.T) {
	k, public := key(t)
	dir := parts(t)
	good, err := Open(bytes.NewReader(made(t, dir, k)), public)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, body string) entry { return entry{tar.Header{Name: name}, body} }
	content := func(i int) string { return strings.Repeat(string(rune('a'+i)), 5000+i) }
	signed := func(change func(*Manifest), rest ...entry) []entry {
		m := good.Manifest
		m.Files = append([]File(nil), m.Files...)
		if change != nil {
			change(&m)
		}
		text, err := json.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		head := []entry{file(manifestName, string(text)), file(signatureName, string(ed25519.Sign(k, text)))}
		return append(head, rest...)
	}
	all := []entry{file(Files[0], content(0)), file(Files[1], content(1)), file(Files[2], content(2))}
	if _, err := Verify(bytes.NewReader(packed(t, signed(nil, all...))), public); err != nil {
		t.Fatalf("the test's own good bundle: %v", err)
	}
	link := entry{tar.Header{Name: Files[0], Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}, ""}
	for name, entries := range map[string][]entry{
		"nothing":         nil,
		"no signature":    {signed(nil)[0], all[0], all[1], all[2]},
		"order":           signed(nil, all[1], all[0], all[2]),
		"missing":         signed(nil, all[:2]...),
		"twice":           signed(nil, all[0], all[0], all[1], all[2]),
		"extra":           signed(nil, append(all[:3:3], file("extra", "x"))...),
		"path":            signed(nil, file("../vmlinuz", content(0)), all[1], all[2]),
		"absolute":        signed(nil, file("/vmlinuz", content(0)), all[1], all[2]),
		"link":            signed(nil, link, all[1], all[2]),
		"longer":          signed(nil, file(Files[0], content(0)+"x"), all[1], all[2]),
		"shorter":         signed(nil, file(Files[0], content(0)[1:]), all[1], all[2]),
		"other content":   signed(nil, file(Files[0], content(0)[1:]+"x"), all[1], all[2]),
		"other machine":   signed(func(m *Manifest) { m.Arch = "arm64" }, all...),
		"other kind":      signed(func(m *Manifest) { m.Kind = "x" }, all...),
		"later format":    signed(func(m *Manifest) { m.Format = 2 }, all...),
		"version":         signed(func(m *Manifest) { m.Version = "1\n2" }, all...),
		"name in it":      signed(func(m *Manifest) { m.Files[0].Name = "../../boot/grub/grubenv" }, all...),
		"huge":            signed(func(m *Manifest) { m.Files[0].Size = MaxFile + 1 }, all...),
		"negative":        signed(func(m *Manifest) { m.Files[0].Size = -1 }, all...),
		"more files":      signed(func(m *Manifest) { m.Files = append(m.Files, m.Files[0]) }, all...),
		"huge manifest":   {file(manifestName, strings.Repeat("x", maxManifest+1))},
		"empty signature": {signed(nil)[0], file(signatureName, "")},
	} {
		if _, err := Verify(bytes.NewReader(packed(t, entries)), public); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestCompare(t *testing.T) {
	ordered := []string{"0.9", "1.0~rc1", "1.0", "1.0-3-gabcdef", "1.0.1", "1.2", "1.10", "v2.0", "2.0.0", "10"}
	for i, a := range ordered {
		for j, b := range ordered {
			c := Compare(a, b)
			if i < j && c >= 0 || i > j && c <= 0 || i == j && c != 0 {
				t.Errorf("%s, %s: %d", a, b, c)
			}
		}
	}
	if Compare("v1.2", "1.2") != 0 || Compare("1.02", "1.2") != 0 {
		t.Error("equal ones")
	}
}

// Whatever comes, nothing is believed that the key has not signed, and no part is
// larger than its manifest says.
func FuzzVerify(f *testing.F) {
	k, public := key(f)
	b := made(f, parts(f), k)
	want, err := Verify(bytes.NewReader(b), public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:1500])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Verify(bytes.NewReader(b), public)
		if err == nil && got.Version != want.Version {
			t.Fatalf("%+v", got)
		}
	})
}
