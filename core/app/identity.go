package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/basepath"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/localca"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/sts"
)

// identity wires what is about people: the authentication server, the API, the
// audit log, home buckets.
func (a *App) identity() {
	c := a.Config
	if c.HomeBuckets {
		a.Accounts.MakeHome = a.makeHome
	}
	if c.AuditLog != "off" {
		a.Audit = &audit.Log{Dir: c.AuditLog, Keep: c.AuditKeep, Now: time.Now, Log: a.Log}
	}
	a.Auth = &sts.Server{
		Accounts: a.Accounts, Verifier: &sigv4.Verifier{Keys: a.Accounts, Now: time.Now, Service: "sts"},
		Options: gridproxy.Options{
			AllowLegacy: c.AllowLegacyProxies, AllowMissingCRL: c.AllowMissingCRL,
			AllowMissingSigningPolicy: c.AllowMissingPolicy, ServiceNames: c.AuthHosts,
		},
		Hosts: c.AuthHosts, Terminator: sts.Terminator(c.AuthTerminator), RegisterHint: c.RegisterHint,
		Now: time.Now, Log: a.Log, Observe: a.observeAuth,
	}
	a.Auth.From, _ = c.TerminatorFrom() // was judged with the configuration
	if hosts := signedHosts(c); len(hosts) > 0 {
		a.Auth.Signed = sts.SignedFor(hosts)
	}
	if c.TrustDir != "" {
		a.Trust = openTrust(c, nil)
		a.Trust.Log = a.Log
		a.Auth.Trust = a.Trust
	}
	a.API = &api.Server{
		Accounts: a.Accounts, Repo: a.Repo, Quota: a.Quota, Verifier: a.Front.Verifier, Audit: a.Audit,
		DefaultQuota: int64(c.DefaultQuota), DefaultCap: int64(c.DefaultQuotaCap),
		Now: time.Now, Log: a.Log, Observe: a.observeCall,
	}
}

// signedHosts are the hosts that a request signed with a certificate's key may be
// for: those of the authentication server, also the one by which it is reached
// where something else ends TLS and no client is asked for a certificate. A name
// that means another machine to everybody is none: a request signed for it could
// have been meant for somebody else.
func signedHosts(c *config.Config) []string {
	hosts := slices.Clone(c.AuthHosts)
	u, err := url.Parse(c.AuthURL)
	if err != nil || u.Hostname() == "" || slices.Contains(hosts, u.Hostname()) {
		return hosts
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return hosts
	}
	return append(hosts, u.Hostname())
}

