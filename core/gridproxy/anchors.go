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
	"slices"
)

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
		if !slices.Contains(known, stem) {
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
	admitConstraints(c)
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
