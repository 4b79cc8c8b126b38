package main

import (
	"context"
	"fmt"
	"runtime/debug"
)

// version prints what was built: module version or commit, and toolchain.
func version(context.Context, string, []string) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Println("mucurad (unknown build)")
		return nil
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	fmt.Printf("mucurad %s %s\n", v, info.GoVersion)
	return nil
}
