//go:build unix

package login

import (
	"os"
	"syscall"
)

// ours tells whether a file is the person's own. What lies at a usual place in
// /tmp may have been put there by somebody else, whose account would then get
// what the person uploads.
func ours(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid() && info.Mode().IsRegular()
}
