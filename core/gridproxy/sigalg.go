package gridproxy

import (
	"bytes"
	"crypto/x509"
)

// signatureAlgorithm maps the DER of an AlgorithmIdentifier to an algorithm on
// the allow list. crypto/x509 does it for certificates only.
func signatureAlgorithm(raw der) (x509.SignatureAlgorithm, bool) {
	for _, a := range signatureAlgorithms() {
		if bytes.Equal(raw, a.raw) {
			return a.algorithm, true
		}
	}
	return x509.UnknownSignatureAlgorithm, false
}

type knownAlgorithm struct {
	raw       []byte
	algorithm x509.SignatureAlgorithm
}

// signatureAlgorithms spells the identifiers: RSA with NULL or no parameters,
// ECDSA without, RSA-PSS with MGF1 of the same hash and a salt as long.
func signatureAlgorithms() []knownAlgorithm {
	rsaOID := func(last byte) []byte { return tlv(tagOID, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last}) }
	ecOID := func(last byte) []byte { return tlv(tagOID, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last}) }
	null := []byte{tagNull, 0}
	var out []knownAlgorithm
	for i, h := range []struct {
		rsa, pss, ecdsa x509.SignatureAlgorithm
		salt            byte
	}{
		{x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, 32},
		{x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384, 48},
		{x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512, 64},
	} {
		n := byte(i)
		out = append(out,
			knownAlgorithm{tlv(tagSequence, join(rsaOID(11+n), null)), h.rsa},
			knownAlgorithm{tlv(tagSequence, rsaOID(11+n)), h.rsa},
			knownAlgorithm{tlv(tagSequence, ecOID(2+n)), h.ecdsa})
		hash := tlv(tagOID, []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1 + n})
		for _, id := range [][]byte{tlv(tagSequence, join(hash, null)), tlv(tagSequence, hash)} {
			params := tlv(tagSequence, join(
				tlv(implicit(0), id),
				tlv(implicit(1), tlv(tagSequence, join(rsaOID(8), id))),
				tlv(implicit(2), tlv(tagInteger, []byte{h.salt}))))
			out = append(out, knownAlgorithm{tlv(tagSequence, join(rsaOID(10), params)), h.pss})
		}
	}
	return out
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
