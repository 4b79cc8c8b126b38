//go:build !amd64

package md5lanes

// find finds nothing: there is no assembly for this processor.
func find() machine { return nil }
