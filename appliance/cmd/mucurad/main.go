// Mucurad is the Mucura server: an S3-compatible personal file repository on
// an embedded database and the local disk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/mucura/mucura/core/config"
)

// command is one verb of mucurad.
type command struct {
	name, args, help string
	run              func(ctx context.Context, name string, args []string) error
}

// commands is every verb, in the order of the help text.
func commands() []command {
	return []command{
		{"serve", "[flags]", "serve the S3 endpoint (the default command)", serve},
		{"check", "[flags]", "check the configuration and the stores, then exit", check},
		{"account add", "NAME [flags]", "add an account and its first access key", accountAdd},
		{"account ls", "[flags]", "list accounts", accountList},
		{"account set", "NAME [flags]", "change an account's quota, name, e-mail, role or state", accountSet},
		{"account rm", "NAME [flags]", "remove an account that owns no bucket", accountRemove},
		{"account close", "NAME [flags]", "delete an account with its keys, buckets and objects; the sweeper does it", accountClose},
		{"account password", "NAME [flags]", "give an account a password, read from the terminal or standard input, or take it away", accountPassword},
		{"account certificate", "NAME FILE [flags]", "let the owner of a certificate (PEM) act as the account", accountCertificate},
		{"request ls", "[flags]", "list what people asked for and nobody has decided", requestList},
		{"request approve", "ID [flags]", "approve a registration, or a quota", requestApprove},
		{"request reject", "ID [flags]", "reject a registration, or a quota", requestReject},
		{"invite", "[flags]", "make an invitation: whoever brings its code may register with a password", invite},
		{"key add", "NAME [flags]", "add an access key to an account", keyAdd},
		{"key ls", "NAME [flags]", "list an account's access keys", keyList},
		{"key rm", "ACCESS-KEY-ID [flags]", "remove an access key", keyRemove},
		{"key root", "[flags]", "make the pair of the settings the administrator's own, in place of the former", keyRoot},
		{"key reseal", "[flags]", "seal all secrets under the current site key, after it was changed", keyReseal},
		{"bucket ls", "[flags]", "list all buckets", bucketList},
		{"bucket chown", "BUCKET NAME [flags]", "give a bucket to another account", bucketChown},
		{"tls ls", "[flags]", "list the names added for automatic certificates", tlsList},
		{"tls add", "NAME [flags]", "add a name to have a certificate for (tls = acme), while the server runs", tlsAdd},
		{"tls rm", "NAME [flags]", "remove a name that was added", tlsRemove},
		{"tls issue", "DIR [flags]", "have the site's own authority (tls = internal) issue a certificate into a directory", tlsIssue},
		{"fsck", "[flags]", "verify that every record's content exists, is whole, and is referenced", fsckRecords},
		{"damaged", "[flags]", "list the damaged contents that the job scrub found", damaged},
		{"sweep", "[flags]", "run the background jobs once: expiry, unfinished uploads, released contents, usage", sweepOnce},
		{"job", "NAME [flags]", "run one scheduled job (sweep, scrub, ...) for a limited time; the next run goes on", runJob},
		{"backup", "DIR [flags]", "copy the repository to a directory, consistently, while it runs", backup},
		{"restore", "DIR [flags]", "restore a backup into an empty data directory, verified", restore},
		{"maintenance", "on|off|status [flags]", "refuse writes for a while, in every process on these stores, or take them again", maintenance},
		{"migrate", "[flags]", "copy the repository to other stores while it serves; --final switches", migrateStores},
		{"compare", "[flags]", "compare the repository with a copy of it on other stores, fact by fact", compareStores},
		{"seed", "[flags]", "fill a bucket with objects, to measure at scale", seed},
		{"verify-proxy", "[flags] FILE", "judge a grid proxy file as the server would: exit 0 accept, 1 refuse", verifyProxy},
		{"adapter test", "STORE-URL [flags]", "run the conformance suites on a store, such as a plug-in", adapterTest},
		{"adapter laws", "", "", adapterLaws}, // what "adapter test" runs; not for people
		{"version", "", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := dispatch(ctx, os.Args[1:])
	stop()
	var exit exitCode
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, &exit):
		os.Exit(int(exit))
	case err != nil:
		fmt.Fprintln(os.Stderr, "mucurad:", err)
		os.Exit(1)
	}
}

// dispatch finds the command that args begin with; flags alone mean serve.
func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		usage()
		return nil
	}
	if len(args) > 0 && args[0] == "--version" {
		args[0] = "version"
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"serve"}, args...)
	}
	c, rest, ok := commandOf(args)
	if !ok {
		if !groupUsage(args[0]) {
			usage()
		}
		return fmt.Errorf("unknown command %q", strings.Join(args[:min(2, len(args))], " "))
	}
	err := c.run(ctx, c.name, rest)
	var help *config.Help
	if errors.As(err, &help) {
		c.showHelp(help)
	}
	return err
}

// commandOf finds the command that args begin with, and what follows it.
func commandOf(args []string) (command, []string, bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

// usage is the line that says how the command is written.
func (c command) usage() string { return strings.TrimSpace("mucurad " + c.name + " " + c.args) }

// showHelp prints what --help of a command tells. Those that only need to know where
// the repository is do not list every setting of the server.
func (c command) showHelp(h *config.Help) {
	fmt.Printf("usage: %s\n\n%s%s.\n", c.usage(), strings.ToUpper(c.help[:1]), c.help[1:])
	if h.Own != "" {
		fmt.Printf("\nFlags:\n%s", h.Own)
	}
	switch {
	case h.Settings == "":
	case c.name == "serve" || c.name == "check":
		fmt.Printf("\nSettings, each also an environment variable (MUCURA_…) and a line of the file given with --config:\n%s", h.Settings)
	default:
		fmt.Println("\nThe server's settings say where the repository is: give the same --data, --config or\nMUCURA_… variables as it has (\"mucurad serve --help\" lists them).")
	}
}

func usage() {
	fmt.Println("usage: mucurad [command] [flags]\n\nCommands:")
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, c := range commands() {
		if c.help == "" {
			continue
		}
		fmt.Fprintf(w, "  %s\t%s\n", strings.TrimSpace(c.name+" "+strings.TrimSpace(strings.Replace(c.args, "[flags]", "", 1))), c.help)
	}
	w.Flush()
	fmt.Println("\nEvery setting is a flag, an environment variable (MUCURA_…) or a line of the file given with --config.\n\"mucurad serve --help\" lists them, \"mucurad COMMAND --help\" what a command has besides.")
}

// groupUsage lists the commands that begin with a word; false when there is none.
func groupUsage(word string) bool {
	n := 0
	for _, c := range commands() {
		if first, _, more := strings.Cut(c.name, " "); first == word && more && c.help != "" {
			if n++; n == 1 {
				fmt.Println("usage:")
			}
			fmt.Println(" ", c.usage())
		}
	}
	return n > 0
}
