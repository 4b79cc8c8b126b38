package gridtest

import (
	"crypto"
	"encoding/pem"
	"math/big"
	"time"
)

// CRL is what a revocation list is made of.
type CRL struct {
	First               bool // of version 1: without version and extensions
	Issuer              []byte
	SignKey             crypto.Signer
	Scheme              Scheme
	Revoked             []*big.Int
	NotBefore, NotAfter time.Time // this and next update; a zero NotAfter is left out
	Extensions          [][]byte
	EntryExtensions     [][]byte // of every entry
}

// NewCRL makes a CA's revocation list, as DER.
func NewCRL(ca *Entity, revoked []*big.Int, changes ...func(*CRL)) []byte {
	c := &CRL{Issuer: ca.Name.DER(), SignKey: ca.Key, Revoked: revoked, NotBefore: NotBefore, NotAfter: NotAfter}
	c.Extensions = [][]byte{AuthorityKeyID(ca.Key), Ext("2.5.29.20", false, Int(1))}
	for _, change := range changes {
		change(c)
	}
	var next, entries []byte
	if !c.NotAfter.IsZero() {
		next = UTCTime(c.NotAfter)
	}
	var list [][]byte
	for _, serial := range c.Revoked {
		entry := [][]byte{BigInt(serial), UTCTime(NotBefore)}
		if c.EntryExtensions != nil {
			entry = append(entry, Seq(c.EntryExtensions...))
		}
		list = append(list, Seq(entry...))
	}
	if list != nil {
		entries = Seq(list...)
	}
	algorithm := c.Scheme.algorithm(c.SignKey)
	version, extensions := Int(1), Tagged(0, Seq(c.Extensions...))
	if c.First {
		version, extensions = nil, nil
	}
	tbs := Seq(version, algorithm, c.Issuer, UTCTime(c.NotBefore), next, entries, extensions)
	return Seq(tbs, algorithm, Bits(c.Scheme.sign(c.SignKey, tbs)))
}

// CRLPEM is a revocation list as PEM.
func CRLPEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }
