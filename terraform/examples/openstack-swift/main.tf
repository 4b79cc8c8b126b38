# Machines behind Octavia, which end TLS themselves: grid proxies work. Contents in
# Swift, metadata in a Redis that is there already.
provider "openstack" {}

module "store" {
  source = "../../modules/openstack-swift"

  auth_url                  = var.auth_url
  application_credential_id = var.application_credential_id
}

module "config" {
  source = "../../modules/config"

  shape          = "daemon"
  hostname       = var.hostname
  auth_hostname  = var.auth_hostname
  web_hostname   = var.web_hostname
  metadata_url   = var.redis_url
  content_url    = module.store.content_url
  operators      = var.operators
  balancer_cidrs = [var.subnet_cidr]
  releases       = var.releases

  grid = {
    trust   = "/etc/grid-security/certificates"
    vomsdir = "/etc/grid-security/vomsdir"
  }
}

module "servers" {
  source = "../../modules/openstack"

  cloud_init       = module.config.cloud_init
  ports            = module.config.ports
  hostnames        = module.config.hostnames
  image_id         = var.image_id
  flavor_name      = var.flavor_name
  key_pair         = var.key_pair
  network_id       = var.network_id
  subnet_id        = var.subnet_id
  vip_subnet_id    = var.vip_subnet_id
  floating_ip_pool = var.floating_ip_pool
  balancer_cidrs   = [var.subnet_cidr]
  admin_cidrs      = var.admin_cidrs
  dns_zone_id      = var.dns_zone_id
}
