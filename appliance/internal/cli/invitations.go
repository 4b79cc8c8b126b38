package cli

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/mucura/mucura/core/api"
)

func (a *app) adminInvite() *cobra.Command {
	var in api.Invite
	c := &cobra.Command{
		Use:   "invite",
		Short: "Make an invitation: whoever brings its code may register with a password",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out api.MadeInvitation
			if err := a.call(cmd.Context(), http.MethodPost, "admin/invitations", nil, &in, &out); err != nil {
				return err
			}
			a.out.put(typed("invitation", &out), "%s", out.Code)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&in.Label, "label", "", "for whom it is")
	f.IntVar(&in.Uses, "uses", 1, "for how many people")
	f.IntVar(&in.Days, "days", 14, "days until it expires")
	return c
}

func (a *app) adminInvitations() *cobra.Command {
	return &cobra.Command{
		Use:   "invitations",
		Short: "List the invitations that are still good",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list api.Invitations
			if err := a.call(cmd.Context(), http.MethodGet, "admin/invitations", nil, nil, &list); err != nil {
				return err
			}
			for i := range list.Invitations {
				in := &list.Invitations[i]
				a.out.put(typed("invitation", in), "%s  %4d  until %s  %s  %s", in.ID, in.Uses, in.Expires.UTC().Format(time.RFC3339), clean(in.By), clean(in.Label))
			}
			return nil
		},
	}
}

func (a *app) adminWithdraw() *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw INVITATION-ID",
		Short: "End an invitation",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.call(cmd.Context(), http.MethodDelete, "admin/invitations/"+seg(args[0]), nil, nil, &struct{}{}); err != nil {
				return err
			}
			a.out.did(map[string]string{"type": "withdrawn", "id": args[0]}, "invitation %s is withdrawn", args[0])
			return nil
		},
	}
}
