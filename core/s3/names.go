package s3

import (
	"net/netip"

	"github.com/mucura/mucura/core/catalog"
)

func lowerOrDigit(ch byte) bool { return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') }

// plausibleBucketName tells whether a bucket may ever have had this name: S3's
// older rules allowed capitals, underscores and 255 bytes. What is plausible
// and not there is NoSuchBucket, what is not is an invalid name.
func plausibleBucketName(s string) bool {
	if len(s) < 3 || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		ch := s[i]
		if !lowerOrDigit(ch) && (ch < 'A' || ch > 'Z') && ch != '-' && ch != '.' && ch != '_' {
			return false
		}
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

// validVersion tells whether a version ID is one this repository can have given.
func validVersion(id string) bool {
	if id == catalog.NullVersion {
		return true
	}
	for i := range len(id) {
		if ch := id[i]; !lowerOrDigit(ch) && (ch < 'A' || ch > 'Z') {
			return false
		}
	}
	return id != ""
}

// validUploadID tells whether an upload ID has the form this repository gives:
// 32 hexadecimal digits. That there is such an upload is not asked: it may
// have ended between two pages.
func validUploadID(id string) bool {
	if len(id) != 32 {
		return false
	}
	for i := range len(id) {
		if ch := id[i]; (ch < '0' || ch > '9') && (ch < 'a' || ch > 'f') {
			return false
		}
	}
	return true
}
