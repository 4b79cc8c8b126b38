// Package config is every setting of the server in one struct. A setting is a
// flag (--content-dir), an environment variable (MUCURA_CONTENT_DIR) and a
// line of the configuration file (content-dir = /srv); the flag wins over the
// variable, and the variable over the line.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mucura/mucura/core/basepath"
)

// Config is what an operator can set. The zero value is not valid; start from
// the defaults that Parse fills in.
type Config struct {
	Listen      string
	AdminListen string
	Data        string // directory
	Metadata    string // URL
	Content     string // URL
	Registry    string // URL
	// RegistryWhenHealthy allows a registry whose compare-and-set is exact only
	// while its cluster is healthy.
	RegistryWhenHealthy bool
	SiteKeyFile         string
	// SiteKey is what that file would hold; it wins.
	SiteKey string

	RootAccessKeyID     string
	RootSecretAccessKey string
	ShowRootKey         bool

	Region   string
	Domains  List
	BasePath string // "" or /path

	TLS             string // off, files, internal or acme
	TLSCert, TLSKey string // for files
	TLSNames        List   // for internal and acme
	HTTPListen      string // plain HTTP beside TLS
	// ProxyProtocolFrom: balancers that name clients by the PROXY protocol.
	ProxyProtocolFrom List
	// ForwardedFrom: HTTPS proxies that name clients by X-Forwarded-For.
	ForwardedFrom List
	HSTS          time.Duration

	ACMEDirectory  string
	ACMEEmail      string
	ACMEEABKeyID   string
	ACMEEABKeyFile string
	ACMERootsFile  string
	ACMEProfile    string
	ACMEChallenges List

	AuthListen         string
	AuthHosts          List
	TrustDir           string
	VOMSDir            string
	TrustReload        time.Duration
	AllowLegacyProxies bool
	AllowMissingCRL    bool
	AllowMissingPolicy bool
	AuthTerminator     string
	AuthTerminatorFrom List
	SessionMax         time.Duration
	RegisterHint       string
	DefaultQuota       Size
	DefaultQuotaCap    Size
	RaiseHint          string
	HomeBuckets        bool
	AuditLog           string
	AuditKeep          time.Duration
	SiteName           string

	WebListen    string
	WebURL       string
	AuthURL      string
	Endpoint     string
	Approve      Lines
	OIDCIssuers  Lines
	OIDCSecret   string
	SMTPServer   string
	SMTPFrom     string
	SMTPUser     string
	SMTPPassword string
	Operators    List

	DefaultOwnership  string
	BlockPublicAccess bool
	AllowV2Presigned  bool
	AllowPlainSSEC    bool

	InlineMax     Size
	MinFree       Size
	Leeway        time.Duration
	SweepInterval time.Duration

	FunctionStreaming bool

	MetadataLimit int
	ContentLimit  int

	MaxRequests    int
	MaxHeaderBytes Size
	BodyIdle       time.Duration
	IdleTimeout    time.Duration
	DrainTimeout   time.Duration

	LogLevel string

	Debug             bool
	DebugLifecycleDay time.Duration

	adminGiven, webGiven bool
}

// AdminGiven tells whether the admin listener was asked for, rather than being
// the default, which yields when its port is taken.
func (c *Config) AdminGiven() bool { return c.adminGiven }

// WebGiven is the same of the listener of the pages.
func (c *Config) WebGiven() bool { return c.webGiven }

// setting is one row of the table: name, help, and how to set and show it.
type setting struct {
	name   string
	help   string
	secret bool
	value  value
}

