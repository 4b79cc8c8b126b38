variable "hostname" {
  description = "Host name of the S3 endpoint."
  type        = string
}

variable "auth_hostname" {
  description = "Host name of the authentication server."
  type        = string
}

variable "web_hostname" {
  description = "Host name of the pages."
  type        = string
}

variable "operators" {
  description = "E-mail addresses that are told of requests."
  type        = list(string)
  default     = []
}

variable "redis_url" {
  description = "Redis for metadata and registry, without password, such as `rediss://redis.example.org`."
  type        = string
}

variable "auth_url" {
  description = "Keystone's URL, such as `https://keystone.example.org:5000/v3`."
  type        = string
}

variable "application_credential_id" {
  description = "Application credential for Swift, made with `openstack application credential create`."
  type        = string
}

variable "image_id" {
  description = "Debian's cloud image."
  type        = string
}

variable "flavor_name" {
  description = "Flavor of the machines."
  type        = string
}

variable "key_pair" {
  description = "Key pair for SSH."
  type        = string
}

variable "network_id" {
  description = "Network of the machines."
  type        = string
}

variable "subnet_id" {
  description = "Its subnet."
  type        = string
}

variable "subnet_cidr" {
  description = "Its addresses, such as `10.0.0.0/24`: the balancer has a leg in it."
  type        = string
}

variable "vip_subnet_id" {
  description = "Subnet of the load balancer's address."
  type        = string
}

variable "floating_ip_pool" {
  description = "External network for a floating address. Null for none."
  type        = string
  default     = null
}

variable "dns_zone_id" {
  description = "Designate zone of the host names. Null for none."
  type        = string
  default     = null
}

variable "admin_cidrs" {
  description = "Networks that may reach SSH and metrics."
  type        = list(string)
  default     = []
}

variable "releases" {
  description = "Releases that run, newest first: version, URL of `mucurad` and its SHA-256."
  type = list(object({
    version = string
    url     = optional(string)
    sha256  = optional(string)
  }))
}
