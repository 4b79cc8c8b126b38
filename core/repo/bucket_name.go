package repo

import (
	"net/netip"
	"strings"
)

// Names S3 keeps for itself
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
var (
	forbiddenPrefixes = [...]string{"xn--", "sthree-", "amzn-s3-demo-"}
	forbiddenSuffixes = [...]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// validBucketName tells whether S3 allows a new bucket of this name: 3 to 63
// lower-case letters, digits, dots and hyphens; no IP address. The labels
// between dots are not empty, and each begins and ends with a letter or digit,
// because a bucket is also the name of a host.
func validBucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 {
		return false
	}
	for _, s := range [...]string{"..", ".-", "-."} {
		if strings.Contains(name, s) {
			return false
		}
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '.' && c != '-' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	for _, p := range forbiddenPrefixes {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, s := range forbiddenSuffixes {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}
