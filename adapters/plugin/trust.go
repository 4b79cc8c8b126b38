package plugin

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	goplugin "github.com/hashicorp/go-plugin"
)

// ErrUntrusted: the binary is not the one that was pinned, or somebody else
// could replace it.
var ErrUntrusted = errors.New("plug-in binary is not trusted")

// checkBinary refuses what another person could have put there, as ssh does
// with its keys: the file and every directory above it must belong to root or to
// this process's user and be writable by nobody else. A directory with the sticky
// bit (/tmp) may be writable, because there nobody can replace another's file.
func checkBinary(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	// The link itself must be as hard to replace as what it points to.
	for _, p := range []string{path, real} {
		for dir := filepath.Dir(p); ; dir = filepath.Dir(dir) {
			if err := checkOwner(dir, true); err != nil {
				return err
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", path)
	}
	return checkOwner(real, false)
}

func checkOwner(path string, dir bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: owner not known: %w", path, ErrUntrusted)
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (%d): %w", path, st.Uid, ErrUntrusted)
	}
	if info.Mode()&0o022 != 0 && !(dir && info.Mode()&fs.ModeSticky != 0) {
		return fmt.Errorf("%s is writable by others (mode %v): %w", path, info.Mode(), ErrUntrusted)
	}
	return nil
}

// checkSum compares the binary with the pinned sum. go-plugin's hash is never
// reset, so each check has its own.
func checkSum(path string, sum []byte) error {
	if sum == nil {
		return nil
	}
	c := goplugin.SecureConfig{Checksum: sum, Hash: sha256.New()}
	ok, err := c.Check(path)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s: SHA-256 is not the pinned one: %w", path, ErrUntrusted)
	}
	return nil
}

// checkSecretFile refuses a configuration file that others can read or write.
func checkSecretFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if info.Mode()&0o027 != 0 {
		return fmt.Errorf("%s may hold secrets and is open to others (mode %v): chmod 600", path, info.Mode())
	}
	return nil
}