// settings is the table of all settings, in the order they are documented.
func (c *Config) settings() []setting {
	return []setting{
		{"listen", "address of the S3 endpoint, host:port", false, text(&c.Listen)},
		{"admin-listen", "address of health, metrics and profiles, host:port; \"off\" for none", false, text(&c.AdminListen)},
		{"data", "data directory", false, text(&c.Data)},
		{"metadata", "metadata store, URL: sqlite:///path/meta.db, redis://host:6379, riak://host:8098,host2:8098/?type=mucura, plugin:///path/of/binary (default: in the data directory)", false, location(&c.Metadata)},
		{"content", "content store, URL: file:///path, swift://host/v3?… or swift://env, riak://host:8098/?type=mucura, plugin:///path/of/binary (default: in the data directory)", false, location(&c.Content)},
		{"registry", "store of accounts, keys, bucket names and usage, URL (default: the metadata store)", false, location(&c.Registry)},
		{"registry-when-healthy", "accept a registry whose compare-and-set is exact only while its cluster is healthy: two people may then get one bucket name, and quotas may be overrun, in a partition of the network", false, boolean(&c.RegistryWhenHealthy)},
		{"site-key-file", "file with the key that seals secrets at rest, further lines with older keys; made when absent (default: in the data directory)", false, text(&c.SiteKeyFile)},
		{"site-key", "the key itself, 64 hexadecimal digits, and after commas older ones: where there is no file to keep it in", true, text(&c.SiteKey)},
		{"root-access-key-id", "administrator's access key ID; with none a pair is made and shown once", false, named(&c.RootAccessKeyID)},
		{"root-secret-access-key", "administrator's secret access key", true, text(&c.RootSecretAccessKey)},
		{"show-root-key", "print the administrator's key pair at every start, for trials", false, boolean(&c.ShowRootKey)},
		{"region", "region to report; any region is accepted in signatures", false, text(&c.Region)},
		{"domain", "domain for virtual-hosted addressing (bucket.DOMAIN); comma-separated, may be repeated", false, &c.Domains},
		{"base-path", "path below which a platform serves this server, such as /system/services/files/exposed; whether the platform takes it from requests or not", false, text(&c.BasePath)},
		{"tls", "where the certificate comes from: off, files (tls-cert, tls-key), internal (an authority of the site's own) or acme (default: files when tls-cert is given, else off)", false, text(&c.TLS)},
		{"tls-cert", "certificate chain, PEM; read again when the file changes", false, text(&c.TLSCert)},
		{"tls-key", "private key of the certificate, PEM", false, text(&c.TLSKey)},
		{"tls-name", "name the certificate is for (internal, acme); comma-separated, may be repeated; \"mucurad tls add\" adds more at run time (acme)", false, &c.TLSNames},
		{"http-listen", "address of plain HTTP beside TLS: redirects to HTTPS, answers ACME challenges, gives the internal authority's certificate away; empty for none", false, text(&c.HTTPListen)},
		{"proxy-protocol-from", "networks of the TCP balancers in front, such as 10.0.0.0/28: all listeners but admin then take connections from these alone, and with a PROXY protocol header of version 2, which names the client; comma-separated, may be repeated", false, &c.ProxyProtocolFrom},
		{"forwarded-from", "networks of the HTTPS proxies in front, such as 10.0.0.0/28: what they say in X-Forwarded-For and X-Forwarded-Proto counts, from nobody else; comma-separated, may be repeated", false, &c.ForwardedFrom},
		{"hsts", "how long browsers shall use HTTPS only (Strict-Transport-Security; files and acme); 0 to say nothing", false, duration(&c.HSTS)},
		{"acme-directory", "URL of the ACME directory (default: Let's Encrypt)", false, text(&c.ACMEDirectory)},
		{"acme-email", "address the ACME authority may write to", false, text(&c.ACMEEmail)},
		{"acme-eab-key-id", "key ID of the external account binding", false, text(&c.ACMEEABKeyID)},
		{"acme-eab-key-file", "file with the key of the external account binding, base64url", false, text(&c.ACMEEABKeyFile)},
		{"acme-roots-file", "certificates to trust for the ACME directory, PEM (default: the system's)", false, text(&c.ACMERootsFile)},
		{"acme-profile", "kind of certificate to ask for, where the authority offers several", false, text(&c.ACMEProfile)},
		{"acme-challenge", "kinds of challenge to use: http-01 (needs http-listen on port 80), tls-alpn-01 (needs listen on port 443), or both (default)", false, &c.ACMEChallenges},
		{"auth-listen", "address of a listener of its own for the authentication server, host:port (default: none; see auth-host)", false, text(&c.AuthListen)},
		{"auth-host", "host name of the authentication server; clients are asked for certificates under this name only; comma-separated, may be repeated", false, &c.AuthHosts},
		{"trust-dir", "directory of trusted certification authorities, in IGTF layout (usually /etc/grid-security/certificates); or a tar archive of it and of vomsdir: path.tar, .tar.gz or .tgz, or its https:// URL; with none no certificate is accepted", false, location(&c.TrustDir)},
		{"vomsdir", "directory of trusted VOMS servers (usually /etc/grid-security/vomsdir); an archive as trust-dir has its own", false, text(&c.VOMSDir)},
		{"trust-reload", "how often both are read again in any case; changes in directories are noticed within a minute", false, duration(&c.TrustReload)},
		{"allow-legacy-proxies", "accept legacy (GT2) proxies, too", false, boolean(&c.AllowLegacyProxies)},
		{"allow-missing-crl", "accept authorities without revocation list, with a warning", false, boolean(&c.AllowMissingCRL)},
		{"allow-missing-signing-policy", "accept authorities without signing policy, with a warning", false, boolean(&c.AllowMissingPolicy)},
		{"auth-terminator", "HTTPS terminator that passes client certificates on in a header: alb (mutual TLS, passthrough), alb-event (the same, where its events invoke a function) or envoy; default none", false, text(&c.AuthTerminator)},
		{"auth-terminator-from", "networks the terminator connects from, and nobody else can: 10.0.0.0/28; comma-separated, may be repeated", false, &c.AuthTerminatorFrom},
		{"session-max", "longest life of temporary credentials", false, duration(&c.SessionMax)},
		{"register-hint", "sentence that tells somebody unknown where to register", false, text(&c.RegisterHint)},
		{"default-quota", "quota of new accounts, bytes; -1 is no limit", false, &c.DefaultQuota},
		{"default-quota-cap", "up to what people raise their quota themselves, bytes; 0: not at all, -1: without limit", false, &c.DefaultQuotaCap},
		{"raise-hint", "sentence that tells somebody whose quota is used up where to raise it", false, text(&c.RaiseHint)},
		{"home-buckets", "make a bucket of their name for people who are approved", false, boolean(&c.HomeBuckets)},
		{"audit-log", "directory of the audit log, a file per day; \"off\" for none (default: in the data directory)", false, text(&c.AuditLog)},
		{"audit-keep", "how long the audit log is kept", false, duration(&c.AuditKeep)},
		{"site-name", "name of this site in the audit log", false, text(&c.SiteName)},
		{"web-listen", "address of the pages on which people register and look after their accounts, host:port; \"off\" for none", false, text(&c.WebListen)},
		{"web-url", "URL by which browsers reach the pages (default: after web-listen)", false, text(&c.WebURL)},
		{"auth-url", "URL by which browsers reach the authentication host, to register with a certificate (default: after auth-host or auth-listen)", false, text(&c.AuthURL)},
		{"endpoint", "URL by which clients reach the S3 endpoint, for the settings people are shown (default: after listen)", false, text(&c.Endpoint)},
		{"approve", "rule that approves who registers, such as vo:vo.example.org or email:lab.example quota=10GiB; may be repeated, or separated by semicolons", false, &c.Approve},
		{"oidc-issuer", "OpenID Connect issuer to trust: URL, and after it client-id=ID secret-file=PATH audience=A name=NAME any-audience groups=CLAIM scope=S; may be repeated, or separated by semicolons", false, &c.OIDCIssuers},
		{"oidc-secret", "client secret at the issuer, where there is no secret-file: the secret alone for one issuer, else URL SECRET, separated by semicolons", true, text(&c.OIDCSecret)},
		{"smtp-server", "mail server for notices, host:port; with none nobody is written to", false, text(&c.SMTPServer)},
		{"smtp-from", "sender of notices", false, text(&c.SMTPFrom)},
		{"smtp-user", "user at the mail server", false, text(&c.SMTPUser)},
		{"smtp-password", "password at the mail server", true, text(&c.SMTPPassword)},
		{"operator-email", "address that is told of requests; comma-separated, may be repeated", false, &c.Operators},
		{"default-object-ownership", "object ownership of buckets that set none: ObjectWriter, BucketOwnerPreferred or BucketOwnerEnforced", false, text(&c.DefaultOwnership)},
		{"block-public-access", "forbid public access everywhere, whatever buckets say", false, boolean(&c.BlockPublicAccess)},
		{"allow-v2-presigned", "accept GET and HEAD presigned with the old Signature Version 2", false, boolean(&c.AllowV2Presigned)},
		{"allow-sse-c-over-http", "accept customers' encryption keys (SSE-C) over plain HTTP from other machines, too", false, boolean(&c.AllowPlainSSEC)},
		{"inline-max", "largest content kept in its metadata record, bytes (units KiB, MiB)", false, &c.InlineMax},
		{"function-streaming", "the Function URL that invokes this function has the mode RESPONSE_STREAM", false, boolean(&c.FunctionStreaming)},
		{"min-free", "room that uploads leave in the stores, so that people can always delete, bytes", false, &c.MinFree},
		{"leeway", "how long a released content is kept before it is freed", false, duration(&c.Leeway)},
		{"sweep-interval", "pause between background sweeps; 0 for none", false, duration(&c.SweepInterval)},
		{"metadata-limit", "calls to each metadata store at once, by this process; more wait up to 5 s for their turn; 0 is no limit", false, integer(&c.MetadataLimit)},
		{"content-limit", "contents read from and written to the content store at once, by this process; more wait up to 5 s; 0 is no limit", false, integer(&c.ContentLimit)},
		{"max-requests", "requests served at once; more get 503 SlowDown, and an account alone has four fifths of them at most", false, integer(&c.MaxRequests)},
		{"max-header-bytes", "largest request header", false, &c.MaxHeaderBytes},
		{"body-idle-timeout", "longest pause of a client that is sending or receiving a body", false, duration(&c.BodyIdle)},
		{"idle-timeout", "how long an idle connection is kept", false, duration(&c.IdleTimeout)},
		{"drain-timeout", "how long requests may take to finish after SIGTERM", false, duration(&c.DrainTimeout)},
		{"log-level", "debug, info, warn or error", false, text(&c.LogLevel)},
		{"debug", "allow the debug- settings; never in production", false, boolean(&c.Debug)},
		{"debug-lifecycle-day", "length of a lifecycle day (needs --debug)", false, duration(&c.DebugLifecycleDay)},
	}
}

