package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/obs"
)

// withApp runs f on the repository that a command's settings name, which must be
// there: a command that looks at one, given a wrong --data, is not to make another.
// The server may be running meanwhile: the stores are made for several processes.
func withApp(ctx context.Context, c *config.Config, f func(*app.App) error) error {
	if isNew(c.Metadata) {
		return noRepository(c.Metadata)
	}
	return withNewApp(ctx, c, f)
}

// isNew tells whether opening a metadata store would make it, as far as a look at the
// disk can tell.
func isNew(metadata string) bool {
	path, ok := strings.CutPrefix(metadata, "sqlite://")
	if !ok {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func noRepository(metadata string) error {
	dir := filepath.Dir(strings.TrimPrefix(metadata, "sqlite://"))
	return fmt.Errorf("there is no repository in %s: give the settings of the server, such as --data or --config; \"mucurad serve\" makes a new one", dir)
}

// withNewApp is withApp for commands that may prepare a repository before its first
// start. They say so, lest it was meant to be another.
func withNewApp(ctx context.Context, c *config.Config, f func(*app.App) error) error {
	made := isNew(c.Metadata)
	stores, err := openStores(c, nil)
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintf(os.Stderr, "mucurad: there was no repository in %s; a new one has been made\n", c.Data)
	}
	a := newApp(c, stores, obs.NewLog(os.Stderr, c.LogLevel))
	err = f(a)
	if cerr := stores.Close(); err == nil {
		err = cerr
	}
	return err
}

func accountAdd(ctx context.Context, name string, args []string) error {
	var in accounts.NewAccount
	var key accounts.KeySpec
	var quota config.Size = -1
	var top config.Size
	var home bool
	role := string(catalog.Member)
	c, rest, err := parseArgs(name, args, func(fs *flag.FlagSet) {
		fs.StringVar(&key.AccessKeyID, "access-key-id", "", "access key ID; made when absent")
		fs.StringVar(&key.SecretAccessKey, "secret-access-key", "", "secret access key; made when absent")
		fs.StringVar(&in.DisplayName, "display-name", "", "name to show")
		fs.StringVar(&in.Email, "email", "", "e-mail address")
		fs.StringVar(&in.CanonicalID, "canonical-id", "", "S3 canonical user ID; made when absent")
		fs.StringVar(&role, "role", role, "member or operator")
		fs.Var(&quota, "quota", "most bytes the account may store; -1 is no limit")
		fs.Var(&top, "quota-cap", "up to what the person raises the quota herself, bytes; -1 without limit")
		fs.BoolVar(&home, "home", false, "make the home bucket, me:/ of mucura, as for people who register")
	}, 1)
	if err != nil {
		return err
	}
	in.Name, in.Role, in.Quota, in.QuotaCap = rest[0], catalog.Role(role), int64(quota), int64(top)
	if in.Role != catalog.Member && in.Role != catalog.Operator {
		return fmt.Errorf("role %q is neither member nor operator", role)
	}
	if (key.AccessKeyID == "") != (key.SecretAccessKey == "") {
		return fmt.Errorf("--access-key-id and --secret-access-key go together")
	}
	return withNewApp(ctx, c, func(a *app.App) error {
		acct, err := a.Accounts.Add(ctx, in)
		if err != nil {
			return err
		}
		k, err := a.Accounts.AddKey(ctx, acct.ID, key)
		if err != nil {
			// An account nobody can use would only be in the way of a second try.
			if rerr := a.Accounts.Remove(ctx, acct.Name); rerr != nil {
				err = fmt.Errorf("%w (and the account is left without a key: %v)", err, rerr)
			}
			return err
		}
		fmt.Printf("account        %s\ncanonical ID   %s\naccess key ID  %s\nsecret         %s\n", acct.Name, acct.CanonicalID, k.ID, k.Secret)
		if home {
			return giveHome(ctx, a, acct.ID)
		}
		return nil
	})
}

func accountList(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		all, err := allAccounts(ctx, a)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tROLE\tSTATE\tUSED\tQUOTA\tE-MAIL\tCANONICAL ID")
		for _, acct := range all {
			u, err := a.Quota.Usage(ctx, acct.ID)
			if err != nil {
				return err
			}
			quota := "none"
			if acct.Quota >= 0 {
				quota = fmt.Sprint(acct.Quota)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", acct.Name, acct.Role, acct.State, u.Bytes, quota, acct.Email, acct.CanonicalID)
		}
		return w.Flush()
	})
}

// giveHome makes an account's home bucket, unless it has one.
func giveHome(ctx context.Context, a *app.App, id string) error {
	if a.Accounts.MakeHome == nil {
		return errors.New("home-buckets is off: no home bucket was made")
	}
	if err := a.Accounts.GiveHome(ctx, id); err != nil {
		return err
	}
	acct, err := a.Accounts.Account(ctx, id)
	if err == nil {
		fmt.Printf("home bucket    %s\n", acct.Home)
	}
	return err
}

// accountNamed finds an account, with an error for people when there is none.
func accountNamed(ctx context.Context, a *app.App, name string) (*catalog.Account, error) {
	acct, err := a.Accounts.ByName(ctx, name)
	if errors.Is(err, accounts.ErrNotFound) {
		return nil, fmt.Errorf("there is no account %q", name)
	}
	return acct, err
}

// takeOperator makes a change that ends what an account may do, which the last operator
// keeps.
func takeOperator(ctx context.Context, a *app.App, acct *catalog.Account, change func(context.Context) error) error {
	if acct.Role != catalog.Operator || acct.State != catalog.Active {
		return change(ctx)
	}
	err := a.Accounts.TakeOperator(ctx, acct.ID, change)
	if errors.Is(err, accounts.ErrLastOperator) {
		return fmt.Errorf("%s is the last operator: make another one first (--role operator)", acct.Name)
	}
	return err
}

