package gridproxy

import (
	"crypto"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Trust is an immutable snapshot of trust anchors, revocation lists, signing
// policies, namespaces and the vomsdir. Any number of goroutines may use it.
type Trust struct {
	roots, intermediates *x509.CertPool
	rootCount            int
	anchorCount          int

	stems      map[[32]byte][]string            // certificate -> hashes it is filed under
	policies   map[string][]signingPolicy       // by hash
	namespaces map[string][]namespaces          // by hash
	crls       map[string][]*crl                // by canonical issuer
	badCRLs    map[string]bool                  // hashes with a list that cannot be read
	lsc        map[string]map[string][]lscChain // by VO, then host
	loaded     time.Time
	problems   []Problem
}

// Problem is a file that could not be used; the rest of the directory is.
type Problem struct {
	File string
	Err  error
}

// ErrNoRoot is a trust directory without a single usable self-signed CA.
var ErrNoRoot = errors.New("no root certificate in the trust directory")

// Problems lists the files that could not be used, in the order of their names.
func (t *Trust) Problems() []Problem { return t.problems }

// LoadedAt is when the snapshot was read.
func (t *Trust) LoadedAt() time.Time { return t.loaded }

// Roots and Anchors count the self-signed CA certificates, and all of them.
func (t *Trust) Roots() int { return t.rootCount }

// Anchors counts the CA certificates of the directory, self-signed or not.
func (t *Trust) Anchors() int { return t.anchorCount }

// file is one file of a trust directory, read when it is needed.
type file struct {
	name string
	read func() ([]byte, error)
}

// builder makes a snapshot.
type builder struct {
	*Trust
	anchors []*certificate
	seenCRL map[[32]byte]bool
}

// build reads the files of a trust directory and of a vomsdir. Whatever is
// wrong with one file is a problem, and the rest stays usable; no root at all
// is an error.
func build(certificates, vomsdir []file, now time.Time) (*Trust, error) {
	b := &builder{seenCRL: map[[32]byte]bool{}, Trust: &Trust{
		roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), loaded: now,
		stems: map[[32]byte][]string{}, policies: map[string][]signingPolicy{}, namespaces: map[string][]namespaces{},
		crls: map[string][]*crl{}, badCRLs: map[string]bool{}, lsc: map[string]map[string][]lscChain{},
	}}
	for _, f := range certificates {
		if stem, kind, ok := classify(f.name); ok {
			b.note(f.name, b.add(stem, kind, f))
		}
	}
	for _, f := range vomsdir {
		b.note(f.name, b.addLSC(f))
	}
	if b.rootCount == 0 {
		return nil, ErrNoRoot
	}
	b.settleCRLs()
	return b.Trust, nil
}

func (b *builder) note(name string, err error) {
	if err != nil {
		b.problems = append(b.problems, Problem{name, err})
	}
}

// kinds of files in a trust directory, by their suffix.
const (
	kindCertificate = "certificate"
	kindCRL         = "crl"
	kindPolicy      = "signing_policy"
	kindNamespaces  = "namespaces"
)

// classify reads names like 1a2b3c4d.0, .r0, .signing_policy and .namespaces.
func classify(name string) (stem, kind string, ok bool) {
	stem, suffix, found := strings.Cut(name, ".")
	if !found || len(stem) != 8 || strings.Trim(stem, "0123456789abcdef") != "" {
		return "", "", false
	}
	number, isCRL := strings.CutPrefix(suffix, "r")
	switch {
	case suffix == kindPolicy || suffix == kindNamespaces:
		return stem, suffix, true
	case number == "" || len(number) > 3 || strings.Trim(number, "0123456789") != "":
		return "", "", false
	case isCRL:
		return stem, kindCRL, true
	}
	return stem, kindCertificate, true
}

// add reads one file. A policy, namespaces file or list that cannot be read is
// not the same as none: it refuses.
func (b *builder) add(stem, kind string, f file) error {
	text, err := f.read()
	switch kind {
	case kindCertificate:
		if err != nil {
			return err
		}
		return b.addAnchors(stem, text)
	case kindCRL:
		if err == nil {
			err = b.addCRL(text)
		}
		if err != nil {
			b.badCRLs[stem] = true
		}
	case kindPolicy:
		p := signingPolicy{bad: true}
		if err == nil {
			p, err = parseSigningPolicy(string(text))
		}
		b.policies[stem] = append(b.policies[stem], p)
	case kindNamespaces:
		n := namespaces{bad: true}
		if err == nil {
			n, err = parseNamespaces(string(text))
		}
		b.Trust.namespaces[stem] = append(b.Trust.namespaces[stem], n)
	}
	return err
}

// addAnchors adds the CA certificates of a file.
func (b *builder) addAnchors(stem string, text []byte) error {
	found := false
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		found = true
		if err := b.addAnchor(stem, block.Bytes); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("no PEM certificate")
	}
	return nil
}

// addAnchor adds a CA certificate: to the roots when it signed itself, else to
// the intermediates.
func (b *builder) addAnchor(stem string, raw []byte) error {
	key := sha256.Sum256(raw)
	if known, ok := b.stems[key]; ok {
		if !contains(known, stem) {
			b.stems[key] = append(known, stem)
		}
		return nil
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		return err
	}
	name, err := ParseName(c.RawSubject)
	if err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	root := selfSigned(c)
	if !c.IsCA && !(root && c.Version < 3) {
		return errors.New("not a CA certificate")
	}
	b.stems[key] = []string{stem}
	b.anchors = append(b.anchors, &certificate{Certificate: c, subject: name})
	b.anchorCount++
	if root {
		b.roots.AddCert(c)
		b.rootCount++
	} else {
		b.intermediates.AddCert(c)
	}
	return nil
}

// selfSigned tells whether a certificate is signed with its own key, by any
// algorithm: nothing depends on the strength of a root's own signature.
func selfSigned(c *x509.Certificate) bool {
	if string(c.RawIssuer) != string(c.RawSubject) {
		return false
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && c.SignatureAlgorithm == x509.MD5WithRSA {
		sum := md5.Sum(c.RawTBSCertificate)
		return rsa.VerifyPKCS1v15(key, crypto.MD5, sum[:], c.Signature) == nil
	}
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// addCRL adds a revocation list, unless it is a copy of one under another name.
func (b *builder) addCRL(text []byte) error {
	key := sha256.Sum256(text)
	if b.seenCRL[key] {
		return nil
	}
	c, err := parseCRL(text)
	if err != nil {
		return err
	}
	b.seenCRL[key] = true
	issuer := string(c.issuer.canonical())
	b.crls[issuer] = append(b.crls[issuer], c)
	return nil
}

// settleCRLs finds out which of the CAs signed which lists.
func (b *builder) settleCRLs() {
	for _, ca := range b.anchors {
		for _, c := range b.crls[string(ca.subject.canonical())] {
			c.verify(ca.Certificate)
		}
	}
	for _, lists := range b.crls {
		for _, c := range lists {
			c.settle()
		}
	}
}

// addLSC adds a file of the vomsdir, <vo>/<host>.lsc.
func (b *builder) addLSC(f file) error {
	vo, rest, _ := strings.Cut(f.name, "/")
	host, isLSC := strings.CutSuffix(rest, ".lsc")
	if !isLSC || host == "" {
		return nil
	}
	text, err := f.read()
	if err != nil {
		return err
	}
	chains, err := parseLSC(string(text))
	if err != nil {
		return err
	}
	if b.lsc[vo] == nil {
		b.lsc[vo] = map[string][]lscChain{}
	}
	b.lsc[vo][host] = chains
	return nil
}
