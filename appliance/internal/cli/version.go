package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			version, toolchain := a.release, ""
			if info, ok := debug.ReadBuildInfo(); ok {
				toolchain = info.GoVersion
				if version == "" {
					version = info.Main.Version
				}
			}
			a.out.put(map[string]string{"type": "version", "version": version, "go": toolchain}, "mucura %s %s", version, toolchain)
			return nil
		},
	}
}
