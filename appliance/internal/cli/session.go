package cli

import (
	"context"
	"crypto/x509"
	"net/http"
	"runtime"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/profile"
	"github.com/mucura/mucura/core/client/transfer"
)

// session is whom the command talks to, and as whom.
type session struct {
	app      *app
	settings *profile.Settings
	roots    *x509.CertPool
	client   *client.Client
	engine   *transfer.Engine
}

// settings finds whom to talk to.
func (a *app) settings() (*profile.Settings, error) {
	s, err := profile.Load(a.env, a.flags)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return s, nil
}

// open makes the client of the repository, once.
func (a *app) open(ctx context.Context) (*session, error) {
	if a.session != nil {
		return a.session, nil
	}
	settings, err := a.settings()
	if err != nil {
		return nil, err
	}
	if settings.Server == "" {
		return nil, usagef("no server is named: give --server https://HOST, set MUCURA_SERVER or AWS_ENDPOINT_URL, or run \"mucura login --server https://HOST\"")
	}
	s := &session{app: a, settings: settings}
	if s.roots, err = settings.Roots(); err != nil {
		return nil, err
	}
	endpoint, err := client.ParseEndpoint(settings.Server)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	s.client = &client.Client{
		Endpoint: endpoint, Region: settings.Region, Keys: &source{session: s},
		HTTP:     client.NewHTTP(max(a.parallel, 1), s.roots, nil),
		Attempts: a.attempts, Stall: a.stall, UserAgent: a.userAgent(), Now: a.now,
	}
	s.engine = transfer.New(transfer.Engine{
		Client: s.client, Parallel: a.parallel, PartSize: int64(a.partSize),
		StateDir: a.env.StateDir(), Progress: a.progress(), Now: a.now,
	})
	a.session = s
	return s, nil
}

func (a *app) userAgent() string {
	version := a.release
	if version == "" {
		version = "devel"
	}
	return "mucura/" + version + " (" + runtime.GOOS + "/" + runtime.GOARCH + ")"
}

// home is the bucket that me:/ stands for.
func (s *session) home(ctx context.Context) (string, error) {
	if s.settings.Home != "" {
		return s.settings.Home, nil
	}
	var who api.Whoami
	err := s.client.Call(ctx, http.MethodGet, "whoami", nil, nil, &who)
	switch client.KindOf(err) {
	case client.OK:
		if who.Account.Home != "" {
			s.settings.Home = who.Account.Home
			return who.Account.Home, nil
		}
		return "", usagef("account %q has no home bucket: make a bucket (mucura mkdir s3://NAME) and set MUCURA_HOME_BUCKET=NAME, or home = NAME in the profile; or ask an operator for one", who.Account.Name)
	case client.NotFound, client.Generic: // of a server that has no such call
	default:
		return "", err
	}
	return "", usagef("no home bucket is known: set MUCURA_HOME_BUCKET, or \"home\" in the profile")
}
