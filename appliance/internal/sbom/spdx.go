package main

import (
	"bufio"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// document is what SPDX 2.3 calls so, with the fields used here.
type document struct {
	SPDXVersion   string         `json:"spdxVersion"`
	DataLicense   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []pkg          `json:"packages"`
	Relationships []relationship `json:"relationships"`

	seen map[string]bool // IDs in Packages
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type pkg struct {
	ID            string      `json:"SPDXID"`
	Name          string      `json:"name"`
	Version       string      `json:"versionInfo,omitempty"`
	Source        string      `json:"sourceInfo,omitempty"`
	Location      string      `json:"downloadLocation"`
	FilesAnalyzed bool        `json:"filesAnalyzed"`
	Checksums     []checksum  `json:"checksums,omitempty"`
	Refs          []reference `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const imageID = "SPDXRef-Image"

func newDocument(version string, made time.Time) *document {
	d := &document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT",
		Name:      "mucura-appliance-" + version,
		Namespace: "https://github.com/mucura/mucura/spdx/appliance-" + url.PathEscape(version) + "-" + fmt.Sprint(made.Unix()),
		Creation:  creation{made.Format(time.RFC3339), []string{"Tool: mucura-sbom"}},
		seen:      map[string]bool{},
	}
	d.add(pkg{ID: imageID, Name: "mucura-appliance", Version: version})
	d.relate(d.ID, "DESCRIBES", imageID)
	return d
}

func (d *document) add(p pkg) {
	if d.seen[p.ID] {
		return
	}
	d.seen[p.ID] = true
	p.Location = "NOASSERTION"
	d.Packages = append(d.Packages, p)
}

func (d *document) relate(from, kind, to string) {
	r := relationship{from, kind, to}
	if !slices.Contains(d.Relationships, r) {
		d.Relationships = append(d.Relationships, r)
	}
}

// addDebian reads lines of package, version, source and the source's version.
func (d *document) addDebian(list io.Reader) error {
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 4 {
			return fmt.Errorf("line %q has not four fields", lines.Text())
		}
		p := pkg{ID: id("Debian", f[0], ""), Name: f[0], Version: f[1], Source: f[2] + " " + f[3]}
		p.Refs = purl("pkg:deb/debian/" + f[0] + "@" + url.QueryEscape(f[1]) + "?arch=amd64&distro=bookworm")
		d.add(p)
		d.relate(imageID, "CONTAINS", p.ID)
	}
	return lines.Err()
}

// addProgram adds a Go program, the standard library and modules it is linked from.
func (d *document) addProgram(path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	sum, err := hash(path)
	if err != nil {
		return err
	}
	name := filepath.Base(path)
	p := pkg{ID: id("Program", name, ""), Name: name, Checksums: []checksum{{"SHA256", sum}}}
	p.Source = "built from " + info.Path
	d.add(p)
	d.relate(imageID, "CONTAINS", p.ID)
	modules := append([]*debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}, info.Deps...)
	for _, m := range modules {
		if m.Replace != nil {
			m = m.Replace
		}
		dep := pkg{ID: id("Go", m.Path, m.Version), Name: m.Path, Version: m.Version, Source: m.Sum}
		dep.Refs = purl("pkg:golang/" + m.Path + "@" + url.QueryEscape(m.Version))
		d.add(dep)
		d.relate(p.ID, "STATIC_LINK", dep.ID)
	}
	return nil
}

func (d *document) write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

func purl(locator string) []reference {
	return []reference{{"PACKAGE-MANAGER", "purl", locator}}
}

// id is an SPDX identifier: letters, digits, dots and dashes. Other bytes become
// their number, so that different names stay different.
func id(kind, name, version string) string {
	var b strings.Builder
	for _, c := range []byte(name + "-" + version) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, ".%02x", c)
		}
	}
	return "SPDXRef-" + kind + "-" + strings.TrimSuffix(b.String(), "-")
}

func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