// Reseal seals anew, under the current site key, every secret of the registry
// that is sealed under an older one: those of access keys, what is kept for
// automatic certificates, and the site's own authority. It tells how many it was, and may be repeated.
func (a *App) Reseal(ctx context.Context) (int, error) {
	n, shut := a.Accounts.Reseal(ctx) // what it could not open is no reason to leave the rest
	box, err := seal.New(a.Stores.SiteKey, a.Stores.OldSiteKeys...)
	if err != nil {
		return n, errors.Join(shut, err)
	}
	authority, err := localca.Reseal(ctx, a.Stores.Registry, box)
	if err != nil {
		return n, errors.Join(shut, err)
	}
	if authority {
		n++
	}
	from := ""
	for {
		page, err := a.Stores.Registry.Scan(ctx, catalog.TLS, meta.Range{From: from, WithValue: true})
		if err != nil {
			return n, errors.Join(shut, err)
		}
		for _, e := range page.Entries {
			done, err := a.reseal(ctx, box, &e)
			if err != nil {
				return n, errors.Join(shut, fmt.Errorf("%s: %w", e.Key, err))
			}
			if done {
				n++
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return n, shut
		}
		from = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// reseal seals one record for automatic certificates anew. What is not sealed
// there (names, locks) does not open under any key, and stays.
func (a *App) reseal(ctx context.Context, box *seal.Box, e *meta.Entry) (bool, error) {
	if box.Current(e.Record.Value) {
		return false, nil
	}
	plain, err := box.Open(e.Record.Value, []byte(e.Key))
	if errors.Is(err, seal.ErrDamaged) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rec := meta.Record{Value: box.Seal(plain, []byte(e.Key)), Summary: e.Record.Summary}
	_, err = a.Stores.Registry.Put(ctx, catalog.TLS, e.Key, rec, meta.IfMatch(e.Record.Version))
	if errors.Is(err, meta.ErrConflict) { // renewed this moment, under the current key
		return false, nil
	}
	return err == nil, err
}

// SetSiteKeys puts other site keys in force while requests are served, see
// accounts.Service.SetSiteKeys.
func (a *App) SetSiteKeys(key []byte, older ...[]byte) error {
	err := errors.Join(a.Accounts.SetSiteKeys(key, older...), a.Repo.SSE.Set(key, older...))
	for _, set := range a.siteKeys {
		err = errors.Join(err, set(key, older...))
	}
	return err
}

// OnSiteKeys has SetSiteKeys tell others, too. Call it before serving.
func (a *App) OnSiteKeys(set func(key []byte, older ...[]byte) error) {
	a.siteKeys = append(a.siteKeys, set)
}

// dispatch finds whose request it is: the authentication server's, the API's,
// or S3's. Whatever it is, no stranger says whose certificate it came with.
func (a *App) dispatch(w http.ResponseWriter, r *http.Request) {
	a.Auth.Strip(r)
	r = basepath.Enter(a.Config.BasePath, r)
	switch {
	case len(a.Auth.Hosts) > 0 && a.Auth.IsHost(sts.Hostname(r.Host)):
		a.authHost(w, r)
	case r.URL.Path == "/" && r.Method == http.MethodPost && a.Front.HostBucket(r.Host) == "":
		a.Auth.ServeActions(w, r)
	case api.Is(r) && a.Front.HostBucket(r.Host) == "":
		a.API.ServeHTTP(w, r)
	case a.isVisitor(r):
		http.Redirect(w, r, a.Web.URL+"/", http.StatusSeeOther)
	default:
		a.Front.ServeHTTP(w, r)
	}
}

// isVisitor tells a person who typed the endpoint's address into a browser: she gets
// the pages, and not an error in XML. Pages of this machine alone are for those who are
// on it. S3 sends such visitors away, too.
func (a *App) isVisitor(r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Path != "/" || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" ||
		!strings.Contains(r.Header.Get("Accept"), "text/html") || a.Web == nil || a.Web.URL == "" || a.Front.HostBucket(r.Host) != "" {
		return false
	}
	pages, err := url.Parse(a.Web.URL)
	return err == nil && (!isLoopback(pages.Hostname()) || isLoopback(sts.Hostname(r.Host)))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// AuthHandler is the handler of the authentication server's own listener.
func (a *App) AuthHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
			a.Auth.Strip(r)
			a.authHost(w, basepath.Enter(a.Config.BasePath, r))
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, s3err.SlowDown.Message, http.StatusServiceUnavailable)
			a.metrics.refused.Add(1)
		}
	})
}

// maxHomes is how many names are tried for a home bucket.
const maxHomes = 100

// makeHome makes the home bucket of an account: of its name as far as a
// bucket's may have it, with a number when that is taken. A bucket of such a
// name that is the account's own already is its home.
func (a *App) makeHome(ctx context.Context, acct *catalog.Account) (string, error) {
	base := bucketName(acct.Name)
	for n := 1; n <= maxHomes; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		_, err := a.Repo.CreateBucket(ctx, catalog.Bucket{Name: name, Owner: acct.ID})
		if err == nil || errors.Is(err, s3err.BucketAlreadyOwnedByYou) {
			return name, nil
		}
		if !errors.Is(err, s3err.BucketAlreadyExists) {
			return "", err
		}
	}
	return "", s3err.BucketAlreadyExists
}

// bucketName makes a bucket's name of an account's: 3 to 58 letters in lower
// case, digits and hyphens, room left for a number.
func bucketName(account string) string {
	var b strings.Builder
	for _, ch := range strings.ToLower(account) {
		if ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9' {
			b.WriteRune(ch)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String()[:min(b.Len(), 58)], "-")
	if len(name) < 3 {
		name = strings.Trim(name+"-home", "-")
	}
	return name
}
