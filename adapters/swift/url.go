package swift

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ncw/swift/v2"
)

// credentials are what a session authenticates with. Never log them.
type credentials struct {
	authURL          string
	version          int // 1: tempauth and its like, 3: Keystone
	user, key        string
	userDomain       string
	project          string
	projectID        string
	projectDomain    string
	region           string
	endpoint         swift.EndpointType
	credentialID     string // of a Keystone application credential
	credentialSecret string
	caFile           string
}

// errURL hides what it wraps: url.Parse repeats the URL, key included.
var errURL = errors.New("malformed; want swift://host/v3?user=… or swift://env")

// parse reads a store's URL into o and the credentials; what the URL does not
// say of the credentials is taken from the environment.
func parse(raw string, o Options) (credentials, Options, error) {
	var c credentials
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return c, o, errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return c, o, errURL
	}
	switch {
	case u.Scheme == "swift" && u.Host == "env" && u.Path == "":
	case u.Scheme == "swift":
		c.authURL = "https://" + u.Host + cmp.Or(u.EscapedPath(), "/v3")
	case u.Scheme == "swift+http":
		c.authURL = "http://" + u.Host + cmp.Or(u.EscapedPath(), "/v3")
	default:
		return c, o, errURL
	}
	if u.User != nil {
		c.user = u.User.Username()
		c.key, _ = u.User.Password()
	}
	rows := c.rows(&o)
	for _, name := range slices.Sorted(maps.Keys(query)) {
		set := rows[name]
		switch values := query[name]; {
		case slices.Contains([]string{"key", "password", "secret", "token"}, name):
			return c, o, fmt.Errorf("%s: does not belong in a URL, give key-file=", name)
		case set == nil:
			return c, o, fmt.Errorf("no such setting: %q", name)
		case len(values) != 1:
			return c, o, fmt.Errorf("%s: given more than once", name)
		default:
			if err := set(values[0]); err != nil {
				return c, o, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	c.fromEnvironment(o.Getenv)
	return c, o, c.complete()
}

// rows are the settings a URL may have.
func (c *credentials) rows(o *Options) map[string]func(string) error {
	text := func(s *string) func(string) error { return func(v string) error { *s = v; return nil } }
	fromFile := func(s *string) func(string) error {
		return func(v string) error {
			b, err := os.ReadFile(v)
			*s = strings.TrimSpace(string(b))
			if err == nil && *s == "" {
				err = errors.New("is empty")
			}
			return err
		}
	}
	return map[string]func(string) error{
		"user":                      text(&c.user),
		"key-file":                  fromFile(&c.key),
		"user-domain":               text(&c.userDomain),
		"project":                   text(&c.project),
		"project-id":                text(&c.projectID),
		"project-domain":            text(&c.projectDomain),
		"application-credential-id": text(&c.credentialID),
		"region":                    text(&c.region),
		"interface":                 func(v string) error { c.endpoint = swift.EndpointType(v); return nil },
		"ca-file":                   text(&c.caFile),
		"temp-url-key-file":         fromFile(&o.TempURLKey),
		"prefix":                    text(&o.Prefix),
		"containers":                func(v string) (err error) { o.Containers, err = strconv.Atoi(v); return err },
		"connections":               func(v string) (err error) { o.Connections, err = strconv.Atoi(v); return err },
		"segment":                   func(v string) (err error) { o.SegmentBytes, err = parseSize(v); return err },
		"buffers":                   func(v string) (err error) { o.BufferBytes, err = parseSize(v); return err },
		"verify": func(v string) error {
			verify, err := strconv.ParseBool(v)
			o.NoVerify, o.VerifyAll = !verify, verify
			return err
		},
	}
}

// fromEnvironment fills what is missing from OpenStack's usual variables, and
// those of its version 1 clients. Who gives a user in the URL does not want
// another's application credential.
func (c *credentials) fromEnvironment(getenv func(string) string) {
	fill := func(s *string, names ...string) {
		for _, name := range names {
			*s = cmp.Or(*s, getenv(name))
		}
	}
	if c.user == "" && c.credentialID == "" {
		fill(&c.credentialID, "OS_APPLICATION_CREDENTIAL_ID")
	}
	if c.credentialID != "" {
		// key-file names the secret, too.
		fill(&c.credentialSecret, "OS_APPLICATION_CREDENTIAL_SECRET")
		c.credentialSecret = cmp.Or(c.key, c.credentialSecret)
	}
	fill(&c.authURL, "OS_AUTH_URL", "ST_AUTH")
	fill(&c.user, "OS_USERNAME", "ST_USER")
	fill(&c.key, "OS_PASSWORD", "ST_KEY")
	fill(&c.userDomain, "OS_USER_DOMAIN_NAME")
	fill(&c.project, "OS_PROJECT_NAME")
	fill(&c.projectID, "OS_PROJECT_ID")
	fill(&c.projectDomain, "OS_PROJECT_DOMAIN_NAME")
	fill(&c.region, "OS_REGION_NAME")
	fill(&c.caFile, "OS_CACERT")
	c.endpoint = cmp.Or(c.endpoint, swift.EndpointType(strings.TrimSuffix(getenv("OS_INTERFACE"), "URL")))
}

// complete checks the credentials and finds their version.
func (c *credentials) complete() error {
	u, err := url.Parse(c.authURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("no usable authentication URL in the store's URL or OS_AUTH_URL")
	}
	for _, part := range strings.Split(u.Path, "/") {
		switch part {
		case "v1", "v1.0":
			c.version = 1
		case "v3":
			c.version = 3
		}
	}
	switch c.endpoint {
	case "", swift.EndpointTypePublic, swift.EndpointTypeInternal, swift.EndpointTypeAdmin:
	default:
		return fmt.Errorf("interface: %q is none of public, internal, admin", string(c.endpoint))
	}
	switch {
	case c.version == 0:
		return errors.New("the path of the authentication URL names neither v1 nor v3")
	case c.version == 3 && c.credentialID != "" && c.credentialSecret == "":
		return errors.New("no secret of the application credential: give key-file= or OS_APPLICATION_CREDENTIAL_SECRET")
	case c.version == 3 && c.credentialID != "":
		return nil
	case c.user == "" || c.key == "":
		return errors.New("no user or no key: give user= and key-file=, or OS_USERNAME and OS_PASSWORD, or an application credential")
	case c.version == 3 && c.project == "" && c.projectID == "":
		return errors.New("no project: give project= or OS_PROJECT_NAME")
	}
	return nil
}

// connection is what ncw/swift authenticates with.
func (c *credentials) connection() *swift.Connection {
	conn := &swift.Connection{
		AuthUrl: c.authURL, AuthVersion: c.version, Region: c.region, EndpointType: cmp.Or(c.endpoint, swift.EndpointTypePublic),
		UserName: c.user, ApiKey: c.key, UserAgent: userAgent,
	}
	switch {
	case c.version == 1:
		conn.EndpointType = "" // there is no catalogue
	case c.credentialID != "":
		conn.UserName, conn.ApiKey = "", ""
		conn.ApplicationCredentialId, conn.ApplicationCredentialSecret = c.credentialID, c.credentialSecret
	default:
		conn.Domain = cmp.Or(c.userDomain, "Default")
		conn.Tenant, conn.TenantId = c.project, c.projectID
		conn.TenantDomain = cmp.Or(c.projectDomain, conn.Domain)
	}
	return conn
}

// prefixes of container names need no escaping, and leave room for a number.
var prefixes = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$`)

// parseSize reads bytes with an optional unit: 64KiB, 32MiB, 1GiB.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGiB")
	n, err := strconv.ParseInt(digits, 10, 64)
	shift, known := map[string]int{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[s[len(digits):]]
	if err != nil || !known || n < 1 || n > 1<<40>>shift {
		return 0, fmt.Errorf("%q is not a size such as 32MiB", s)
	}
	return n << shift, nil
}
