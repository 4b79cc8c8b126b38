package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Env is the environment, and where files lie. Tests make their own.
type Env struct {
	Get  func(name string) string // os.Getenv
	Home string
}

// System is the environment of the process.
func System() Env {
	home, _ := os.UserHomeDir()
	return Env{os.Getenv, home}
}

// first gives the first of some variables that is set.
func (e Env) first(names ...string) string {
	for _, n := range names {
		if v := e.Get(n); v != "" {
			return v
		}
	}
	return ""
}

func (e Env) dir(variable string, below ...string) string {
	if d := e.Get(variable); filepath.IsAbs(d) {
		return filepath.Join(d, "mucura")
	}
	return filepath.Join(append(append([]string{e.Home}, below...), "mucura")...)
}

// ConfigFile is the command's own configuration file.
func (e Env) ConfigFile() string {
	if f := e.Get("MUCURA_CLIENT_CONFIG"); f != "" {
		return f
	}
	return filepath.Join(e.dir("XDG_CONFIG_HOME", ".config"), "config")
}

// StateDir is where unfinished uploads and sessions are remembered.
func (e Env) StateDir() string { return e.dir("XDG_STATE_HOME", ".local", "state") }

// CacheDir is where credentials are kept that can be had again.
func (e Env) CacheDir() string { return e.dir("XDG_CACHE_HOME", ".cache") }

// AWSConfigFile and AWSCredentialsFile are those of the AWS tools.
func (e Env) AWSConfigFile() string {
	if f := e.Get("AWS_CONFIG_FILE"); f != "" {
		return f
	}
	return filepath.Join(e.Home, ".aws", "config")
}

// AWSCredentialsFile is where the AWS tools keep keys.
func (e Env) AWSCredentialsFile() string {
	if f := e.Get("AWS_SHARED_CREDENTIALS_FILE"); f != "" {
		return f
	}
	return filepath.Join(e.Home, ".aws", "credentials")
}

// Settings are whom to talk to. Fields are "" where nothing says anything.
type Settings struct {
	Profile string // name of the profile, "default" when none was chosen
	Server  string // S3 endpoint and API
	Auth    string // authentication server
	Region  string
	Home    string // bucket that me:/ stands for
	CAFile  string
	CADir   string // IGTF directory of certificate authorities

	// AccessKeyID and so on are keys that the environment or a file gives.
	AccessKeyID, SecretAccessKey, SessionToken string
	// KeysFrom says where the keys are from, for messages.
	KeysFrom string
	// KeysOfAWS: they are from the files of the AWS tools, which nobody pointed
	// at, so they may be for another service.
	KeysOfAWS bool
	// OIDCIssuer and OIDCClient are the provider of "mucura login --oidc", and
	// OIDCScope what is asked for there besides the usual, with blanks between.
	OIDCIssuer, OIDCClient, OIDCScope string
}

// Flags are settings given on the command line, which win.
type Flags struct{ Profile, Server, Auth, Region, CAFile string }

// names of settings in the configuration file.
var names = []string{"server", "auth", "region", "home", "ca_file", "ca_dir", "oidc_issuer", "oidc_client", "oidc_scope", "access_key_id", "secret_access_key", "session_token"}

// Names lists the settings that a profile may have.
func Names() []string { return append([]string(nil), names...) }

