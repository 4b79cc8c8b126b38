package gridtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mucura/mucura/core/gridproxy"
)

// Anchor is a CA of a trust directory and the files about it.
type Anchor struct {
	CA *Entity
	// Policy is the text of its signing_policy, Namespaces of that file; "" is
	// no file.
	Policy, Namespaces string
	CRLs               [][]byte // DER
	// Number is N in HHHHHHHH.N, for several CAs with one hash.
	Number int
}

// Policy is a signing_policy with one group.
func Policy(ca Name, patterns ...string) string {
	return fmt.Sprintf("# a comment\n\n access_id_CA\tX509\t'%s'\n pos_rights\tglobus\tCA:sign\n cond_subjects\tglobus\t'\"%s\"'\n",
		ca.Slash(), strings.Join(patterns, `" "`))
}

// Permit is a namespaces file with a PERMIT for each expression.
func Permit(ca Name, expressions ...string) string {
	var out strings.Builder
	out.WriteString("#NAMESPACES-VERSION: 1.0\n")
	for _, e := range expressions {
		fmt.Fprintf(&out, "TO Issuer %q \\\n  PERMIT Subject \"%s\"\n", ca.Slash(), e)
	}
	return out.String()
}

// Directory is a trust directory, under the hashes of new and old.
func Directory(anchors ...Anchor) fstest.MapFS {
	files := fstest.MapFS{}
	for _, a := range anchors {
		hash, old, err := gridproxy.SubjectHashes(a.CA.Name.DER())
		if err != nil {
			panic(err)
		}
		for _, stem := range []string{hash, old} {
			put := func(suffix string, text []byte) { files[stem+"."+suffix] = &fstest.MapFile{Data: text, Mode: 0o644} }
			put(fmt.Sprint(a.Number), CertPEM(a.CA.DER))
			for i, crl := range a.CRLs {
				put(fmt.Sprintf("r%d", a.Number+i), CRLPEM(crl))
			}
			if a.Policy != "" {
				put("signing_policy", []byte(a.Policy))
			}
			if a.Namespaces != "" {
				put("namespaces", []byte(a.Namespaces))
			}
		}
	}
	return files
}

// VOMSDir is a vomsdir with one LSC file.
func VOMSDir(vo, host, lsc string) fstest.MapFS {
	return fstest.MapFS{vo + "/" + host + ".lsc": {Data: []byte(lsc), Mode: 0o644}}
}

// LSC is the text of an LSC file for a chain of certificates.
func LSC(chain ...*Entity) string {
	var out strings.Builder
	for _, e := range chain {
		out.WriteString(e.Name.Slash() + "\n" + e.issuer.Slash() + "\n")
	}
	return out.String()
}

// Write writes the files of a tree below a directory.
func Write(t testing.TB, dir string, tree fs.FS) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
