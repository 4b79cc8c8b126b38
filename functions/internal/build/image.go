package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The media types of an image.
// https://github.com/opencontainers/image-spec
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// nobody is whom the image runs as.
const nobody = "65534"

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type imageConfig struct {
	platform
	Created string `json:"created"`
	Config  struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		WorkingDir   string              `json:"WorkingDir"`
		Labels       map[string]string   `json:"Labels"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// layout writes the blobs of an image.
type layout struct{ dir string }

// writeImage writes an OCI image layout of one image for all architectures, and
// gives its digest.
func writeImage(dir, release string, arches []string, bins map[string]map[string]string, roots []byte) (string, error) {
	l := &layout{dir}
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return "", err
	}
	all := index{SchemaVersion: 2, MediaType: indexType}
	for _, arch := range arches {
		d, err := l.platform(release, arch, bins[arch], roots)
		if err != nil {
			return "", err
		}
		all.Manifests = append(all.Manifests, d)
	}
	// The index of the layout names the image, which is itself an index.
	image, err := l.document(indexType, all)
	if err != nil {
		return "", err
	}
	image.Annotations = map[string]string{"org.opencontainers.image.ref.name": release}
	top, err := json.Marshal(index{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{image}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), top, 0o644); err != nil {
		return "", err
	}
	return image.Digest, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

// platform writes the image for one architecture.
func (l *layout) platform(release, arch string, bins map[string]string, roots []byte) (descriptor, error) {
	base, baseID, err := l.layer(func(w *tar.Writer) error { return baseFiles(w, roots) })
	if err != nil {
		return descriptor{}, err
	}
	programs, programsID, err := l.layer(func(w *tar.Writer) error {
		for _, f := range functions {
			text, err := os.ReadFile(bins[f])
			if err == nil {
				err = addFile(w, "usr/local/bin/"+f, 0o755, text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return descriptor{}, err
	}
	p := platform{Architecture: arch, OS: "linux"}
	c := imageConfig{platform: p, Created: "1980-01-01T00:00:00Z"}
	c.Config.User = nobody + ":" + nobody
	c.Config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
	c.Config.Env = []string{"PATH=/usr/local/bin", "PORT=8080", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	c.Config.Entrypoint, c.Config.WorkingDir = []string{"gateway"}, "/"
	c.Config.Labels = map[string]string{"org.opencontainers.image.title": "mucura functions", "org.opencontainers.image.version": release, "org.opencontainers.image.licenses": "Apache-2.0"}
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{baseID, programsID}
	config, err := l.document(configType, c)
	if err != nil {
		return descriptor{}, err
	}
	d, err := l.document(manifestType, manifest{SchemaVersion: 2, MediaType: manifestType, Config: config, Layers: []descriptor{base, programs}})
	d.Platform = &p
	return d, err
}

// document writes a JSON blob.
func (l *layout) document(kind string, v any) (descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return l.blob(kind, text)
}

func (l *layout) blob(kind string, content []byte) (descriptor, error) {
	sum := sha256.Sum256(content)
	name := hex.EncodeToString(sum[:])
	err := os.WriteFile(filepath.Join(l.dir, "blobs", "sha256", name), content, 0o644)
	return descriptor{MediaType: kind, Digest: "sha256:" + name, Size: int64(len(content))}, err
}

// layer writes a layer; diffID is the digest before compression.
func (l *layout) layer(fill func(*tar.Writer) error) (d descriptor, diffID string, err error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return d, "", err
	}
	sum := sha256.New()
	w := tar.NewWriter(io.MultiWriter(z, sum))
	if err := fill(w); err != nil {
		return d, "", err
	}
	if err := w.Close(); err != nil {
		return d, "", err
	}
	if err := z.Close(); err != nil {
		return d, "", err
	}
	d, err = l.blob(layerType, packed.Bytes())
	return d, "sha256:" + hex.EncodeToString(sum.Sum(nil)), err
}

// baseFiles are what a static program wants of a system.
func baseFiles(w *tar.Writer, roots []byte) error {
	for _, dir := range []string{"etc/", "etc/ssl/", "etc/ssl/certs/", "usr/", "usr/local/", "usr/local/bin/"} {
		if err := addDir(w, dir, 0o755); err != nil {
			return err
		}
	}
	if err := addDir(w, "tmp/", 0o1777); err != nil {
		return err
	}
	for _, f := range []struct{ name, text string }{
		{"etc/group", "root:x:0:\nnogroup:x:" + nobody + ":\n"},
		{"etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nnobody:x:" + nobody + ":" + nobody + ":nobody:/:/sbin/nologin\n"},
		{"etc/nsswitch.conf", "hosts: files dns\n"},
		{"etc/ssl/certs/ca-certificates.crt", string(roots)},
	} {
		if err := addFile(w, f.name, 0o644, []byte(f.text)); err != nil {
			return err
		}
	}
	return nil
}

func addDir(w *tar.Writer, name string, mode int64) error {
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, ModTime: epoch, Format: tar.FormatUSTAR})
}

func addFile(w *tar.Writer, name string, mode int64, text []byte) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: int64(len(text)), ModTime: epoch, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(text)
	return err
}
