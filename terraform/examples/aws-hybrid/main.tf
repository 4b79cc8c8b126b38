# Functions on Lambda for everything but bodies, a container on Fargate for these,
# both behind one load balancer; contents in the site's own Swift, reached by VPN or
# a peering.
provider "aws" {
  region = var.region
}

locals {
  content_url = "${replace(var.auth_url, "/^https:/", "swift:")}?application-credential-id=${var.application_credential_id}"
}

module "config" {
  source   = "../../modules/config"
  for_each = toset(["lambda", "container"])

  shape         = each.key
  hostname      = var.hostname
  auth_hostname = var.auth_hostname
  web_hostname  = var.web_hostname
  metadata_url  = var.redis_url
  content_url   = local.content_url
  operators     = var.operators

  secret_references = {
    for name in [
      "MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY",
      "MUCURA_REDIS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET",
    ] : name => "aws-sm:${var.secret}#${name}"
  }
}

module "control" {
  source = "../../modules/aws-control"

  package_bucket         = var.package_bucket
  release                = var.release
  settings               = module.config["lambda"].environment
  schedules              = module.config["lambda"].schedules
  hostnames              = module.config["lambda"].hostnames
  certificate_arn        = var.certificate_arn
  zone_id                = var.zone_id
  vpc_id                 = var.vpc_id
  public_subnet_ids      = var.public_subnet_ids
  private_subnet_ids     = var.private_subnet_ids
  data_target_group_arn  = module.data.target_group_arn
  data_security_group_id = module.data.security_group_id
}

module "data" {
  source = "../../modules/aws-data"

  image                      = "${var.repository}/gateway"
  ecr_repository_arn         = var.repository_arn
  release                    = var.release
  settings                   = module.config["container"].environment
  vpc_id                     = var.vpc_id
  subnet_ids                 = var.private_subnet_ids
  balancer_security_group_id = module.control.balancer_security_group_id
}
