package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manualCommand writes the manual: hidden, because it is for who packages.
func (a *app) manualCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "manual markdown|man DIR",
		Short:  "Write the manual of all commands",
		Hidden: true,
		Args:   cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case args[0] == "markdown" && len(args) == 1:
				a.out.text(markdown(cmd.Root()))
				return nil
			case args[0] == "man" && len(args) == 2:
				return manPages(cmd.Root(), args[1], a.release)
			}
			return usagef("\"manual markdown\" or \"manual man DIR\" is wanted")
		},
	}
}

// eachCommand visits the commands that people see, in order.
func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	if c.HasParent() && !c.IsAdditionalHelpTopicCommand() && c.Name() != "help" && c.Name() != "completion" {
		visit(c)
	}
	for _, sub := range c.Commands() {
		if !sub.Hidden && c.Name() != "completion" {
			eachCommand(sub, visit)
		}
	}
}

// options are a command's own flags: what comes before the help text, and that.
func options(flags *pflag.FlagSet) (all [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind, _ := pflag.UnquoteUsage(f); kind != "" {
			name += " " + strings.ToUpper(kind)
		}
		help := f.Usage
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && d != "[]" {
			help += " (default " + d + ")"
		}
		all = append(all, [2]string{name, help})
	})
	return all
}

// useLine is how a command is called.
func useLine(c *cobra.Command) string {
	line := c.CommandPath()
	if _, args, ok := strings.Cut(c.Use, " "); ok {
		line += " " + args
	}
	return line
}

// runs tells whether a command does something itself.
func runs(c *cobra.Command) bool { return c.Run != nil || c.RunE != nil }

// markdown is the manual as a part of docs/mucura.md.
func markdown(root *cobra.Command) string {
	var b strings.Builder
	eachCommand(root, func(c *cobra.Command) {
		if !runs(c) {
			return
		}
		fmt.Fprintf(&b, "### %s\n\n    %s\n\n", c.CommandPath(), useLine(c))
		b.WriteString(about(c) + "\n\n")
		list := options(c.NonInheritedFlags())
		for _, o := range list {
			fmt.Fprintf(&b, "- `%s` – %s\n", o[0], escapeMarkdown(o[1]))
		}
		if len(list) > 0 {
			b.WriteString("\n")
		}
	})
	b.WriteString("### Flags of every command\n\n")
	for _, o := range options(root.PersistentFlags()) {
		fmt.Fprintf(&b, "- `%s` – %s\n", o[0], escapeMarkdown(o[1]))
	}
	return b.String()
}

func about(c *cobra.Command) string {
	if c.Long != "" {
		return escapeMarkdown(c.Long)
	}
	return escapeMarkdown(c.Short) + "."
}

func escapeMarkdown(s string) string {
	return strings.NewReplacer("*", `\*`, "<", `\<`, "_", `\_`, "[", `\[`).Replace(s)
}

// manPages writes mucura.1 and mucura-VERB.1 into a directory.
func manPages(root *cobra.Command, dir, release string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	write := func(c *cobra.Command) error {
		f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
		if err != nil {
			return err
		}
		manPage(f, root, c, release)
		return f.Close()
	}
	err := write(root)
	eachCommand(root, func(c *cobra.Command) {
		if err == nil {
			err = write(c)
		}
	})
	return err
}

// manPage writes a page in the language of man(7).
func manPage(w io.Writer, root, c *cobra.Command, release string) {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p(`.TH "%s" "1" "" "mucura %s" "Mucura"`, strings.ToUpper(name), release)
	p(".SH NAME\n%s \\- %s", roff(name), roff(c.Short))
	p(".SH SYNOPSIS\n.B %s", roff(useLine(c)))
	if c == root {
		p(".RI [ verb ] \" \" [ flags ]")
	}
	p(".SH DESCRIPTION")
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			p(".PP")
		}
		p("%s", roff(paragraph))
	}
	flags := options(c.NonInheritedFlags())
	if len(flags) > 0 {
		p(".SH OPTIONS")
	}
	for _, o := range flags {
		p(".TP\n.B %s\n%s", roff(o[0]), roff(o[1]))
	}
	if c == root {
		p(".SH COMMANDS")
		eachCommand(root, func(sub *cobra.Command) { p(".TP\n.B %s\n%s", roff(sub.CommandPath()), roff(sub.Short)) })
		p(".SH EXIT STATUS")
		for _, s := range exitStatuses() {
			p(".TP\n.B %d\n%s", s.status, roff(s.meaning))
		}
		return
	}
	p(".SH SEE ALSO\n.BR mucura (1)")
}

// roff makes text safe in a page.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// exitStatus is what a job can tell from the end of the command.
type exitStatus struct {
	status  int
	meaning string
}

// exitStatuses are all of them.
func exitStatuses() []exitStatus {
	return []exitStatus{
		{0, "done"},
		{1, "failed for a reason that has no status of its own"},
		{2, "the command line or configuration cannot be meant"},
		{3, "credentials are missing, expired, or not taken"},
		{4, "not found: object, bucket, file, account"},
		{5, "not permitted"},
		{6, "no room: the quota is used up, or a disk is full"},
		{7, "conflict: it is there already, or has changed meanwhile"},
		{8, "the network or the server failed, after all attempts; try later"},
		{9, "checksum mismatch: bytes were damaged on the way"},
		{130, "interrupted (SIGINT); 143 by SIGTERM; run it again to resume"},
	}
}
