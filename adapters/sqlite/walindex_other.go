//go:build !linux

package sqlite

import "errors"

type mapping struct{}

func openWALIndex(string) (*walIndex, error) { return nil, errors.ErrUnsupported }

func (*walIndex) close() error { return nil }
