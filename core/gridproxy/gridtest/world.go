package gridtest

import (
	"io/fs"
	"math/big"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
)

// The virtual organisation of a [World], and its VOMS server.
const (
	VO       = "vo.example.org"
	VOMSHost = "voms.example.org"
)

// Now is a time at which all good material is valid.
var Now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// World is a small grid: a root, a CA below it that issues for
// /DC=org/DC=example/, two people, a revoked one, a VOMS server.
type World struct {
	Root, CA         *Entity
	Alice, Bob, Dave *Entity // Dave's certificate is revoked
	AA               *Entity // signs attribute certificates of VO
	RootAnchor       Anchor
	CAAnchor         Anchor
	VOMSDir          fstest.MapFS
}

// NewWorld makes one, with new keys on P-256.
func NewWorld() *World { return newWorld(func() Option { return Keyed(ECKey()) }) }

// NewRSAWorld makes one with RSA keys of 2048 bits, as grids of today have.
func NewRSAWorld() *World { return newWorld(func() Option { return Keyed(RSAKey(2048)) }) }

func newWorld(key func() Option) *World {
	w := &World{}
	w.Root = NewCA("/DC=org/DC=example/CN=Root CA", nil, key())
	w.CA = NewCA("/DC=org/DC=example/CN=Issuing CA", w.Root, key())
	w.Alice = NewEEC("/DC=org/DC=example/OU=People/CN=Alice", w.CA, key())
	w.Bob = NewEEC("/DC=org/DC=example/OU=People/CN=Bob", w.CA, key())
	w.Dave = NewEEC("/DC=org/DC=example/OU=People/CN=Dave", w.CA, key())
	w.AA = NewHost("/DC=org/DC=example/OU=Hosts/CN="+VOMSHost, w.CA, key())
	w.RootAnchor = Anchor{CA: w.Root, Policy: Policy(w.Root.Name, "/DC=org/DC=example/CN=*"),
		Namespaces: Permit(w.Root.Name, "/DC=org/DC=example/CN=Issuing CA"), CRLs: [][]byte{NewCRL(w.Root, nil)}}
	w.CAAnchor = Anchor{CA: w.CA, Policy: Policy(w.CA.Name, "/DC=org/DC=example/*"),
		Namespaces: Permit(w.CA.Name, "/DC=org/DC=example/.*"), CRLs: [][]byte{NewCRL(w.CA, []*big.Int{w.Dave.Serial})}}
	w.VOMSDir = VOMSDir(VO, VOMSHost, LSC(w.AA))
	return w
}

// Directory is the world's trust directory.
func (w *World) Directory() fs.FS { return Directory(w.RootAnchor, w.CAAnchor) }

// Trust is a snapshot of the world's directories.
func (w *World) Trust(t testing.TB) *gridproxy.Trust {
	t.Helper()
	trust, err := gridproxy.LoadFS(w.Directory(), w.VOMSDir, Now)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// AC is an attribute certificate of the world's VO for a person.
func (w *World) AC(holder *Entity, fqans []string, changes ...func(*AC)) []byte {
	return NewAC(holder, w.AA, VO, VOMSHost, fqans, changes...)
}

// WriteDirs writes the trust directory and the vomsdir below dir and returns
// their paths.
func (w *World) WriteDirs(t testing.TB, dir string) (certificates, vomsdir string) {
	t.Helper()
	certificates, vomsdir = dir+"/certificates", dir+"/vomsdir"
	Write(t, certificates, w.Directory())
	Write(t, vomsdir, w.VOMSDir)
	return certificates, vomsdir
}
