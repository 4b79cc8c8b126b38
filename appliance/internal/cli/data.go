package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// dataCommands are the verbs that move and show files.
func (a *app) dataCommands() []*cobra.Command {
	return []*cobra.Command{
		a.lsCommand(), a.cpCommand(), a.mvCommand(), a.rmCommand(), a.catCommand(), a.statCommand(),
		a.mkdirCommand(), a.duCommand(), a.syncCommand(), a.findCommand(), a.uploadsCommand(),
		a.versionsCommand(), a.undeleteCommand(), a.linkCommand(),
	}
}

// perArgument makes a RunE that calls f for each argument, until one fails.
func perArgument(f func(ctx context.Context, arg string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		for _, arg := range args {
			if err := f(cmd.Context(), arg); err != nil {
				return err
			}
		}
		return nil
	}
}

const literalHelp = "take * and ? in keys as they are"
