// Package spec is the appliance's configuration: mucura.yaml on a seed volume,
// the mucura: key of cloud-init's user data, what the set-up page asks for, and
// appliance.yaml, in which the data disk keeps it. All have this one schema.
package spec

// Config is the configuration. Every field may be absent.
type Config struct {
	Hostname      string            `yaml:"hostname,omitempty" doc:"name of the machine, without domain"`
	Site          string            `yaml:"site,omitempty" doc:"name of the laboratory, for the audit log and notices"`
	Names         Names             `yaml:"names,omitempty" doc:"DNS names of the repository, the one people use first; a name or a list"`
	TimeZone      string            `yaml:"time_zone,omitempty" doc:"such as Europe/Berlin (default: UTC)"`
	NTP           Names             `yaml:"ntp,omitempty" doc:"time servers (default: those of the image, and what DHCP names)"`
	Disk          Names             `yaml:"disk,omitempty" doc:"disks for the data of a fresh appliance: use-blank for all blank ones, or serial numbers or device names; two or more mirror each other"`
	EraseDisk     bool              `yaml:"erase_disk,omitempty" doc:"disks given by name may hold something, which is lost"`
	Administrator Administrator     `yaml:"administrator,omitempty" doc:"the administrator"`
	TLS           TLS               `yaml:"tls,omitempty" doc:"where the certificate comes from"`
	Network       []Interface       `yaml:"network,omitempty" doc:"network interfaces (default: DHCP and IPv6 autoconfiguration on all)"`
	SSH           SSH               `yaml:"ssh,omitempty" doc:"remote shell; off without keys"`
	Backup        Backup            `yaml:"backup,omitempty" doc:"nightly backup"`
	Notify        Notify            `yaml:"notify,omitempty" doc:"who is told of warnings"`
	Settings      map[string]string `yaml:"settings,omitempty" doc:"further settings of mucurad, by the names of its flags; see operators.md"`
}

// Administrator is who owns the appliance.
type Administrator struct {
	Email           string `yaml:"email,omitempty" doc:"is told of requests and warnings, and named to the ACME authority"`
	AccessKeyID     string `yaml:"access_key_id,omitempty" doc:"16 to 128 letters and digits"`
	SecretAccessKey string `yaml:"secret_access_key,omitempty" doc:"16 to 128 characters; with both, a seed claims the appliance. Not kept in appliance.yaml"`
}

// TLS is where the certificate comes from.
type TLS struct {
	Mode        string `yaml:"mode,omitempty" doc:"internal (an authority of the appliance's own, the default), acme or files"`
	Directory   string `yaml:"directory,omitempty" doc:"acme: URL of the directory (default: Let's Encrypt)"`
	Roots       string `yaml:"roots,omitempty" doc:"acme: certificates to trust for the directory, PEM"`
	EABKeyID    string `yaml:"eab_key_id,omitempty" doc:"acme: key ID of the external account binding"`
	EABKey      string `yaml:"eab_key,omitempty" doc:"acme: key of the external account binding, base64url"`
	Certificate string `yaml:"certificate,omitempty" doc:"files: certificate chain, PEM"`
	Key         string `yaml:"key,omitempty" doc:"files: private key, PEM"`
}

// Interface is one network interface.
type Interface struct {
	Name      string `yaml:"name,omitempty" doc:"name of the interface, such as enp1s0 or en*; or"`
	MAC       string `yaml:"mac,omitempty" doc:"its hardware address"`
	DHCP      *bool  `yaml:"dhcp,omitempty" doc:"whether to ask DHCP for IPv4 (default: unless addresses has an IPv4 address)"`
	Addresses Names  `yaml:"addresses,omitempty" doc:"fixed addresses with prefix length, such as 192.0.2.7/24"`
	Gateways  Names  `yaml:"gateways,omitempty" doc:"default routes"`
	DNS       Names  `yaml:"dns,omitempty" doc:"name servers"`
	Search    Names  `yaml:"search,omitempty" doc:"domains to look short names up in"`
}

// SSH is the remote shell.
type SSH struct {
	AuthorizedKeys Names `yaml:"authorized_keys,omitempty" doc:"public keys of those who may log in as root"`
}

// Backup is the nightly backup. A second disk with the label MUCURA-BACKUP is
// used without being named here.
type Backup struct {
	Keep   int    `yaml:"keep,omitempty" doc:"generations on the backup disk (default: 7)"`
	Verify int    `yaml:"verify_days,omitempty" doc:"every how many days the newest one is read back whole (default: 7)"`
	S3     S3     `yaml:"s3,omitempty" doc:"copy to a bucket elsewhere"`
	Restic Restic `yaml:"restic,omitempty" doc:"copy to a restic repository, where restic is installed"`
}

// S3 is a bucket elsewhere.
type S3 struct {
	Endpoint        string `yaml:"endpoint,omitempty" doc:"URL"`
	Bucket          string `yaml:"bucket,omitempty" doc:"bucket, which must exist"`
	Prefix          string `yaml:"prefix,omitempty" doc:"prefix of the keys (default: mucura)"`
	Region          string `yaml:"region,omitempty" doc:"region, where the server wants one"`
	AccessKeyID     string `yaml:"access_key_id,omitempty" doc:"access key"`
	SecretAccessKey string `yaml:"secret_access_key,omitempty" doc:"its secret"`
	CA              string `yaml:"ca,omitempty" doc:"certificates to trust for the endpoint, PEM (default: the system's)"`
}

// Restic is a restic repository.
type Restic struct {
	Repository string            `yaml:"repository,omitempty" doc:"as for restic -r"`
	Password   string            `yaml:"password,omitempty" doc:"its password"`
	Env        map[string]string `yaml:"env,omitempty" doc:"environment for restic, such as AWS_ACCESS_KEY_ID"`
}

// Notify is who is told of warnings.
type Notify struct {
	Webhook string `yaml:"webhook,omitempty" doc:"URL that warnings are posted to, JSON"`
	Email   Email  `yaml:"email,omitempty" doc:"mail server; mucurad uses it, too"`
}

// Email is a mail server.
type Email struct {
	Server   string `yaml:"server,omitempty" doc:"host:port; encryption is asked for (STARTTLS)"`
	From     string `yaml:"from,omitempty" doc:"sender"`
	User     string `yaml:"user,omitempty" doc:"user at the mail server"`
	Password string `yaml:"password,omitempty" doc:"its password; needs a server that encrypts"`
}

// UseBlank in Disk stands for every blank disk.
const UseBlank = "use-blank"

// Claims tells whether the configuration names an administrator with a secret,
// so that nobody has to come with a set-up code.
func (c *Config) Claims() bool {
	return c.Administrator.AccessKeyID != "" && c.Administrator.SecretAccessKey != ""
}

// Kept is the configuration as the data disk keeps it: without the
// administrator's secret, which the registry holds sealed, and without what was
// said about fresh disks.
func (c *Config) Kept() *Config {
	k := *c
	k.Administrator.SecretAccessKey = ""
	k.Disk, k.EraseDisk = nil, false
	return &k
}

// Mode is TLS.Mode with its default.
func (t *TLS) mode() string {
	if t.Mode == "" {
		return "internal"
	}
	return t.Mode
}
