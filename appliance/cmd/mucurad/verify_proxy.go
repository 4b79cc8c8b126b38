package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/gridproxy"
)

// exitCode ends the program with a code, saying nothing more.
type exitCode int

// Error implements error.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Exit codes of verify-proxy, beside 0 for an accepted chain.
const (
	exitRefused exitCode = 1
	exitUsage   exitCode = 2
)

// proxyVerdict is what verify-proxy --json prints.
type proxyVerdict struct {
	Verdict string `json:"verdict"` // accept or reject
	Code    string `json:"code"`    // ok, or why not
	Subject string `json:"subject,omitempty"`
	Detail  string `json:"detail,omitempty"`
	*proxyAccepted
}

type proxyAccepted struct {
	Identity      string    `json:"identity"`
	IdentitySlash string    `json:"identity_slash"`
	Issuer        string    `json:"issuer"`
	Type          string    `json:"type"`
	Limited       bool      `json:"limited"`
	Depth         int       `json:"proxy_depth"`
	NotAfter      time.Time `json:"not_after"`
	VOMS          string    `json:"voms"`
	VOMSError     string    `json:"voms_error,omitempty"`
	FQANs         []string  `json:"fqans"`
	Warnings      []string  `json:"warnings,omitempty"`
}

// verifyProxyOptions are the command's flags.
type verifyProxyOptions struct {
	trust, vomsdir, at, services string
	json                         bool
	options                      gridproxy.Options
}

// verifyProxy judges a proxy file against a trust directory, as the server does.
func verifyProxy(_ context.Context, name string, args []string) error {
	err := runVerifyProxy(name, args, os.Stdin, os.Stdout, time.Now())
	if exit := exitCode(0); err == nil || errors.As(err, &exit) || errors.Is(err, flag.ErrHelp) {
		return err
	}
	fmt.Fprintf(os.Stderr, "mucurad: %s: %v\n", name, err)
	return exitUsage
}

func runVerifyProxy(name string, args []string, stdin io.Reader, stdout io.Writer, now time.Time) error {
	var o verifyProxyOptions
	path, err := o.parse(name, args)
	if err != nil {
		return err
	}
	if o.at != "" {
		if now, err = time.Parse(time.RFC3339, o.at); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	trust, err := gridproxy.LoadDir(o.trust, o.vomsdir, now)
	if err != nil && !errors.Is(err, gridproxy.ErrNoRoot) { // without a root every chain is refused
		return err
	}
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, gridproxy.MaxPEMBytes+1))
	if err != nil {
		return err
	}
	return o.print(stdout, trust, text, now)
}

// parse reads flags, before and after the file's name, which it returns.
func (o *verifyProxyOptions) parse(name string, args []string) (path string, err error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() {}
	flags.StringVar(&o.trust, "trust", "/etc/grid-security/certificates", "the trust `directory`")
	flags.StringVar(&o.vomsdir, "vomsdir", "", "the `directory` of LSC files; without it no VOMS attributes count")
	flags.StringVar(&o.at, "at", "", "judge as of this `time`, as in 2026-12-31T23:59:59Z, instead of now")
	flags.StringVar(&o.services, "service", "", "the service's own `names`, with commas between, for attributes meant for one service")
	flags.BoolVar(&o.json, "json", false, "print the verdict as JSON")
	flags.BoolVar(&o.options.AllowLegacy, "allow-legacy", false, "accept legacy (GT2) proxies")
	flags.BoolVar(&o.options.AllowMissingCRL, "allow-missing-crl", false, "accept CAs without revocation list")
	flags.BoolVar(&o.options.AllowMissingSigningPolicy, "allow-missing-signing-policy", false, "accept CAs without signing policy")
	flags.BoolVar(&o.options.AllowHostEEC, "allow-host", false, "accept the certificates of hosts")
	var files []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return "", config.HelpOf(flags)
			}
			return "", exitUsage // the flag set has said why
		}
		if args = flags.Args(); len(args) > 0 {
			files, args = append(files, args[0]), args[1:]
		}
	}
	if len(files) != 1 {
		return "", fmt.Errorf("want one file, got %d", len(files))
	}
	if o.services != "" {
		o.options.ServiceNames = strings.Split(o.services, ",")
	}
	return files[0], nil
}

// print judges the text and prints the verdict.
func (o *verifyProxyOptions) print(stdout io.Writer, trust *gridproxy.Trust, text []byte, now time.Time) error {
	var r *gridproxy.Result
	chain, err := gridproxy.ParsePEM(text)
	if err == nil {
		r, err = gridproxy.Verify(chain, now, trust, o.options)
	}
	var refusal *gridproxy.Refusal
	verdict := proxyVerdict{Verdict: "accept", Code: "ok"}
	switch {
	case errors.As(err, &refusal):
		verdict = proxyVerdict{Verdict: "reject", Code: string(refusal.Code), Subject: refusal.Subject, Detail: refusal.Detail}
	case err != nil:
		return err
	default:
		verdict.proxyAccepted = &proxyAccepted{
			Identity: r.Identity, IdentitySlash: r.IdentitySlash, Issuer: r.Issuer, Type: string(r.Type),
			Limited: r.Limited, Depth: r.Depth, NotAfter: r.NotAfter.UTC(),
			VOMS: string(r.VOMS), VOMSError: r.VOMSError, FQANs: append([]string{}, r.FQANs...), Warnings: r.Warnings,
		}
	}
	if err := verdict.write(stdout, o.json); err != nil {
		return err
	}
	if refusal != nil {
		return exitRefused
	}
	return nil
}

func (v proxyVerdict) write(w io.Writer, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(v)
	}
	if v.proxyAccepted == nil {
		_, err := fmt.Fprintf(w, "reject: %s: %s\n%s\n", v.Code, v.Detail, v.Subject)
		return err
	}
	limited := "full"
	if v.Limited {
		limited = "limited"
	}
	_, err := fmt.Fprintf(w, "accept: %s\nslash form: %s\nissuer: %s\ntype: %s, %s, depth %d\nvalid until: %s\nVOMS: %s %s\n",
		v.Identity, v.IdentitySlash, v.Issuer, v.Type, limited, v.Depth, v.NotAfter.Format(time.RFC3339), v.VOMS, strings.Join(v.FQANs, " "))
	for _, line := range append(v.Warnings, v.VOMSError) {
		if line != "" && err == nil {
			_, err = fmt.Fprintf(w, "note: %s\n", line)
		}
	}
	return err
}