// allAccounts reads every account, by name.
func allAccounts(ctx context.Context, a *app.App) (all []*catalog.Account, err error) {
	after := ""
	for more := true; more; {
		var page []*catalog.Account
		if page, more, err = a.Accounts.List(ctx, after, 1000); err != nil {
			return nil, err
		}
		for _, acct := range page {
			all, after = append(all, acct), acct.ID
		}
	}
	slices.SortFunc(all, func(x, y *catalog.Account) int { return strings.Compare(x.Name, y.Name) })
	return all, nil
}

func accountRemove(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil {
			return err
		}
		return takeOperator(ctx, a, acct, func(ctx context.Context) error { return a.Accounts.Remove(ctx, rest[0]) })
	})
}

func keyAdd(ctx context.Context, name string, args []string) error {
	var key accounts.KeySpec
	var lifetime config.Duration
	c, rest, err := parseArgs(name, args, func(fs *flag.FlagSet) {
		fs.StringVar(&key.AccessKeyID, "access-key-id", "", "access key ID; made when absent")
		fs.StringVar(&key.SecretAccessKey, "secret-access-key", "", "secret access key; made when absent")
		fs.StringVar(&key.Label, "label", "", "what the key is for")
		fs.Var(&lifetime, "expires-in", "lifetime, such as 30d or 12h; 0 is for ever")
	}, 1)
	if err != nil {
		return err
	}
	if lifetime > 0 {
		key.Expires = time.Now().Add(time.Duration(lifetime))
	}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil {
			return err
		}
		k, err := a.Accounts.AddKey(ctx, acct.ID, key)
		if err != nil {
			return err
		}
		fmt.Printf("access key ID  %s\nsecret         %s\n", k.ID, k.Secret)
		return nil
	})
}

func keyList(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil {
			return err
		}
		keys, err := a.Accounts.Keys(ctx, acct.ID)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ACCESS KEY ID\tCREATED\tEXPIRES\tLABEL")
		for _, k := range keys {
			expires := "never"
			if !k.Expires.IsZero() {
				expires = k.Expires.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.Created.UTC().Format(time.RFC3339), expires, k.Label)
		}
		return w.Flush()
	})
}

func keyRemove(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		owner, err := a.Accounts.KeyOwner(ctx, rest[0])
		if errors.Is(err, meta.ErrNotFound) {
			return fmt.Errorf("there is no access key %q", rest[0])
		}
		if err != nil {
			return err
		}
		return a.Accounts.RemoveKey(ctx, owner, rest[0])
	})
}

// accountSet changes what may change of an account; what is not given stays.
func accountSet(ctx context.Context, name string, args []string) error {
	var given *flag.FlagSet
	var quota, top config.Size
	var newName, displayName, email, role, state string
	var home bool
	c, rest, err := parseArgs(name, args, func(fs *flag.FlagSet) {
		given = fs
		fs.StringVar(&displayName, "display-name", "", "name to show")
		fs.StringVar(&email, "email", "", "e-mail address")
		fs.StringVar(&role, "role", "", "member or operator")
		fs.StringVar(&state, "state", "", "active or suspended; a suspended account's keys are refused at once")
		fs.Var(&quota, "quota", "most bytes the account may store; -1 is no limit")
		fs.Var(&top, "quota-cap", "up to what the person raises the quota herself, bytes; 0: not at all, -1 without limit")
		fs.StringVar(&newName, "name", "", "another name for the account")
		fs.BoolVar(&home, "home", false, "make the home bucket, me:/ of mucura, if there is none")
	}, 1)
	if err != nil {
		return err
	}
	if role != "" && role != string(catalog.Member) && role != string(catalog.Operator) {
		return fmt.Errorf("role %q is neither member nor operator", role)
	}
	if state != "" && state != string(catalog.Active) && state != string(catalog.Suspended) {
		return fmt.Errorf("state %q is neither active nor suspended", state)
	}
	set := map[string]func(*catalog.Account){
		"display-name": func(a *catalog.Account) { a.DisplayName = displayName },
		"email":        func(a *catalog.Account) { a.Email = email },
		"role":         func(a *catalog.Account) { a.Role = catalog.Role(role) },
		"state":        func(a *catalog.Account) { a.State = catalog.State(state) },
		"quota":        func(a *catalog.Account) { a.Quota = int64(quota) },
		"quota-cap":    func(a *catalog.Account) { a.QuotaCap = int64(top) },
		"name":         func(a *catalog.Account) { a.Name = newName },
	}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil {
			return err
		}
		apply := func(ctx context.Context) error {
			_, err := a.Accounts.Update(ctx, acct.ID, func(acct *catalog.Account) error {
				given.Visit(func(f *flag.Flag) {
					if change := set[f.Name]; change != nil {
						change(acct)
					}
				})
				return nil
			})
			return err
		}
		if role == string(catalog.Member) || state == string(catalog.Suspended) {
			err = takeOperator(ctx, a, acct, apply)
		} else {
			err = apply(ctx)
		}
		if err == nil && home {
			err = giveHome(ctx, a, acct.ID)
		}
		return err
	})
}

// keyRoot gives the administrator the pair of the settings, which come by the
// environment, and removes the pair she had from the settings or the first start.
func keyRoot(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	if c.RootAccessKeyID == "" || c.RootSecretAccessKey == "" {
		return fmt.Errorf("root-access-key-id and root-secret-access-key are not set")
	}
	return withNewApp(ctx, c, func(a *app.App) error {
		_, _, _, err := a.Accounts.EnsureRoot(ctx, c.RootAccessKeyID, c.RootSecretAccessKey)
		return err
	})
}
