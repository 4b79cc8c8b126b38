package config

import (
	"flag"
	"fmt"
	"strings"
)

// Help is the error of somebody who asked for help, a flag.ErrHelp: the flags of the
// command, and those that are settings of the server, as text to print.
type Help struct{ Own, Settings string }

func (*Help) Error() string { return flag.ErrHelp.Error() }

// Is says that it is flag.ErrHelp.
func (*Help) Is(target error) bool { return target == flag.ErrHelp }

func helpOf(fs *flag.FlagSet, rows []setting) *Help {
	known := map[string]bool{}
	for _, s := range rows {
		known[s.name] = true
	}
	var h Help
	fs.VisitAll(func(f *flag.Flag) {
		if known[f.Name] || f.Name == "config" {
			h.Settings += describeFlag(f)
		} else {
			h.Own += describeFlag(f)
		}
	})
	return &h
}

// HelpOf is the help of a command that reads no settings.
func HelpOf(fs *flag.FlagSet) *Help { return helpOf(fs, nil) }

// describeFlag writes a flag as people type it, and below it what it is for.
func describeFlag(f *flag.Flag) string {
	kind, text := flag.UnquoteUsage(f)
	switch f.Value.(type) {
	case *Size:
		kind = "size"
	case *Duration, durationValue:
		kind = "duration"
	}
	line := "  --" + f.Name
	if kind != "" {
		line += " " + strings.ToUpper(kind)
	}
	if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && !strings.Contains(text, "(default") {
		text += fmt.Sprintf(" (default %s)", d)
	}
	return line + "\n        " + text + "\n"
}
