variable "shape" {
  description = "How the settings are used: `daemon` (mucurad on machines of its own, ends TLS itself), `container` (the functions on `$PORT`, behind an HTTPS front) or `lambda`."
  type        = string

  validation {
    condition     = contains(["daemon", "container", "lambda"], var.shape)
    error_message = "The shape must be daemon, container or lambda."
  }
}

variable "hostname" {
  description = "Host name of the S3 endpoint."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]([a-z0-9-]*[a-z0-9])?$", var.hostname))
    error_message = "The hostname must be a full DNS name in lower case, such as s3.example.org."
  }
}

variable "auth_hostname" {
  description = "Host name of the authentication server, the only one under which clients are asked for certificates. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.auth_hostname == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]([a-z0-9-]*[a-z0-9])?$", var.auth_hostname))
    error_message = "The auth_hostname must be a full DNS name in lower case, such as auth.example.org."
  }
  validation {
    condition     = var.auth_hostname != var.hostname
    error_message = "The auth_hostname must differ from the hostname: S3 clients are not to be asked for certificates."
  }
}

variable "web_hostname" {
  description = "Host name of the pages on which people register. Null for none. It must not be that of the S3 endpoint, whose objects would share an origin with the pages."
  type        = string
  default     = null

  validation {
    condition     = var.web_hostname == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]([a-z0-9-]*[a-z0-9])?$", var.web_hostname))
    error_message = "The web_hostname must be a full DNS name in lower case, such as files.example.org."
  }
  validation {
    condition     = var.web_hostname != var.hostname
    error_message = "The web_hostname must differ from the hostname."
  }
}

variable "metadata_url" {
  description = "Metadata store: a `redis`, `rediss` or `riak` URL without password, or in shape `lambda` a reference to the whole URL (`aws-sm:NAME#key`, `aws-ssm:/path`)."
  type        = string

  validation {
    condition     = can(regex("^((rediss?(\\+sentinel|\\+cluster)?|riak(\\+https)?)://[^/?#]+|aws-ssm:/|aws-sm:[^/])", var.metadata_url))
    error_message = "The metadata_url must be a redis://, rediss:// or riak:// URL, which other machines can reach, or a reference to one."
  }
  validation {
    condition     = !can(regex("://[^/@]*:[^/@]+@|[?&](key|password|secret|token)=", var.metadata_url))
    error_message = "The metadata_url must not hold a password, which would be kept in the state. Deliver it as a secret."
  }
}

variable "content_url" {
  description = "Content store: a `swift` or `riak` URL without password, such as that of module openstack-swift; or a reference, as `metadata_url`."
  type        = string

  validation {
    condition     = can(regex("^((swift(\\+http)?|riak(\\+https)?)://[^/?#]+|aws-ssm:/|aws-sm:[^/])", var.content_url))
    error_message = "The content_url must be a swift:// or riak:// URL, which other machines can reach, or a reference to one."
  }
  validation {
    condition     = !can(regex("://[^/@]*:[^/@]+@|[?&](key|password|secret|token)=", var.content_url))
    error_message = "The content_url must not hold a password, which would be kept in the state. Deliver it as a secret."
  }
}

variable "registry_url" {
  description = "Store of accounts, keys, bucket names and usage, without password. Null for the metadata store, which must then be exact: a single Redis is, Riak is not."
  type        = string
  default     = null

  validation {
    condition     = var.registry_url == null || can(regex("^(rediss?(\\+sentinel|\\+cluster)?://[^/?#]+|aws-ssm:/|aws-sm:[^/])", var.registry_url))
    error_message = "The registry_url must be a redis:// or rediss:// URL, or a reference to one."
  }
  validation {
    condition     = !can(regex("://[^/@]*:[^/@]+@|[?&](key|password|secret|token)=", coalesce(var.registry_url, "-")))
    error_message = "The registry_url must not hold a password, which would be kept in the state. Deliver it as a secret."
  }
  validation {
    condition     = var.registry_url != null || !startswith(var.metadata_url, "riak")
    error_message = "With metadata in Riak a registry_url is needed: bucket names and quotas want exact compare-and-set."
  }
}

variable "operators" {
  description = "E-mail addresses that are told of requests."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for a in var.operators : can(regex("^[^@\\s,]+@[^@\\s,]+$", a))])
    error_message = "Each of the operators must be an e-mail address."
  }
}

