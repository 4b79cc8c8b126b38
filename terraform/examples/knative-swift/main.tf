# Functions on Knative over Swift and a Redis. TLS ends at Knative's ingress, so
# certificates are shown by signed request (mucura login), not by TLS.
provider "kubernetes" {
  config_path = var.kubeconfig
}

locals {
  # No OpenStack provider is needed for a credential that was made elsewhere.
  content_url = format("%s?%s",
    replace(var.auth_url, "/^https:/", "swift:"),
    join("&", compact([
      "application-credential-id=${var.application_credential_id}",
      var.region == null ? "" : "region=${var.region}",
    ])),
  )
}

module "config" {
  source = "../../modules/config"

  shape         = "container"
  hostname      = var.hostname
  auth_hostname = var.auth_hostname
  web_hostname  = var.web_hostname
  metadata_url  = var.redis_url
  content_url   = local.content_url
  operators     = var.operators
}

module "functions" {
  source = "../../modules/knative"

  namespace        = var.namespace
  image            = var.image
  release          = var.release
  settings         = module.config.environment
  secret_name      = var.secret_name
  secret_variables = module.config.secret_variables
  withheld         = module.config.withheld
  hostnames        = module.config.hostnames
  schedules        = module.config.schedules
}
