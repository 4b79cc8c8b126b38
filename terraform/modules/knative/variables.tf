variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "The name consists of at most 40 small letters, digits and hyphens, a letter first."
  }
}

variable "namespace" {
  description = "Namespace, which exists."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "The namespace must be a DNS label."
  }
}

variable "image" {
  description = "Image of the functions without tag, where you have put what `make functions` makes."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$", var.image))
    error_message = "The image has a registry and no tag, such as registry.example.org/mucura."
  }
}

variable "release" {
  description = "Version that runs: the tag of the image, or `sha256:` and a digest. Changing it rolls the servers over one by one, changing it back rolls back."
  type        = string

  validation {
    condition     = can(regex("^(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$", var.release)) && var.release != "latest"
    error_message = "The release must be a tag other than latest, or sha256: and 64 hexadecimal digits."
  }
}

variable "settings" {
  description = "Settings by environment variable, from module config."
  type        = map(string)

  validation {
    condition     = alltrue([for n in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", n))])
    error_message = "The settings are named like environment variables."
  }
}

variable "secret_name" {
  description = "Kubernetes Secret with the secret variables as keys and, as `site.key`, the site key. It exists: Terraform never sees what is in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.secret_name))
    error_message = "The secret_name must be the name of a Secret."
  }
}

variable "secret_variables" {
  description = "Names of the secret variables, from module config."
  type        = set(string)

  validation {
    condition     = alltrue([for n in var.secret_variables : can(regex("^[A-Z][A-Z0-9_]*$", n))])
    error_message = "The secret_variables are named like environment variables."
  }
}

variable "withheld" {
  description = "From module config: by function, the variables that it does not get."
  type        = map(set(string))

  validation {
    condition     = length(setsubtract(keys(var.withheld), ["gateway", "credentials", "registration", "sweep"])) == 0
    error_message = "The withheld are by function: gateway, credentials, registration or sweep."
  }
}

variable "secret_revision" {
  description = "Any text; change it when the Secret has changed, and the servers start anew with it, one by one."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,63}$", var.secret_revision))
    error_message = "The secret_revision consists of 1 to 63 letters, digits, dots, underscores and hyphens."
  }
}

variable "trust_config_map" {
  description = "ConfigMap with trusted certification authorities, mounted at `/etc/grid-security`: such as a file `trust.tgz`, which `grid` of module config then names. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.trust_config_map == null || can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.trust_config_map))
    error_message = "The trust_config_map must be the name of a ConfigMap."
  }
}

variable "hostnames" {
  description = "Host names, from module config: `s3` of the function gateway, and where wanted `auth` of credentials and `web` of registration."
  type        = map(string)

  validation {
    condition     = contains(keys(var.hostnames), "s3") && length(setsubtract(keys(var.hostnames), ["s3", "auth", "web"])) == 0
    error_message = "The hostnames are s3, and where wanted auth and web."
  }
}

variable "schedules" {
  description = "Background jobs, from module config."
  type        = map(object({ budget = string, cron = string }))
  default     = {}

  validation {
    condition     = alltrue([for s in values(var.schedules) : length(split(" ", s.cron)) == 5])
    error_message = "Each cron has five fields."
  }

  validation {
    condition     = alltrue([for s in values(var.schedules) : can(regex("^[0-9]{1,5}[sm]$", s.budget))])
    error_message = "Each budget is a duration such as 90s or 10m."
  }
}

variable "min_scale" {
  description = "Servers of each function that always run. With 0 the first request after a pause waits for a start."
  type        = number
  default     = 1

  validation {
    condition     = var.min_scale == floor(var.min_scale) && var.min_scale >= 0
    error_message = "The min_scale must not be negative."
  }
}

variable "max_scale" {
  description = "Most servers of each function."
  type        = number
  default     = 10

  validation {
    condition     = var.max_scale == floor(var.max_scale) && var.max_scale >= 1
    error_message = "The max_scale must be at least 1."
  }

  validation {
    condition     = var.max_scale >= var.min_scale
    error_message = "The max_scale must not be less than min_scale."
  }
}

variable "concurrency" {
  description = "Requests that one server handles at once; more start further servers."
  type        = number
  default     = 64

  validation {
    condition     = var.concurrency == floor(var.concurrency) && var.concurrency >= 1 && var.concurrency <= 1000
    error_message = "The concurrency must be between 1 and 1000."
  }
}

variable "timeout_seconds" {
  description = "How long a request may take until its answer begins: a PUT, until all of it has arrived. The cluster's `max-revision-timeout-seconds` (600 unless changed) bounds it."
  type        = number
  default     = 600

  validation {
    condition     = var.timeout_seconds == floor(var.timeout_seconds) && var.timeout_seconds >= 30 && var.timeout_seconds <= 86400
    error_message = "The timeout_seconds must be between 30 and 86400."
  }
}

variable "resources" {
  description = "CPU and memory of a server: what it is promised, and the most memory."
  type = object({
    cpu          = optional(string, "500m")
    memory       = optional(string, "512Mi")
    memory_limit = optional(string, "2Gi")
  })
  default = {}

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9]+)?m?$", var.resources.cpu)) && alltrue([for m in [var.resources.memory, var.resources.memory_limit] : can(regex("^[0-9]+[KMG]i$", m))])
    error_message = "The resources are a quantity of CPU such as 500m, and of memory such as 512Mi."
  }
}
