variable "name" {
  description = "Name of the application credential."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", var.name))
    error_message = "The name consists of at most 63 letters, digits, dots, underscores and hyphens."
  }
}

variable "container" {
  description = "What the names of the containers begin with. Several repositories fit one project."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.container))
    error_message = "The container prefix consists of at most 63 small letters, digits and hyphens."
  }
}

variable "containers" {
  description = "Number of containers that contents are spread over. It cannot be changed once the repository has been used."
  type        = number
  default     = 256

  validation {
    condition     = var.containers == floor(var.containers) && var.containers >= 1 && var.containers <= 4096
    error_message = "There are between 1 and 4096 containers."
  }
}

variable "quota_bytes" {
  description = "Limit of all containers together, bytes; each gets an equal share. A full one refuses uploads (507), reads go on. Null for none."
  type        = number
  default     = null

  validation {
    condition     = var.quota_bytes == null || try(var.quota_bytes >= 1073741824, false)
    error_message = "The quota_bytes must be at least 1 GiB (1073741824)."
  }
}

variable "storage_policy" {
  description = "Storage policy of the containers, such as one with erasure coding. Null for Swift's default. It cannot be changed later."
  type        = string
  default     = null

  validation {
    condition     = var.storage_policy == null || can(regex("^[A-Za-z0-9-]+$", var.storage_policy))
    error_message = "The storage_policy consists of letters, digits and hyphens."
  }
}

variable "auth_url" {
  description = "Keystone's URL, such as `https://keystone.example.org:5000/v3`."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/?#@]+/v3/?$", var.auth_url))
    error_message = "The auth_url must be an http(s):// URL that ends in /v3."
  }
}

variable "region" {
  description = "Keystone region of Swift. Null for the only one."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[A-Za-z0-9._-]+$", var.region))
    error_message = "The region consists of letters, digits, dots, underscores and hyphens."
  }
}

variable "interface" {
  description = "Which of Swift's endpoints to use: `public`, `internal` or `admin`."
  type        = string
  default     = "public"

  validation {
    condition     = contains(["public", "internal", "admin"], var.interface)
    error_message = "The interface must be public, internal or admin."
  }
}

variable "create_application_credential" {
  description = "Make an application credential here. Its secret is then in the state: give false, and `application_credential_id`, to make it with `openstack application credential create` instead."
  type        = bool
  default     = false
}

variable "application_credential_id" {
  description = "Application credential that was made elsewhere."
  type        = string
  default     = null

  validation {
    condition     = (var.application_credential_id == null) == var.create_application_credential
    error_message = "Give either application_credential_id or create_application_credential = true."
  }
  validation {
    condition     = var.application_credential_id == null || can(regex("^[0-9a-f]{32}$", var.application_credential_id))
    error_message = "The application_credential_id consists of 32 hexadecimal digits."
  }
}

variable "roles" {
  description = "Roles of the application credential that is made here; what may read and write containers is enough."
  type        = set(string)
  default     = ["member"]

  validation {
    condition     = length(var.roles) > 0 && !contains(var.roles, "admin")
    error_message = "There is at least one of the roles, and none is admin."
  }
}

variable "restrict_to_object_store" {
  description = "Limit the application credential that is made here to Swift's API by access rules. Swift's `[filter:authtoken]` must set `service_type = object-store`, or it refuses every such credential."
  type        = bool
  default     = true
}

variable "expires_at" {
  description = "When the application credential that is made here ends, such as `2028-01-01T00:00:00Z`. Null for never."
  type        = string
  default     = null

  validation {
    condition     = var.expires_at == null || can(formatdate("YYYY", var.expires_at))
    error_message = "The expires_at must be a time such as 2028-01-01T00:00:00Z."
  }
}

variable "options" {
  description = "Further parameters of the store's URL, such as `{ segment = \"64MiB\" }`: see docs/stores-swift.md."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for n in keys(var.options) : contains(["segment", "buffers", "connections", "verify", "ca-file", "key-file", "temp-url-key-file"], n)])
    error_message = "The options are segment, buffers, connections, verify, ca-file, key-file and temp-url-key-file."
  }
}
