package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// programs makes stand-ins for the compiled functions, whose content is no
// matter to the packing.
func programs(t *testing.T, dir string, arches ...string) map[string]map[string]string {
	t.Helper()
	bins := map[string]map[string]string{}
	for _, arch := range arches {
		bins[arch] = map[string]string{}
		for _, f := range functions {
			path := filepath.Join(dir, arch+"-"+f)
			if err := os.WriteFile(path, bytes.Repeat([]byte(arch+f), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
			bins[arch][f] = path
		}
	}
	return bins
}

func TestZip(t *testing.T) {
	dir := t.TempDir()
	program := programs(t, dir, "arm64")["arm64"]["sweep"]
	var last []byte
	for _, name := range []string{"a.zip", "b.zip"} {
		path := filepath.Join(dir, name)
		n, err := writeZip(path, program)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || int64(len(text)) != n {
			t.Fatalf("%d bytes, said %d: %v", len(text), n, err)
		}
		if last != nil && !bytes.Equal(text, last) {
			t.Error("twice, and not the same bytes")
		}
		last = text
	}
	z, err := zip.NewReader(bytes.NewReader(last), int64(len(last)))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode().Perm() != 0o755 {
		t.Fatalf("%+v", z.File[0])
	}
	in, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(in)
	want, _ := os.ReadFile(program)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes: %v", err)
	}
}

// TestImage reads an image as an engine does, digests and all.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	arches := []string{"arm64", "amd64"}
	bins := programs(t, dir, arches...)
	image := filepath.Join(dir, "image")
	digest, err := writeImage(image, "v1.2", arches, bins, []byte("ROOTS"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := writeImage(filepath.Join(dir, "again"), "v1.2", arches, bins, []byte("ROOTS"))
	if err != nil || again != digest {
		t.Errorf("twice: %s and %s: %v", digest, again, err)
	}
	var version struct{ ImageLayoutVersion string }
	readJSON(t, filepath.Join(image, "oci-layout"), &version)
	if version.ImageLayoutVersion != "1.0.0" {
		t.Errorf("layout %q", version.ImageLayoutVersion)
	}
	var top, all index
	readJSON(t, filepath.Join(image, "index.json"), &top)
	if len(top.Manifests) != 1 || top.Manifests[0].Digest != digest || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2" {
		t.Fatalf("%+v", top)
	}
	decode(t, blob(t, image, top.Manifests[0]), &all)
	if len(all.Manifests) != 2 {
		t.Fatalf("%+v", all)
	}
	for i, d := range all.Manifests {
		if d.Platform == nil || d.Platform.Architecture != arches[i] || d.Platform.OS != "linux" {
			t.Fatalf("platform %+v", d.Platform)
		}
		checkPlatform(t, image, d, arches[i], bins[arches[i]])
	}
}

func checkPlatform(t *testing.T, image string, d descriptor, arch string, bins map[string]string) {
	t.Helper()
	var m manifest
	decode(t, blob(t, image, d), &m)
	var c imageConfig
	decode(t, blob(t, image, m.Config), &c)
	if c.Architecture != arch || c.Config.User != "65534:65534" || !slices.Equal(c.Config.Entrypoint, []string{"gateway"}) {
		t.Errorf("config %+v", c)
	}
	if len(m.Layers) != len(c.RootFS.DiffIDs) {
		t.Fatalf("%d layers, %d digests", len(m.Layers), len(c.RootFS.DiffIDs))
	}
	files := map[string]string{}
	for i, l := range m.Layers {
		z, err := gzip.NewReader(bytes.NewReader(blob(t, image, l)))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(plain); "sha256:"+hex.EncodeToString(sum[:]) != c.RootFS.DiffIDs[i] {
			t.Errorf("layer %d is not what the config says", i)
		}
		maps.Copy(files, untar(t, plain))
	}
	for _, f := range functions {
		if want, _ := os.ReadFile(bins[f]); files["usr/local/bin/"+f] != string(want) {
			t.Errorf("%s: other bytes", f)
		}
	}
	if files["etc/ssl/certs/ca-certificates.crt"] != "ROOTS" || !bytes.Contains([]byte(files["etc/passwd"]), []byte("nobody:x:65534:65534:")) {
		t.Errorf("files %v", slices.Sorted(maps.Keys(files)))
	}
}

// untar gives the files of a layer; those in /usr/local/bin must be executable.
func untar(t *testing.T, layer []byte) map[string]string {
	t.Helper()
	files, r := map[string]string{}, tar.NewReader(bytes.NewReader(layer))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(h.Name) == "usr/local/bin" && h.Typeflag == tar.TypeReg && h.Mode != 0o755 {
			t.Errorf("%s has mode %o", h.Name, h.Mode)
		}
		files[h.Name] = string(text)
	}
}

// blob reads a blob and holds it against its descriptor.
func blob(t *testing.T, image string, d descriptor) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(image, "blobs", "sha256", d.Digest[len("sha256:"):]))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != d.Digest[len("sha256:"):] || int64(len(text)) != d.Size {
		t.Errorf("%s is not what its name says", d.Digest)
	}
	return text
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, text, v)
}

func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}
