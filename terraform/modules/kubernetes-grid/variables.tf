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

variable "replicas" {
  description = "Servers."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas == floor(var.replicas) && var.replicas >= 1 && var.replicas <= 100
    error_message = "There are between 1 and 100 replicas."
  }
}

variable "ports" {
  description = "Ports of the servers, from module config with `ports = { https = 8443, web = 9443, admin = 9001 }`: they run without privileges."
  type = object({
    https = number
    web   = number
    admin = number
  })
  default = { https = 8443, web = 9443, admin = 9001 }

  validation {
    condition     = alltrue([for p in values(var.ports) : p == floor(p) && p >= 1024 && p < 65536])
    error_message = "The ports must be between 1024 and 65535."
  }
}

variable "hostnames" {
  description = "Host names, from module config: `s3`, `auth`, `web`."
  type        = map(string)

  validation {
    condition     = contains(keys(var.hostnames), "s3") && length(setsubtract(keys(var.hostnames), ["s3", "auth", "web"])) == 0
    error_message = "The hostnames are s3, and where wanted auth and web."
  }
}

variable "load_balancer_class" {
  description = "Which implementation makes the load balancer. Null for the cluster's default."
  type        = string
  default     = null

  validation {
    condition     = var.load_balancer_class == null || can(regex("^[A-Za-z0-9./_-]+$", var.load_balancer_class))
    error_message = "The load_balancer_class consists of letters, digits, dots, slashes, underscores and hyphens."
  }
}

variable "load_balancer_annotations" {
  description = "Annotations of the Service, such as the one by which your load balancer sends the PROXY protocol."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for n in keys(var.load_balancer_annotations) : can(regex("^([a-z0-9.-]+/)?[A-Za-z0-9._-]+$", n))])
    error_message = "The load_balancer_annotations are named like annotations."
  }
}

variable "allowed_cidrs" {
  description = "Networks that may reach the load balancer. With none everybody may."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.allowed_cidrs : can(cidrhost(c, 0))])
    error_message = "The allowed_cidrs are networks such as 192.0.2.0/24."
  }
}

variable "trust_claim" {
  description = "PersistentVolumeClaim with `certificates` and `vomsdir`, kept up to date by your fetch-crl; it is mounted read-only at `/etc/grid-security`. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.trust_claim == null || can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.trust_claim))
    error_message = "The trust_claim must be the name of a PersistentVolumeClaim."
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
