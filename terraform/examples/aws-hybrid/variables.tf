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
  description = "AWS region."
  type        = string
}

variable "vpc_id" {
  description = "VPC."
  type        = string
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Subnets of functions and tasks, with a way to Swift, Keystone and Redis."
  type        = list(string)
}

variable "certificate_arn" {
  description = "ACM certificate for all host names."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone of the host names."
  type        = string
}

variable "package_bucket" {
  description = "Bucket with the zips of the functions."
  type        = string
}

variable "repository" {
  description = "ECR repository: its URL."
  type        = string
}

variable "repository_arn" {
  description = "ECR repository: its ARN."
  type        = string
}

variable "secret" {
  description = "Secret of the site in Secrets Manager, a JSON object; the README lists its keys."
  type        = string
  default     = "mucura/site"
}

variable "content_secret" {
  description = "Secret of the content store, likewise."
  type        = string
  default     = "mucura/contents"
}

variable "release" {
  description = "Version that runs: of the zips and of the image."
  type        = string
}

variable "secret_arn" {
  description = "Full ARN of `secret`, with the six characters at its end."
  type        = string
}

variable "content_secret_arn" {
  description = "Full ARN of `content_secret`."
  type        = string
}