variable "approve" {
  description = "Rules that approve who registers, such as `vo:vo.example.org quota=10GiB`. With none an operator decides."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for r in var.approve : can(regex("^(dn|ca|vo|group|email|oidc|claim|invitation|all):[^;]*$", r))])
    error_message = "Each rule must begin with dn:, ca:, vo:, group:, email:, oidc:, claim:, invitation: or all:, and hold no semicolon."
  }
}

variable "oidc_issuers" {
  description = "OpenID Connect issuers to trust, as the setting `oidc-issuer` writes them: URL, then `client-id=ID` and so on. Their client secrets are the secret variable `MUCURA_OIDC_SECRET` (empty for a public client), unless a `secret-file=` lies on the machines."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for i in var.oidc_issuers : can(regex("^https://[^ ;]+( [^;]+)?$", i))])
    error_message = "Each issuer must begin with an https:// URL, and hold no semicolon."
  }
}

variable "quotas" {
  description = "Quota of new accounts, and up to what people raise it themselves. Sizes such as `10GiB`; `-1` is no limit."
  type = object({
    default = optional(string, "10GiB")
    cap     = optional(string, "100GiB")
  })
  default = {}

  validation {
    condition     = alltrue([for q in [var.quotas.default, var.quotas.cap] : can(regex("^(-1|[0-9]+([KMGT]i?B)?)$", q))])
    error_message = "The quotas must be -1 or sizes such as 10GiB."
  }
}

variable "mail" {
  description = "Mail server for notices (`host:port`), sender, and user there if it wants one. Null: nobody is written to."
  type = object({
    server = string
    from   = string
    user   = optional(string)
  })
  default = null

  validation {
    condition     = var.mail == null || can(regex("^[^:\\s]+:[0-9]+$", var.mail.server))
    error_message = "The mail server must be host:port."
  }
  validation {
    condition     = var.mail == null || can(regex("@", var.mail.from))
    error_message = "The sender of mail must be an e-mail address."
  }
}

variable "tls" {
  description = "Where a daemon's certificate comes from: `acme` (tls-alpn-01, so port 443 must reach it), `internal` (an authority of the site's own) or `files` (put at `/etc/mucura/cert.pem` and `key.pem`). The ACME directory is Let's Encrypt unless said."
  type = object({
    mode           = optional(string, "acme")
    acme_directory = optional(string)
    acme_email     = optional(string)
  })
  default = {}

  validation {
    condition     = contains(["acme", "internal", "files"], var.tls.mode)
    error_message = "The tls mode must be acme, internal or files."
  }
  validation {
    condition     = var.tls.acme_directory == null || can(regex("^https://", var.tls.acme_directory))
    error_message = "The acme_directory must be an https:// URL."
  }
}

variable "grid" {
  description = "Trusted certification authorities: a directory in IGTF layout, with the directory of VOMS servers; or a tar archive of both (`.tar`, `.tar.gz`, `.tgz`), by path or `https://` URL. Null: no certificate is accepted."
  type = object({
    trust                = string
    vomsdir              = optional(string)
    allow_legacy_proxies = optional(bool, false)
    allow_missing_crl    = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.grid == null || can(regex("^(/|https://)", var.grid.trust))
    error_message = "The trust of grid must be an absolute path or an https:// URL."
  }
  validation {
    condition     = var.grid == null || try(var.grid.vomsdir, null) == null || !can(regex("^https://|\\.(tar|tar\\.gz|tgz)$", var.grid.trust))
    error_message = "The vomsdir of grid goes with a directory: an archive holds it."
  }
  validation {
    condition     = var.grid == null || var.shape != "lambda" || can(regex("^https://", var.grid.trust))
    error_message = "In shape lambda the trust of grid must be an https:// URL: a function has no such files."
  }
  validation {
    condition     = var.grid == null || var.auth_hostname != null
    error_message = "With grid an auth_hostname is needed: it is where certificates are shown."
  }
}

variable "balancer_cidrs" {
  description = "Networks the load balancer connects from: a daemon expects, and believes, the PROXY protocol from these, and from nobody else."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.balancer_cidrs : can(cidrhost(c, 0))])
    error_message = "Each of the balancer_cidrs must be a network such as 10.0.0.0/24."
  }
  validation {
    condition     = alltrue([for c in var.balancer_cidrs : !endswith(c, "/0")])
    error_message = "The balancer_cidrs must not be everybody, who could then claim any address."
  }
}

