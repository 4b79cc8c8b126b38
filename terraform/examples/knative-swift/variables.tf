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

variable "region" {
  description = "Keystone region of Swift. Null for the only one."
  type        = string
  default     = null
}

variable "namespace" {
  description = "Namespace, which exists and holds the Secret."
  type        = string
  default     = "mucura"
}

variable "secret_name" {
  description = "Secret with the secret variables and `site.key`."
  type        = string
  default     = "mucura"
}

variable "image" {
  description = "Image of the functions without tag, such as `registry.example.org/mucura`."
  type        = string
}

variable "release" {
  description = "Version that runs: the tag of the image."
  type        = string
}

variable "kubeconfig" {
  description = "Path of the kubeconfig."
  type        = string
  default     = "~/.kube/config"
}