// defaults are the values of settings that are not given.
func defaults() *Config {
	return &Config{
		Listen:            "127.0.0.1:9000",
		AdminListen:       "127.0.0.1:9001",
		WebListen:         "127.0.0.1:9002",
		Data:              defaultData(),
		Region:            "mucura",
		DefaultOwnership:  "ObjectWriter",
		InlineMax:         64 << 10,
		MinFree:           64 << 20,
		Leeway:            24 * time.Hour,
		SweepInterval:     10 * time.Minute,
		MaxRequests:       1024,
		MaxHeaderBytes:    32 << 10,
		BodyIdle:          time.Minute,
		IdleTimeout:       2 * time.Minute,
		DrainTimeout:      30 * time.Second,
		HSTS:              180 * 24 * time.Hour,
		LogLevel:          "info",
		DebugLifecycleDay: 24 * time.Hour,
		TrustReload:       time.Hour,
		SessionMax:        12 * time.Hour,
		DefaultQuota:      -1,
		RaiseHint:         "Raise it with \"mucura quota set SIZE\", or delete something: older versions and deleted objects count, too.",
		HomeBuckets:       true,
		AuditKeep:         400 * 24 * time.Hour,
	}
}

func defaultData() string {
	if os.Getuid() == 0 {
		return "/var/lib/mucura"
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "mucura")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "mucura-data"
	}
	return filepath.Join(home, ".local", "share", "mucura")
}

