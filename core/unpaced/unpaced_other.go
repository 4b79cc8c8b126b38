//go:build !linux

package unpaced

import "syscall"

const reno = ""

// system names nothing: other systems do not pace, or do not tell.
func system() string { return "" }

func changeable(string) bool { return false }

func setRaw(syscall.RawConn, string) error { return nil }
