package host

// Where things lie on the appliance.
const (
	Data       = "/data"                          // the data disk
	State      = "/data/mucura"                   // all that must survive a reboot
	Repository = State + "/repository"            // mucurad's data directory
	ConfigFile = State + "/appliance.yaml"        // present: the appliance is claimed
	SSHDir     = State + "/ssh"                   // host keys
	BackupNote = State + "/backup.json"           // when the last backup was made
	ResetFlag  = Data + "/.factory-reset"         // present: forget everything at the next boot
	Runtime    = "/run/mucura"                    // of this boot
	EnvFile    = Runtime + "/mucurad.env"         // mucurad's settings
	CodeFile   = Runtime + "/setup-code"          // what claims a fresh appliance
	DiskFile   = Runtime + "/disk.json"           // what "disks prepare" found
	SeedNote   = Runtime + "/seed.json"           // what "seed apply" found
	PresetFile = Runtime + "/preset.yaml"         // a seed that does not claim
	Warnings   = Runtime + "/warnings.json"       // what "watch" found
	TLSDir     = Runtime + "/tls"                 // certificate of the set-up page
	SSHKeys    = Runtime + "/ssh/authorized_keys" // who may log in
	UpdateKeys = "/usr/share/mucura/update-keys"  // public keys of updates
	Release    = "/usr/share/mucura/version"      // version of this image, one line
	Mucurad    = "/usr/lib/mucura/mucurad"
	Mucura     = "/usr/lib/mucura/mucura"
	User       = "mucura" // whom mucurad runs as
)

// CAFile is the certificate of the site's own authority, for the console.
const CAFile = State + "/ca.pem"
