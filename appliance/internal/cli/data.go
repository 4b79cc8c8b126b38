package cli

import (
	"github.com/spf13/cobra"
)

// dataCommands are the verbs that move and show files.
func (a *app) dataCommands() []*cobra.Command {
	return []*cobra.Command{
		a.lsCommand(), a.cpCommand(), a.mvCommand(), a.rmCommand(), a.catCommand(), a.statCommand(),
		a.mkdirCommand(), a.duCommand(), a.syncCommand(), a.findCommand(), a.uploadsCommand(),
	}
}

const literalHelp = "take * and ? in keys as they are"
