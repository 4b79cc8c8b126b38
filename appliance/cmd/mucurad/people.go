package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/gridproxy"
)

// accountClose marks an account to be deleted with everything.
func accountClose(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil {
			return err
		}
		return a.Accounts.Close(ctx, acct.ID)
	})
}

// accountCertificate adds a certificate's subject and issuing CA to an account.
// The file must hold it alone, not a proxy.
func accountCertificate(ctx context.Context, name string, args []string) error {
	c, rest, err := parseArgs(name, args, nil, 2)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(rest[1])
	if err != nil {
		return err
	}
	chain, err := gridproxy.ParsePEM(text)
	if err != nil {
		return err
	}
	if len(chain) != 1 {
		return fmt.Errorf("%s holds %d certificates; give the person's own one alone", rest[1], len(chain))
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	subject, err := gridproxy.ParseName(cert.RawSubject)
	if err != nil {
		return err
	}
	issuer, err := gridproxy.ParseName(cert.RawIssuer)
	if err != nil {
		return err
	}
	sub := catalog.Subject{Kind: catalog.SubjectCertificate, Name: subject.String(), Issuer: issuer.String()}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil {
			return err
		}
		if err := a.Accounts.AddSubject(ctx, acct.ID, sub); err != nil {
			return err
		}
		fmt.Printf("subject  %s\nissuer   %s\n", sub.Name, sub.Issuer)
		return nil
	})
}

func requestList(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		list, err := a.Accounts.RequestsIn(ctx, catalog.Pending)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tSINCE\tKIND\tACCOUNT\tBYTES\tREASON\tEVIDENCE")
		for _, r := range list {
			var facts []string
			for _, t := range r.Evidence {
				facts = append(facts, t.Key+": "+t.Value)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.ID, r.Created.Format(time.RFC3339), r.Kind, r.Name, r.Bytes, r.Reason, strings.Join(facts, "; "))
		}
		return w.Flush()
	})
}

func requestApprove(ctx context.Context, name string, args []string) error {
	return decide(ctx, name, args, true)
}

func requestReject(ctx context.Context, name string, args []string) error {
	return decide(ctx, name, args, false)
}

func decide(ctx context.Context, name string, args []string, approve bool) error {
	d := accounts.Decision{Approve: approve, By: "operator at the server"}
	var bytes, top config.Size
	var given *flag.FlagSet
	c, rest, err := parseArgs(name, args, func(fs *flag.FlagSet) {
		given = fs
		fs.StringVar(&d.Answer, "answer", "", "a sentence for the person")
		if approve {
			fs.Var(&bytes, "quota", "quota given, bytes; as asked when absent")
			fs.Var(&top, "quota-cap", "up to what the person raises it herself, bytes")
		}
	}, 1)
	if err != nil {
		return err
	}
	given.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "quota":
			d.Bytes = (*int64)(&bytes)
		case "quota-cap":
			d.Cap = (*int64)(&top)
		}
	})
	return withApp(ctx, c, func(a *app.App) error {
		r, err := a.Accounts.Decide(ctx, rest[0], d)
		if errors.Is(err, accounts.ErrNotFound) {
			return fmt.Errorf("there is no request %q; mucurad request ls lists them", rest[0])
		}
		if err != nil {
			return err
		}
		fmt.Printf("%s of %s: %s\n", r.Kind, r.Name, r.State)
		return nil
	})
}
