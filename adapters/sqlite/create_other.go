//go:build !linux

package sqlite

// rename would replace another process's database here.
func rename(_, _ string, why error) error { return why }
