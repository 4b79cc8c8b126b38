variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.name))
    error_message = "The name consists of at most 40 small letters, digits and hyphens, a letter first."
  }
}

variable "cloud_init" {
  description = "User data by version, from module config. There are machines of every version; which user data a machine was made with never changes under it."
  type        = map(string)

  validation {
    condition     = length(var.cloud_init) > 0
    error_message = "The cloud_init has at least one version: set releases of module config."
  }
  validation {
    condition     = alltrue([for text in values(var.cloud_init) : startswith(text, "#cloud-config") && length(text) < 49152])
    error_message = "The cloud_init must begin with #cloud-config, and stay below 48 KiB."
  }
}

variable "instances" {
  description = "Machines of each version."
  type        = number
  default     = 2

  validation {
    condition     = var.instances == floor(var.instances) && var.instances >= 1 && var.instances <= 50
    error_message = "There are between 1 and 50 instances."
  }
}

variable "image_id" {
  description = "Image with cloud-init and systemd, such as Debian's cloud image."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.image_id))
    error_message = "The image_id must be a UUID."
  }
}

variable "flavor_name" {
  description = "Flavor of the machines: 2 vCPUs and 4 GiB of memory are enough to begin with."
  type        = string

  validation {
    condition     = length(trimspace(var.flavor_name)) > 0
    error_message = "The flavor_name must not be empty."
  }
}

variable "key_pair" {
  description = "Key pair for SSH, by which the secrets are brought. Null for none: then the image must bring them."
  type        = string
  default     = null

  validation {
    condition     = var.key_pair == null || try(length(var.key_pair) > 0, false)
    error_message = "The key_pair must not be empty; null is none."
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

variable "vip_subnet_id" {
  description = "Subnet of the load balancer's address: a public one, or a private one with `floating_ip_pool`."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.vip_subnet_id))
    error_message = "The vip_subnet_id must be a UUID."
  }
}

variable "vip_ip_version" {
  description = "4 or 6, of `vip_subnet_id`: decides between A and AAAA records."
  type        = number
  default     = 4

  validation {
    condition     = contains([4, 6], var.vip_ip_version)
    error_message = "The vip_ip_version must be 4 or 6."
  }
}

variable "floating_ip_pool" {
  description = "External network to take a floating address from. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.floating_ip_pool == null || var.vip_ip_version == 4
    error_message = "A floating_ip_pool goes with vip_ip_version 4 only."
  }
}

variable "balancer_cidrs" {
  description = "Networks the load balancer reaches the machines from: the subnet of the machines, for Octavia has a leg in it. The same value goes to module config."
  type        = list(string)

  validation {
    condition     = length(var.balancer_cidrs) > 0 && alltrue([for c in var.balancer_cidrs : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "The balancer_cidrs are networks such as 10.0.0.0/24, and not everybody."
  }
}

variable "allowed_cidrs" {
  description = "Networks that may reach the load balancer."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for c in var.allowed_cidrs : can(cidrhost(c, 0))])
    error_message = "The allowed_cidrs are networks such as 192.0.2.0/24."
  }
}

variable "admin_cidrs" {
  description = "Networks that may reach SSH, and health and metrics, of the machines. With none nobody can."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.admin_cidrs : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "The admin_cidrs are networks such as 192.0.2.0/24, and not everybody: the admin listener asks nobody who she is."
  }
}

variable "ports" {
  description = "Ports of the machines, from module config."
  type = object({
    https = number
    web   = number
    admin = number
  })
  default = { https = 443, web = 9443, admin = 9001 }

  validation {
    condition     = alltrue([for p in values(var.ports) : p == floor(p) && p > 0 && p < 65536])
    error_message = "The ports must be between 1 and 65535."
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

variable "dns_zone_id" {
  description = "Designate zone of the host names. Null: no records are made."
  type        = string
  default     = null

  validation {
    condition     = var.dns_zone_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.dns_zone_id))
    error_message = "The dns_zone_id must be a UUID."
  }
}

variable "anti_affinity" {
  description = "`soft-anti-affinity` spreads the machines over hosts as far as there are hosts, `anti-affinity` refuses to start more machines than hosts, those of an upgrade too."
  type        = string
  default     = "soft-anti-affinity"

  validation {
    condition     = contains(["soft-anti-affinity", "anti-affinity"], var.anti_affinity)
    error_message = "The anti_affinity must be soft-anti-affinity or anti-affinity."
  }
}

variable "loadbalancer_provider" {
  description = "Octavia provider driver. It must know PROXY protocol v2: `amphora` does. Null for the cloud's default."
  type        = string
  default     = null

  validation {
    condition     = var.loadbalancer_provider != "ovn"
    error_message = "The loadbalancer_provider must not be ovn, which has neither PROXY protocol nor HTTP checks."
  }
}
