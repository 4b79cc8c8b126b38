package swifttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Keystone is a running identity service with one ordinary user.
type Keystone struct {
	// AuthURL ends in /v3. Mucura's user is called by Name in the domain
	// "Default", as is its project.
	AuthURL, Name, Password, Project, Region string
	// Application credential of that user.
	CredentialID, CredentialSecret string

	n       *Node
	token   string // the administrator's
	subject string // the token a request is about
}

// Of the stack's own users. It listens on loopback only, and not for long.
const (
	adminPassword = "admin-secret"
	swiftPassword = "swift-secret" // in conf.tmpl, too
)

func startKeystone(ctx context.Context, n *Node) (*Keystone, error) {
	k := &Keystone{
		AuthURL: "http://" + n.addr("keystone") + "/v3", Name: "mucura", Password: "mucura-secret", Project: "files", Region: "here", n: n,
	}
	conf := filepath.Join(n.etc(), "keystone.conf")
	user := n.procs.userName()
	group := []string{"--keystone-user", user, "--keystone-group", groupOf(n.procs)}
	for _, args := range [][]string{
		{"db_sync"},
		append([]string{"fernet_setup"}, group...),
		append([]string{"credential_setup"}, group...),
		{"bootstrap", "--bootstrap-password", adminPassword, "--bootstrap-region-id", k.Region,
			"--bootstrap-public-url", k.AuthURL, "--bootstrap-internal-url", k.AuthURL, "--bootstrap-admin-url", k.AuthURL},
	} {
		for _, d := range []string{"fernet-keys", "fernet-receipts", "credential-keys"} {
			if err := os.MkdirAll(filepath.Join(n.etc(), d), 0o700); err != nil {
				return nil, err
			}
		}
		if err := n.procs.own(n.etc()); err != nil {
			return nil, err
		}
		argv := append([]string{"/usr/bin/keystone-manage", "--config-file", conf}, args...)
		if err := n.run("keystone-"+args[0], argv...); err != nil {
			return nil, err
		}
	}
	// Readers and the writer of the database do not lock each other out then.
	wal := "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute('pragma journal_mode=wal')"
	if err := n.run("keystone-wal", python, "-c", wal, filepath.Join(n.dir, "keystone.db")); err != nil {
		return nil, err
	}
	if err := n.procs.start("keystone", n.log("keystone"), "uwsgi", "--plugins", "python3",
		"--http-socket", n.addr("keystone"), "--wsgi-file", "/usr/bin/keystone-wsgi-public", "--enable-threads", "--threads", "4",
		"--buffer-size", "65535", "--need-app", "--env", "OS_KEYSTONE_CONFIG_FILES="+conf); err != nil {
		return nil, err
	}
	if err := k.login(ctx); err != nil {
		return nil, err
	}
	return k, k.populate(ctx)
}

func groupOf(p *processes) string {
	if p.credential != nil {
		return "nogroup"
	}
	return p.userName()
}

// login waits for Keystone and takes a token as its administrator.
func (k *Keystone) login(ctx context.Context) error {
	for {
		token, err := k.authenticate(ctx, "admin", adminPassword, "admin")
		if err == nil {
			k.token = token
			return nil
		}
		if !k.n.procs.alive("keystone") {
			return fmt.Errorf("ended: %s", tail(k.n.log("keystone")))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w: %s", ctx.Err(), err, tail(k.n.log("keystone")))
		}
	}
}

type object = map[string]any

func (k *Keystone) authenticate(ctx context.Context, user, password, project string) (token string, err error) {
	domain := object{"id": "default"}
	res, _, err := k.call(ctx, http.MethodPost, "/auth/tokens", object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": user, "password": password, "domain": domain}}},
		"scope":    object{"project": object{"name": project, "domain": domain}},
	}})
	if err != nil {
		return "", err
	}
	return res.Header.Get("X-Subject-Token"), nil
}