// Load finds the settings: flags first, then the environment, then the chosen
// profile, then the files of the AWS tools. A profile that was chosen by name
// must exist, and wins over the AWS_… variables.
func Load(e Env, flags Flags) (*Settings, error) {
	own, err := Read(e.ConfigFile())
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	name := flags.Profile
	if name == "" {
		name = e.Get("MUCURA_PROFILE")
	}
	chosen := name != ""
	if !chosen {
		name = "default"
	}
	aws, err := loadAWS(e, name, chosen)
	if err != nil {
		return nil, err
	}
	if chosen && !own.Has(name) && !aws.found {
		return nil, fmt.Errorf("there is no profile %q in %s or %s", name, e.ConfigFile(), e.AWSConfigFile())
	}
	s := &Settings{Profile: name}
	get := func(setting string) string { return own.Get(name, setting) }
	env := func(names ...string) string {
		if chosen {
			return ""
		}
		return e.first(names...)
	}
	pick := func(values ...string) string {
		for _, v := range values {
			if v != "" {
				return v
			}
		}
		return ""
	}
	s.Server = pick(flags.Server, e.Get("MUCURA_SERVER"), env("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), get("server"), aws.endpoint)
	s.Auth = pick(flags.Auth, e.Get("MUCURA_AUTH"), get("auth"))
	s.Region = pick(flags.Region, e.Get("MUCURA_REGION"), env("AWS_REGION", "AWS_DEFAULT_REGION"), get("region"), aws.region, "mucura")
	s.Home = pick(e.Get("MUCURA_HOME_BUCKET"), get("home"))
	s.CAFile = pick(flags.CAFile, e.Get("MUCURA_CA_FILE"), get("ca_file"), e.Get("AWS_CA_BUNDLE"), aws.caBundle)
	s.CADir = pick(e.Get("X509_CERT_DIR"), get("ca_dir"))
	s.OIDCIssuer = pick(e.Get("MUCURA_OIDC_ISSUER"), get("oidc_issuer"))
	s.OIDCClient = pick(e.Get("MUCURA_OIDC_CLIENT"), get("oidc_client"))
	s.OIDCScope = pick(e.Get("MUCURA_OIDC_SCOPE"), get("oidc_scope"))
	s.keys(e, own, aws, chosen)
	return s, nil
}

// keys finds keys: of the environment unless a profile was chosen, else of the
// profile, else of the AWS tools.
func (s *Settings) keys(e Env, own *File, aws *awsProfile, chosen bool) {
	set := func(id, secret, token, from string) bool {
		if id == "" || secret == "" {
			return false
		}
		s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.KeysFrom = id, secret, token, from
		return true
	}
	if !chosen && set(e.Get("AWS_ACCESS_KEY_ID"), e.Get("AWS_SECRET_ACCESS_KEY"), e.first("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"), "the environment") {
		return
	}
	get := func(setting string) string { return own.Get(s.Profile, setting) }
	if set(get("access_key_id"), get("secret_access_key"), get("session_token"), "profile "+s.Profile) {
		return
	}
	if set(aws.id, aws.secret, aws.token, "the AWS profile "+aws.name) {
		s.KeysOfAWS = !chosen && e.first("AWS_PROFILE", "AWS_DEFAULT_PROFILE") == ""
	}
}

type awsProfile struct {
	name                       string
	found                      bool
	id, secret, token          string
	endpoint, region, caBundle string
}

func loadAWS(e Env, name string, chosen bool) (*awsProfile, error) {
	if aws := e.first("AWS_PROFILE", "AWS_DEFAULT_PROFILE"); aws != "" && !chosen {
		name = aws
	}
	config, err := Read(e.AWSConfigFile())
	if err != nil {
		return nil, err
	}
	credentials, err := Read(e.AWSCredentialsFile())
	if err != nil {
		return nil, err
	}
	get := func(setting string) string {
		if v := credentials.Get(name, setting); v != "" {
			return v
		}
		return config.Get(name, setting)
	}
	return &awsProfile{
		name: name, found: config.Has(name) || credentials.Has(name),
		id: get("aws_access_key_id"), secret: get("aws_secret_access_key"), token: get("aws_session_token"),
		endpoint: get("endpoint_url"), region: get("region"), caBundle: get("ca_bundle"),
	}, nil
}

// Save writes settings of a profile into the configuration file; values of ""
// are removed, others stay as they are.
func Save(e Env, name string, values map[string]string) error {
	path := e.ConfigFile()
	f, err := Read(path)
	if err != nil {
		return err
	}
	for _, setting := range names {
		if v, ok := values[setting]; ok {
			if err := f.Set(name, name, setting, v); err != nil {
				return err
			}
		}
	}
	return WriteFile(path, f.Bytes())
}

// CheckName refuses names of profiles that cannot be a section or a file name.
func CheckName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || name[0] == '.' {
		return fmt.Errorf("%q cannot be the name of a profile: letters, digits, '.', '_' and '-' are wanted", name)
	}
	return nil
}
