package gridproxy

import (
	"errors"
	"strings"
)

// lscChain is one alternative of an LSC file: subject and issuer, in slash
// form, of each certificate of an attribute certificate.
type lscChain []lscPair

type lscPair struct{ subject, issuer string }

var errLSC = errors.New("malformed LSC file")

// parseLSC reads lines in pairs, subject then issuer; a line that begins with -
// separates alternatives. Empty lines and those beginning with # are skipped.
func parseLSC(text string) ([]lscChain, error) {
	var chains []lscChain
	var chain lscChain
	subject, half := "", false
	finish := func() error {
		if half {
			return errLSC
		}
		if len(chain) > 0 {
			chains = append(chains, chain)
		}
		chain = nil
		return nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '-':
			if err := finish(); err != nil {
				return nil, err
			}
		case line[0] != '/':
			return nil, errLSC
		case !half:
			subject, half = resolveAliases(line), true
		default:
			chain = append(chain, lscPair{subject, resolveAliases(line)})
			half = false
		}
	}
	if err := finish(); err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, errLSC
	}
	return chains, nil
}

// matches tells whether the certificates are those of the alternative: the
// same names, in the same order, and as many.
func (l lscChain) matches(certs []*certificate) bool {
	if len(l) != len(certs) {
		return false
	}
	for i, c := range certs {
		issuer, err := ParseName(c.RawIssuer)
		if err != nil || l[i] != (lscPair{c.subject.Slash(), issuer.Slash()}) {
			return false
		}
	}
	return true
}
