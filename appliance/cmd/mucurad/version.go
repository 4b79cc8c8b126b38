package main

import (
	"context"
	"fmt"
	"runtime/debug"
)

// release is what "git describe" said when it was built; see the Makefile.
var release string

// version prints what was built: release, module version or commit, and toolchain.
func version(context.Context, string, []string) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Println("mucurad (unknown build)")
		return nil
	}
	v := info.Main.Version
	if release != "" {
		v = release
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	fmt.Printf("mucurad %s %s\n", v, info.GoVersion)
	return nil
}
