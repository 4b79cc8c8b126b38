package cli

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/client/login"
	"github.com/mucura/mucura/core/config"
)

func (a *app) keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "List, make, rotate and remove access keys"}
	c.AddCommand(a.keysList(), a.keysNew(), a.keysRotate(), &cobra.Command{
		Use:   "rm ID…",
		Short: "Remove access keys at once",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, id := range args {
				if err := a.call(cmd.Context(), http.MethodDelete, "keys/"+seg(id), nil, nil, nil); err != nil {
					return err
				}
				a.out.did(map[string]string{"type": "remove", "key": id}, "key %s is removed", clean(id))
			}
			return nil
		},
	})
	return c
}

func (a *app) keysList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List access keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all api.Keys
			if err := a.call(cmd.Context(), http.MethodGet, "keys", nil, nil, &all); err != nil {
				return err
			}
			for i := range all.Keys {
				k := &all.Keys[i]
				expires, used := "never expires", "never used"
				if !k.Expires.IsZero() {
					expires = "until " + k.Expires.UTC().Format(time.RFC3339)
				}
				if k.LastUsed != nil {
					used = "used " + k.LastUsed.Time.UTC().Format(time.RFC3339) + " from " + k.LastUsed.Address
				}
				a.out.put(typed("key", k), "%-24s %-20s %s, %s %s", k.ID, clean(k.Label), expires, clean(used), scopeText(k.Scope))
			}
			return nil
		},
	}
}

func scopeText(scope catalog.Scope) string {
	var all []string
	for _, g := range scope {
		all = append(all, fmt.Sprintf("s3://%s/%s:%s", g.Bucket, g.Prefix, g.Access))
	}
	return clean(strings.Join(all, " "))
}

func (a *app) keysNew() *cobra.Command {
	var label string
	var life lifetime
	var scopes []string
	c := &cobra.Command{
		Use:   "new",
		Short: "Make an access key; its secret is shown this once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := api.NewKey{Label: label, ExpiresIn: int64(time.Duration(life.Duration) / time.Second)}
			for _, text := range scopes {
				g, err := login.ParseScope(text)
				if err != nil {
					return usagef("%v", err)
				}
				in.Scope = append(in.Scope, catalog.ScopeGrant{Bucket: g.Bucket, Prefix: g.Prefix, Access: accessOf(g)})
			}
			var k api.Secret
			if err := a.call(cmd.Context(), http.MethodPost, "keys", nil, &in, &k); err != nil {
				return err
			}
			a.showSecret(&k)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&label, "label", "", "what the key is for")
	f.Var(&life, "expires-in", "lifetime, such as 30d or 12h; none is for ever")
	f.StringArrayVar(&scopes, "scope", nil, "only s3://BUCKET[/PREFIX]:r, :w or :rw; may be repeated")
	return c
}

// showSecret prints a key that was asked for.
func (a *app) showSecret(k *api.Secret) {
	a.out.put(typed("key", k), "access key ID      %s\nsecret access key  %s", k.ID, k.SecretAccessKey)
}

func (a *app) keysRotate() *cobra.Command {
	grace := lifetime{config.Duration(24 * time.Hour)}
	c := &cobra.Command{
		Use:   "rotate ID",
		Short: "Make a key that follows another; the old one stays valid for a while",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var in api.Rotate
			if cmd.Flags().Changed("grace") {
				seconds := int64(time.Duration(grace.Duration) / time.Second)
				in.Grace = &seconds
			}
			var k api.Secret
			if err := a.call(cmd.Context(), http.MethodPost, "keys/"+seg(args[0])+"/rotate", nil, &in, &k); err != nil {
				return err
			}
			a.showSecret(&k)
			return nil
		},
	}
	c.Flags().Var(&grace, "grace", "how long the old key stays valid")
	return c
}
