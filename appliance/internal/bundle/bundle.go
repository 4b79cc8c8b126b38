// Package bundle is the file an update comes in: a tar archive with a manifest,
// the manifest's signature, and a kernel, initrd and system that the manifest
// gives the hashes of. Nothing of it is believed before the signature holds.
package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// Files are the parts of a system, in the order they stand in a bundle.
var Files = []string{"vmlinuz", "initrd.img", "filesystem.squashfs"}

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.json.sig"
	kind          = "mucura-update"
	// Arch is what bundles are made for.
	Arch = "amd64"

	maxManifest = 64 << 10
	// MaxFile bounds one part, bytes; a whole system has less than a tenth.
	MaxFile = 2 << 30
)

// Manifest describes an update.
type Manifest struct {
	Kind    string `json:"kind"`
	Format  int    `json:"format"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	Files   []File `json:"files"`
}

// File is one part.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
}

var (
	// ErrSignature is a bundle that none of the trusted keys has signed.
	ErrSignature = errors.New("the update is not signed by a key that this appliance trusts")
	// ErrBad is a bundle that is damaged, or is none.
	ErrBad = errors.New("not a good update")
)

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBad, fmt.Sprintf(format, args...))
}

var versionRE = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$`)

// check tells whether a manifest describes an update for this appliance.
func (m *Manifest) check() error {
	switch {
	case m.Kind != kind || m.Format != 1:
		return bad("kind %q, format %d", m.Kind, m.Format)
	case m.Arch != Arch:
		return bad("it is for %q", m.Arch)
	case !versionRE.MatchString(m.Version):
		return bad("version %q", m.Version)
	case len(m.Files) != len(Files):
		return bad("%d files", len(m.Files))
	}
	for i, f := range m.Files {
		sum, err := hex.DecodeString(f.SHA256)
		if f.Name != Files[i] || f.Size < 1 || f.Size > MaxFile || err != nil || len(sum) != sha256.Size {
			return bad("file %d of the manifest", i+1)
		}
	}
	return nil
}

// Write makes a bundle of the files in dir.
func Write(w io.Writer, dir, version string, key ed25519.PrivateKey) error {
	m := Manifest{Kind: kind, Format: 1, Version: version, Arch: Arch}
	for _, name := range Files {
		f, err := describe(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	if err := m.check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(&m, "", "  ")
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := add(t, manifestName, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	sig := ed25519.Sign(key, text)
	if err := add(t, signatureName, int64(len(sig)), bytes.NewReader(sig)); err != nil {
		return err
	}
	for _, f := range m.Files {
		in, err := os.Open(filepath.Join(dir, f.Name))
		if err != nil {
			return err
		}
		err = add(t, f.Name, f.Size, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return t.Close()
}

func describe(path string) (File, error) {
	in, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	return File{filepath.Base(path), n, hex.EncodeToString(sum.Sum(nil))}, err
}

// add writes an entry that depends on nothing but its content.
func add(t *tar.Writer, name string, size int64, r io.Reader) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err := io.Copy(t, r)
	return err
}

// Reader reads a bundle whose signature holds.
type Reader struct {
	Manifest Manifest
	tar      *tar.Reader
}

// Open reads the manifest and verifies its signature against the keys.
func Open(r io.Reader, keys []ed25519.PublicKey) (*Reader, error) {
	t := tar.NewReader(r)
	text, err := small(t, manifestName, maxManifest)
	if err != nil {
		return nil, err
	}
	sig, err := small(t, signatureName, ed25519.SignatureSize)
	if err != nil {
		return nil, err
	}
	if !signed(text, sig, keys) {
		return nil, ErrSignature
	}
	b := &Reader{tar: t}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b.Manifest); err != nil {
		return nil, bad("manifest: %v", err)
	}
	return b, b.Manifest.check()
}

func signed(text, sig []byte, keys []ed25519.PublicKey) bool {
	for _, k := range keys {
		if len(k) == ed25519.PublicKeySize && ed25519.Verify(k, text, sig) {
			return true
		}
	}
	return false
}

// next reads the header of the entry that must come now: a plain file.
func next(t *tar.Reader, name string) (*tar.Header, error) {
	h, err := t.Next()
	if errors.Is(err, io.EOF) {
		return nil, bad("it ends before %s", name)
	}
	if err != nil {
		return nil, bad("%v", err)
	}
	if h.Name != name || h.Typeflag != tar.TypeReg || h.Linkname != "" || len(h.PAXRecords) > 0 {
		return nil, bad("%q where the plain file %s should be", h.Name, name)
	}
	return h, nil
}

func small(t *tar.Reader, name string, limit int64) ([]byte, error) {
	h, err := next(t, name)
	if err != nil {
		return nil, err
	}
	if h.Size < 1 || h.Size > limit {
		return nil, bad("%s has %d bytes", name, h.Size)
	}
	b, err := io.ReadAll(io.LimitReader(t, limit))
	if err != nil {
		return nil, bad("%s: %v", name, err)
	}
	return b, nil
}

// Extract writes the parts by open, which is asked for each by its name, and
// verifies every byte. What was written before an error must not be used. After
// the last part nothing may follow.
func (b *Reader) Extract(open func(name string) (io.WriteCloser, error)) error {
	for _, f := range b.Manifest.Files {
		if err := b.extract(f, open); err != nil {
			return err
		}
	}
	if h, err := b.tar.Next(); err == nil {
		return bad("%q after the last file", h.Name)
	} else if !errors.Is(err, io.EOF) {
		return bad("%v", err)
	}
	return nil
}

func (b *Reader) extract(f File, open func(string) (io.WriteCloser, error)) error {
	h, err := next(b.tar, f.Name)
	if err != nil {
		return err
	}
	if h.Size != f.Size {
		return bad("%s has %d bytes, the manifest says %d", f.Name, h.Size, f.Size)
	}
	w, err := open(f.Name)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), b.tar)
	if cerr := w.Close(); cerr != nil {
		return cerr // the disk's, not the bundle's
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if n != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return bad("%s is damaged", f.Name)
	}
	return nil
}

// Verify reads a whole bundle and believes it or not.
func Verify(r io.Reader, keys []ed25519.PublicKey) (*Manifest, error) {
	b, err := Open(r, keys)
	if err != nil {
		return nil, err
	}
	return &b.Manifest, b.Extract(func(string) (io.WriteCloser, error) { return discard{}, nil })
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// VerifyDir tells whether the files in a directory are those of the manifest, by
// reading them back.
func (m *Manifest) VerifyDir(dir string) error {
	for _, want := range m.Files {
		got, err := describe(filepath.Join(dir, want.Name))
		if err != nil {
			return err
		}
		if got != want {
			return bad("%s is not what was written", want.Name)
		}
	}
	return nil
}
