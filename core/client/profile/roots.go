package profile

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// usualCADir is where grid sites keep the certificate authorities of the IGTF.
const usualCADir = "/etc/grid-security/certificates"

// hashed is the name of a CA certificate in such a directory.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]{1,2}$`)

// Roots are the certificate authorities that servers' certificates may be from:
// the system's, those of the CA file, and those of the IGTF directory (CADir,
// else the usual one if it is there). Nil stands for the system's alone.
func (s *Settings) Roots() (*x509.CertPool, error) {
	dir := s.CADir
	if dir == "" {
		if _, err := os.Stat(usualCADir); err != nil {
			if s.CAFile == "" {
				return nil, nil
			}
		} else {
			dir = usualCADir
		}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if s.CAFile != "" {
		b, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA file: %w", err)
		}
		if !pool.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("CA file %s: there is no certificate in it", s.CAFile)
		}
	}
	if dir == "" {
		return pool, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("CA directory: %w", err)
	}
	for _, entry := range entries {
		if !hashed.MatchString(entry.Name()) {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, entry.Name())); err == nil {
			pool.AppendCertsFromPEM(b) // one that does not parse is passed over
		}
	}
	return pool, nil
}