variable "ports" {
  description = "Where a daemon listens: S3 and authentication, pages, and health and metrics."
  type = object({
    https = optional(number, 443)
    web   = optional(number, 9443)
    admin = optional(number, 9001)
  })
  default = {}

  validation {
    condition     = alltrue([for p in values(var.ports) : p == floor(p) && p > 0 && p < 65536])
    error_message = "The ports must be between 1 and 65535."
  }
  validation {
    condition     = length(distinct(values(var.ports))) == 3
    error_message = "The ports must differ."
  }
}

variable "jobs" {
  description = "Background jobs by name (`sweep` does all but `scrub`): minutes between runs (a divisor of an hour, or whole hours that divide a day), and how long a run may take. With jobs the servers themselves do not sweep."
  type = map(object({
    every_minutes = number
    budget        = optional(string, "10m")
  }))
  default = {
    sweep = { every_minutes = 10, budget = "8m" }
    scrub = { every_minutes = 60, budget = "10m" }
  }

  validation {
    condition     = alltrue([for n in keys(var.jobs) : can(regex("^[a-z][a-z-]*$", n))])
    error_message = "The name of a job consists of small letters and hyphens."
  }
  validation {
    condition     = alltrue([for j in values(var.jobs) : contains([5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440], j.every_minutes)])
    error_message = "A job runs every 5, 6, 10, 12, 15, 20, 30 or 60 minutes, or 2, 3, 4, 6, 8, 12 or 24 hours."
  }
  validation {
    condition     = alltrue([for j in values(var.jobs) : can(regex("^[0-9]{1,5}[sm]$", j.budget))])
    error_message = "The budget of a job is a duration such as 90s or 10m."
  }
}

variable "secret_references" {
  description = "Secret settings of shape `lambda` as references, by the names of `secret_variables`: `aws-sm:NAME#key` (Secrets Manager) or `aws-ssm:/path` (Parameter Store). The functions read them; values never pass through Terraform."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for r in values(var.secret_references) : can(regex("^(aws-sm:[A-Za-z0-9/_+=.@-]+(#[A-Za-z0-9_.-]+)?|aws-ssm:/[A-Za-z0-9/_.-]+)$", r))])
    error_message = "Each of the secret_references must be aws-sm:NAME#key or aws-ssm:/path, never the secret."
  }
}

variable "releases" {
  description = "Releases that machines of shape `daemon` run, newest first: version, URL of the binary `mucurad` and its SHA-256; without URL the image has it at `/usr/local/bin/mucurad`. For an upgrade put the new one in front, apply, and drop the old one when the new one serves."
  type = list(object({
    version = string
    url     = optional(string)
    sha256  = optional(string)
  }))
  default = []

  validation {
    condition     = alltrue([for r in var.releases : can(regex("^[0-9A-Za-z][0-9A-Za-z.+-]*$", r.version))])
    error_message = "The version of a release consists of letters, digits, dots, plus signs and hyphens."
  }
  validation {
    condition     = alltrue([for r in var.releases : r.url == null || can(regex("^https://", r.url)) && can(regex("^[0-9a-f]{64}$", r.sha256))])
    error_message = "The url of a release must be https://, with the sha256 of the binary as 64 hexadecimal digits."
  }
  validation {
    condition     = length(distinct(var.releases[*].version)) == length(var.releases) && length(var.releases) <= 3
    error_message = "There are at most three releases, of different versions."
  }
}

variable "extra_settings" {
  description = "Further settings by environment variable, such as `{ MUCURA_REGION = \"eu\" }`: see docs/operators.md."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for n in keys(var.extra_settings) : can(regex("^MUCURA_[A-Z0-9_]+$", n))])
    error_message = "The extra_settings are named MUCURA_… ."
  }
  validation {
    condition     = alltrue([for n in keys(var.extra_settings) : !can(regex("(SECRET|PASSWORD|SITE_KEY$)", n))])
    error_message = "The extra_settings must not hold secrets, which would be kept in the state. Deliver them as secrets."
  }
}
