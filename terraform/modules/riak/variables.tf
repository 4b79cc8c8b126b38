variable "name" {
  description = "What the names of all resources begin with, and the cluster's name."
  type        = string
  default     = "riak"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.name))
    error_message = "The name consists of at most 40 small letters, digits and hyphens, a letter first."
  }
}

variable "nodes" {
  description = "Machines by number: five or more, so that three replicas lie on three of them and tokens reach a quorum."
  type        = number
  default     = 5

  validation {
    condition     = var.nodes == floor(var.nodes) && var.nodes >= 3 && var.nodes <= 64
    error_message = "There are between 3 and 64 nodes; five or more are advised."
  }
}

variable "ring_size" {
  description = "Partitions of the cluster: a power of two, eight or more for each node. It cannot be changed."
  type        = number
  default     = 64

  validation {
    condition     = contains([16, 32, 64, 128, 256, 512, 1024], var.ring_size)
    error_message = "The ring_size must be a power of two between 16 and 1024."
  }

  validation {
    condition     = var.ring_size >= 5 * var.nodes
    error_message = "The ring_size must be at least five times the nodes."
  }
}

variable "riak_version" {
  description = "Version of Riak KV, 3.4 or later; machines that are made, or made anew, get it. The README tells how to upgrade one after the other."
  type        = string

  validation {
    condition     = can(regex("^(3\\.([4-9]|[1-9][0-9])|[4-9]\\.[0-9]+)\\.[0-9]+([.-][0-9A-Za-z.-]+)?$", var.riak_version))
    error_message = "The riak_version must be 3.4 or later, such as 3.4.0."
  }
}

variable "package_url" {
  description = "URL of the Debian package of that version; `VERSION` in it stands for riak_version."
  type        = string

  validation {
    condition     = can(regex("^https://.+\\.deb$", var.package_url))
    error_message = "The package_url must be an https:// URL of a .deb."
  }
}

variable "package_sha256" {
  description = "SHA-256 of that package."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "The package_sha256 has 64 hexadecimal digits."
  }
}

variable "image_id" {
  description = "Debian image with cloud-init, of a release that the package is for."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.image_id))
    error_message = "The image_id must be a UUID."
  }
}

variable "flavor_name" {
  description = "Flavor of the machines: 4 vCPUs and 8 GiB of memory are enough to begin with."
  type        = string

  validation {
    condition     = length(trimspace(var.flavor_name)) > 0
    error_message = "The flavor_name must not be empty."
  }
}

variable "key_pair" {
  description = "Key pair for SSH, by which secrets are brought and nodes are joined."
  type        = string

  validation {
    condition     = length(trimspace(var.key_pair)) > 0
    error_message = "The key_pair must not be empty."
  }
}

variable "network_id" {
  description = "Network of the machines."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.network_id))
    error_message = "The network_id must be a UUID."
  }
}

variable "subnet_id" {
  description = "Subnet of the machines."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subnet_id))
    error_message = "The subnet_id must be a UUID."
  }
}

variable "addresses" {
  description = "Fixed addresses of the machines, one for each, free in the subnet. Riak's nodes are called by them."
  type        = list(string)

  validation {
    condition     = length(var.addresses) == var.nodes && length(distinct(var.addresses)) == var.nodes
    error_message = "There is one of the addresses for each of the nodes."
  }

  validation {
    condition     = alltrue([for a in var.addresses : can(cidrhost("${a}/32", 0))])
    error_message = "The addresses must be IPv4 addresses."
  }
}

variable "client_cidrs" {
  description = "Networks of the Mucura servers, which speak to Riak."
  type        = list(string)

  validation {
    condition     = length(var.client_cidrs) > 0 && alltrue([for c in var.client_cidrs : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "The client_cidrs are networks such as 10.0.0.0/24, and not everybody."
  }
}

variable "admin_cidrs" {
  description = "Networks that may reach SSH."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.admin_cidrs : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "The admin_cidrs are networks such as 192.0.2.0/24, and not everybody."
  }
}

variable "volume_gb" {
  description = "Size of each machine's data volume, GiB."
  type        = number
  default     = 100

  validation {
    condition     = var.volume_gb == floor(var.volume_gb) && var.volume_gb >= 10
    error_message = "The volume_gb must be at least 10."
  }
}

variable "volume_type" {
  description = "Type of the data volumes. Null for the default."
  type        = string
  default     = null

  validation {
    condition     = var.volume_type == null || try(length(var.volume_type) > 0, false)
    error_message = "The volume_type must not be empty; null is the default."
  }
}

variable "tls" {
  description = "Speak HTTPS to clients, with `/etc/riak/tls/cert.pem`, `key.pem` and `ca.pem` that you bring. With false, requests cross the network in the clear."
  type        = bool
  default     = true
}
