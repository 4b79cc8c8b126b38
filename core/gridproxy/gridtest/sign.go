package gridtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/md5" // signatures of old
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	_ "crypto/sha256" // the usual
	_ "crypto/sha512" // the long
	"crypto/x509"
)

// ECKey makes a P-256 key: the fast one, and the default everywhere here.
func ECKey() crypto.Signer { return CurveKey(elliptic.P256()) }

// CurveKey makes a key on the curve.
func CurveKey(c elliptic.Curve) crypto.Signer { return must(ecdsa.GenerateKey(c, rand.Reader)) }

// RSAKey makes an RSA key. It takes a moment: share it within a test.
func RSAKey(bits int) crypto.Signer { return must(rsa.GenerateKey(rand.Reader, bits)) }

// Scheme is how a certificate is signed, beside the key. The zero value is
// SHA-256, with RSA as PKCS #1 v1.5.
type Scheme struct {
	Hash crypto.Hash
	PSS  bool
}

func (s Scheme) hash() crypto.Hash {
	if s.Hash == 0 {
		return crypto.SHA256
	}
	return s.Hash
}

// algorithm is the AlgorithmIdentifier of the scheme with the key.
func (s Scheme) algorithm(key crypto.Signer) []byte {
	switch key.(type) {
	case *rsa.PrivateKey:
		if s.PSS {
			return s.pss()
		}
		return Seq(OID(map[crypto.Hash]string{
			crypto.MD5: "1.2.840.113549.1.1.4", crypto.SHA1: "1.2.840.113549.1.1.5", crypto.SHA256: "1.2.840.113549.1.1.11",
			crypto.SHA384: "1.2.840.113549.1.1.12", crypto.SHA512: "1.2.840.113549.1.1.13",
		}[s.hash()]), Null())
	case *ecdsa.PrivateKey:
		return Seq(OID(map[crypto.Hash]string{
			crypto.SHA1: "1.2.840.10045.4.1", crypto.SHA256: "1.2.840.10045.4.3.2",
			crypto.SHA384: "1.2.840.10045.4.3.3", crypto.SHA512: "1.2.840.10045.4.3.4",
		}[s.hash()]))
	}
	return Seq(OID("1.3.101.112")) // Ed25519
}

func (s Scheme) pss() []byte {
	id := Seq(OID(map[crypto.Hash]string{
		crypto.SHA256: "2.16.840.1.101.3.4.2.1", crypto.SHA384: "2.16.840.1.101.3.4.2.2", crypto.SHA512: "2.16.840.1.101.3.4.2.3",
	}[s.hash()]), Null())
	return Seq(OID("1.2.840.113549.1.1.10"), Seq(
		Tagged(0, id), Tagged(1, Seq(OID("1.2.840.113549.1.1.8"), id)), Tagged(2, Int(int64(s.hash().Size())))))
}

// sign signs the bytes.
func (s Scheme) sign(key crypto.Signer, data []byte) []byte {
	if _, ok := key.(ed25519.PrivateKey); ok {
		return must(key.Sign(rand.Reader, data, crypto.Hash(0)))
	}
	h := s.hash().New()
	h.Write(data)
	var opts crypto.SignerOpts = s.hash()
	if s.PSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash()}
	}
	return must(key.Sign(rand.Reader, h.Sum(nil), opts))
}

func spki(key crypto.Signer) []byte { return must(x509.MarshalPKIXPublicKey(key.Public())) }

// KeyID is the SHA-1 of the public key's bits.
func KeyID(key crypto.Signer) []byte {
	var bits []byte
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		bits = x509.MarshalPKCS1PublicKey(public)
	case *ecdsa.PublicKey:
		bits = must(public.Bytes())
	case ed25519.PublicKey:
		bits = public
	}
	sum := sha1.Sum(bits)
	return sum[:]
}

// EdKey makes an Ed25519 key, which grid certificates must not have.
func EdKey() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}