// finish fills what follows from other settings and reports every bad value.
func (c *Config) finish() (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if c.Data == "" {
		bad("data: must not be empty")
	}
	abs, err := filepath.Abs(c.Data)
	if err != nil {
		bad("data: %v", err)
	}
	c.Data = abs
	setDefault(&c.Metadata, "sqlite://"+filepath.Join(abs, "meta.db"))
	setDefault(&c.Content, "file://"+filepath.Join(abs, "content"))
	setDefault(&c.Registry, c.Metadata)
	setDefault(&c.AuditLog, filepath.Join(abs, "audit"))
	setDefault(&c.SiteKeyFile, filepath.Join(abs, "site.key"))
	problems = append(problems, c.badStores()...)
	if !basepath.Valid(c.BasePath) {
		bad("base-path: %q is not a path such as /files", c.BasePath)
	}
	problems = append(problems, c.finishTLS()...)
	c.finishIdentity(bad)
	c.finishRegistration(bad)
	if (c.RootAccessKeyID == "") != (c.RootSecretAccessKey == "") {
		bad("root-access-key-id and root-secret-access-key go together")
	}
	switch c.DefaultOwnership {
	case "ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced":
	default:
		bad("default-object-ownership: %q is none of ObjectWriter, BucketOwnerPreferred, BucketOwnerEnforced", c.DefaultOwnership)
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		bad("log-level: %q is none of debug, info, warn, error", c.LogLevel)
	}
	if c.DebugLifecycleDay != 24*time.Hour && !c.Debug {
		bad("debug-lifecycle-day: needs --debug")
	}
	if c.DebugLifecycleDay <= 0 {
		bad("debug-lifecycle-day: must be positive")
	}
	if c.MetadataLimit < 0 || c.ContentLimit < 0 {
		bad("metadata-limit and content-limit: must not be negative")
	}
	if c.MaxRequests < 1 {
		bad("max-requests: must be at least 1")
	}
	if c.MaxHeaderBytes < 8<<10 {
		bad("max-header-bytes: must be at least 8 KiB")
	}
	if c.InlineMax < 0 || c.InlineMax > 1<<20 {
		bad("inline-max: must be between 0 and 1 MiB")
	}
	if c.MinFree < 0 {
		bad("min-free: must not be negative")
	}
	if c.Leeway < time.Minute && !c.Debug {
		bad("leeway: must be at least a minute (less needs --debug)")
	}
	return problems
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
