package config

import (
	"net/url"
	"slices"
	"strings"
)

// IsTrustURL tells whether the setting trust-dir is the URL of a tar archive.
func IsTrustURL(trustDir string) bool { return strings.Contains(trustDir, "://") }

// IsTrustArchive tells whether the setting trust-dir is the path of a tar archive.
func IsTrustArchive(trustDir string) bool {
	return !IsTrustURL(trustDir) && slices.ContainsFunc([]string{".tar", ".tar.gz", ".tgz"}, func(end string) bool {
		return strings.HasSuffix(trustDir, end)
	})
}

// finishTrust judges where the trusted authorities come from.
func (c *Config) finishTrust(bad func(string, ...any)) {
	if IsTrustURL(c.TrustDir) {
		// Whoever could change the archive on its way could let anybody in.
		if u, err := url.Parse(c.TrustDir); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			bad("trust-dir: the URL of an archive begins with https:// and a host name") // it may be signed: not shown
		}
	}
	if (IsTrustURL(c.TrustDir) || IsTrustArchive(c.TrustDir)) && c.VOMSDir != "" {
		bad("vomsdir: the archive that trust-dir names has it")
	}
}