// populate makes the service user of Swift, the catalogue's entry for it, and
// Mucura's user with an application credential.
func (k *Keystone) populate(ctx context.Context) error {
	service, err := k.create(ctx, "/projects", "project", object{"name": "service", "domain_id": "default"})
	if err != nil {
		return err
	}
	project, err := k.create(ctx, "/projects", "project", object{"name": k.Project, "domain_id": "default"})
	if err != nil {
		return err
	}
	store, err := k.create(ctx, "/services", "service", object{"name": "swift", "type": "object-store"})
	if err != nil {
		return err
	}
	for _, side := range []string{"public", "internal"} {
		if _, err := k.create(ctx, "/endpoints", "endpoint", object{"service_id": store, "interface": side, "region_id": k.Region,
			"url": "http://" + k.n.Addr + "/v1/AUTH_%(project_id)s"}); err != nil {
			return err
		}
	}
	if _, err := k.addUser(ctx, "swift", swiftPassword, service, "admin"); err != nil {
		return err
	}
	user, err := k.addUser(ctx, k.Name, k.Password, project, "member")
	if err != nil {
		return err
	}
	return k.addCredential(ctx, user)
}

func (k *Keystone) addUser(ctx context.Context, name, password, project, role string) (id string, err error) {
	if id, err = k.create(ctx, "/users", "user", object{"name": name, "password": password, "domain_id": "default"}); err != nil {
		return "", err
	}
	_, body, err := k.call(ctx, http.MethodGet, "/roles?name="+role, nil)
	if err != nil {
		return "", err
	}
	var found struct{ Roles []struct{ ID string } }
	if err := json.Unmarshal(body, &found); err != nil || len(found.Roles) != 1 {
		return "", fmt.Errorf("role %s: %s: %w", role, body, err)
	}
	_, _, err = k.call(ctx, http.MethodPut, "/projects/"+project+"/users/"+id+"/roles/"+found.Roles[0].ID, nil)
	return id, err
}

// addCredential makes the application credential, as its user.
func (k *Keystone) addCredential(ctx context.Context, user string) error {
	admin := k.token
	defer func() { k.token = admin }()
	var err error
	if k.token, err = k.authenticate(ctx, k.Name, k.Password, k.Project); err != nil {
		return err
	}
	_, body, err := k.call(ctx, http.MethodPost, "/users/"+user+"/application_credentials", object{"application_credential": object{"name": "server"}})
	if err != nil {
		return err
	}
	var made struct {
		Credential struct{ ID, Secret string } `json:"application_credential"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return err
	}
	k.CredentialID, k.CredentialSecret = made.Credential.ID, made.Credential.Secret
	return nil
}

// create makes a resource and returns its ID.
func (k *Keystone) create(ctx context.Context, path, kind string, attributes object) (id string, err error) {
	_, body, err := k.call(ctx, http.MethodPost, path, object{kind: attributes})
	if err != nil {
		return "", err
	}
	var made map[string]struct{ ID string }
	if err := json.Unmarshal(body, &made); err != nil || made[kind].ID == "" {
		return "", fmt.Errorf("%s: %s: %w", path, body, err)
	}
	return made[kind].ID, nil
}

// RevokeKeystoneToken ends a token that Keystone gave.
func (n *Node) RevokeKeystoneToken(ctx context.Context, token string) error {
	k := n.Keystone
	if err := k.login(ctx); err != nil {
		return err
	}
	k.subject = token
	defer func() { k.subject = "" }()
	_, _, err := k.call(ctx, http.MethodDelete, "/auth/tokens", nil)
	return err
}

func (k *Keystone) call(ctx context.Context, method, path string, in any) (*http.Response, []byte, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, k.AuthURL+path, body)
	if err != nil {
		return nil, nil, err
	}
	req.Close = true // uWSGI's own HTTP knows no persistent connections
	req.Header.Set("Content-Type", "application/json")
	if k.token != "" {
		req.Header.Set("X-Auth-Token", k.token)
	}
	if k.subject != "" {
		req.Header.Set("X-Subject-Token", k.subject)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, out)
	}
	return res, out, err
}
