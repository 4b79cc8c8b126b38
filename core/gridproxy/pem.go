package gridproxy

import (
	"bytes"
	"encoding/base64"
)

// ParsePEM reads the certificates of a proxy file or of a PEM text, in their
// order. Private keys and text between the blocks are skipped; a certificate
// that is cut off, damaged or has headers refuses all. The error is a *[Refusal].
func ParsePEM(text []byte) ([][]byte, error) {
	if len(text) > MaxPEMBytes {
		return nil, &Refusal{Code: CodeLimits, Detail: "the PEM text is too long"}
	}
	var chain [][]byte
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		label, ok := armor(line, "-----BEGIN ")
		if !ok {
			if bytes.Contains(line, []byte("-----BEGIN ")) || bytes.HasPrefix(line, []byte("-----END ")) {
				return nil, &Refusal{Code: CodeMalformed, Detail: "a PEM line is out of place"}
			}
			continue
		}
		body, rest, ok := block(text, label)
		if !ok {
			return nil, &Refusal{Code: CodeMalformed, Detail: "a PEM block has no end"}
		}
		text = rest
		if label == "TRUSTED CERTIFICATE" {
			return nil, &Refusal{Code: CodeMalformed, Detail: "a certificate in OpenSSL's own form, with its trust settings"}
		}
		if label != "CERTIFICATE" && label != "X509 CERTIFICATE" { // the latter is how SSLeay wrote it
			continue
		}
		if len(chain) == MaxCertificates {
			return nil, &Refusal{Code: CodeLimits, Detail: "too many certificates"}
		}
		cert, err := base64.StdEncoding.Strict().AppendDecode(nil, body)
		if err != nil || len(cert) == 0 {
			return nil, &Refusal{Code: CodeMalformed, Detail: "a PEM certificate is not base64"}
		}
		chain = append(chain, cert)
	}
	return chain, checkLimits(chain)
}

// checkLimits is what a chain must hold before anything in it is parsed.
func checkLimits(chain [][]byte) error {
	size := 0
	for _, c := range chain {
		size += len(c)
	}
	switch {
	case len(chain) == 0:
		return &Refusal{Code: CodeLimits, Detail: "no certificate"}
	case len(chain) > MaxCertificates:
		return &Refusal{Code: CodeLimits, Detail: "too many certificates"}
	case size > MaxChainBytes:
		return &Refusal{Code: CodeLimits, Detail: "the certificates are too long"}
	}
	return nil
}

// block returns the lines up to the END of the label, joined.
func block(text []byte, label string) (body, rest []byte, ok bool) {
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		if end, ok := armor(line, "-----END "); ok {
			return body, text, end == label
		}
		if _, ok := armor(line, "-----BEGIN "); ok {
			return nil, nil, false
		}
		body = append(body, line...)
	}
	return nil, nil, false
}

// cutLine splits off one line, without its end and the blanks before that.
func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return bytes.TrimRight(line, " \t\r"), rest
}

// armor returns the label of a BEGIN or END line.
func armor(line []byte, prefix string) (string, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(prefix))
	if !ok {
		return "", false
	}
	label, ok := bytes.CutSuffix(rest, []byte("-----"))
	return string(label), ok && len(label) > 0
}
