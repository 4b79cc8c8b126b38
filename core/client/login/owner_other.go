//go:build !unix

package login

// ours cannot be told here, so nothing at a usual place is taken.
func ours(string) bool { return false }
