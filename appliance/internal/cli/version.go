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
			version, toolchain := a.version()
			a.out.put(map[string]string{"type": "version", "version": version, "go": toolchain}, "%s", a.versionLine())
			return nil
		},
	}
}

func (a *app) versionLine() string {
	version, toolchain := a.version()
	return "mucura " + version + " " + toolchain
}

func (a *app) version() (version, toolchain string) {
	version = a.release
	if info, ok := debug.ReadBuildInfo(); ok {
		toolchain = info.GoVersion
		if version == "" {
			version = info.Main.Version
		}
	}
	return version, toolchain
}
