package cli

import (
	"context"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
)

func (a *app) requests(ctx context.Context, path string) error {
	var all api.Requests
	if err := a.call(ctx, http.MethodGet, path, nil, nil, &all); err != nil {
		return err
	}
	for i := range all.Requests {
		r := &all.Requests[i]
		var facts []string
		for _, f := range r.Evidence {
			facts = append(facts, f.Name+"="+f.Value)
		}
		size := ""
		if r.Bytes != 0 {
			size = humanSize(r.Bytes)
		}
		a.out.put(typed("request", r), "%s  %-12s %-16s %-9s %10s  %s", r.ID, r.Kind, clean(r.Account), r.State, size, clean(strings.TrimSpace(r.Reason+" "+strings.Join(facts, " "))))
	}
	return nil
}

func (a *app) adminDecide(verb, short string) *cobra.Command {
	var in api.Decide
	var quota, most byteSize
	c := &cobra.Command{
		Use:   verb + " REQUEST-ID",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("quota") {
				n := int64(quota)
				in.Bytes = &n
			}
			if cmd.Flags().Changed("cap") {
				n := int64(most)
				in.Cap = &n
			}
			var out api.Request
			if err := a.call(cmd.Context(), http.MethodPost, "admin/requests/"+seg(args[0])+"/"+verb, nil, &in, &out); err != nil {
				return err
			}
			a.out.did(typed("request", &out), "request %s of %s is %s", out.ID, clean(out.Account), out.State)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&in.Answer, "answer", "", "a sentence for the person")
	if verb == "approve" {
		f.Var(&quota, "quota", "quota to give; as asked for when absent")
		f.Var(&most, "cap", "up to what she may raise it herself")
		f.StringArrayVar(&in.Groups, "group", nil, "group to put her in; may be repeated")
	}
	return c
}
