# Functions on Lambda for everything but bodies, a container on Fargate for these,
# both behind one load balancer; contents in the site's own Swift, reached by VPN or
# a peering.
provider "aws" {
  region = var.region
}

# The functions read whole URLs, with the passwords of the stores, by reference.
# What opens the content store is a secret of its own: only who moves bytes may read
# it.
module "functions" {
  source = "../../modules/config"

  shape         = "lambda"
  hostname      = var.hostname
  auth_hostname = var.auth_hostname
  web_hostname  = var.web_hostname
  metadata_url  = "aws-sm:${var.secret}#metadata-url"
  content_url   = "aws-sm:${var.content_secret}#content-url"
  operators     = var.operators

  secret_references = {
    MUCURA_SITE_KEY               = "aws-sm:${var.secret}#site-key"
    MUCURA_ROOT_ACCESS_KEY_ID     = "aws-sm:${var.secret}#root-access-key-id"
    MUCURA_ROOT_SECRET_ACCESS_KEY = "aws-sm:${var.secret}#root-secret-access-key"
  }
}

# The container gets the same from ECS, which puts secrets into its environment.
module "container" {
  source = "../../modules/config"

  shape         = "container"
  hostname      = var.hostname
  auth_hostname = var.auth_hostname
  web_hostname  = var.web_hostname
  metadata_url  = var.redis_url
  content_url   = "${replace(var.auth_url, "/^https:/", "swift:")}?application-credential-id=${var.application_credential_id}"
  operators     = var.operators
}

module "control" {
  source = "../../modules/aws-control"

  package_bucket         = var.package_bucket
  release                = var.release
  settings               = module.functions.environment
  withheld               = module.functions.withheld
  schedules              = module.functions.schedules
  hostnames              = module.functions.hostnames
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

  image              = var.repository
  ecr_repository_arn = var.repository_arn
  release            = var.release
  settings           = module.container.environment

  secrets = {
    MUCURA_SITE_KEY                  = "${var.secret_arn}:site-key::"
    MUCURA_ROOT_ACCESS_KEY_ID        = "${var.secret_arn}:root-access-key-id::"
    MUCURA_ROOT_SECRET_ACCESS_KEY    = "${var.secret_arn}:root-secret-access-key::"
    MUCURA_REDIS_PASSWORD            = "${var.secret_arn}:redis-password::"
    OS_APPLICATION_CREDENTIAL_SECRET = "${var.content_secret_arn}:application-credential-secret::"
  }

  vpc_id                     = var.vpc_id
  subnet_ids                 = var.private_subnet_ids
  balancer_security_group_id = module.control.balancer_security_group_id
}
