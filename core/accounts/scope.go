package accounts

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/catalog"
)

const (
	maxGrants = 32
	maxPrefix = 1024 // bytes, as of an object's key
)

// CheckScope tells what is wrong with the scope of an access key.
func CheckScope(scope catalog.Scope) error {
	if scope != nil && len(scope) == 0 {
		return errors.New("scope: give at least one grant, or no scope")
	}
	if len(scope) > maxGrants {
		return fmt.Errorf("scope: give at most %d grants", maxGrants)
	}
	for _, g := range scope {
		switch {
		case g.Bucket == "" || len(g.Bucket) > 63 || strings.ContainsAny(g.Bucket, "/?") || g.Bucket != "*" && strings.Contains(g.Bucket, "*"):
			return fmt.Errorf("scope: %q is neither a bucket's name nor *", g.Bucket)
		case len(g.Prefix) > maxPrefix:
			return fmt.Errorf("scope: prefix longer than %d bytes", maxPrefix)
		case g.Access != catalog.ReadOnly && g.Access != catalog.WriteOnly && g.Access != catalog.ReadWrite:
			return fmt.Errorf("scope: access %q is none of read, write, readwrite", g.Access)
		}
	}
	return nil
}
