# A site that brings its own Riak up, too: metadata in Riak, contents in Swift, and
# the small registry, which must be exact, in a Redis.
provider "openstack" {}

module "riak" {
  source = "../../modules/riak"

  riak_version   = var.riak_version
  package_url    = var.riak_package_url
  package_sha256 = var.riak_package_sha256
  nodes          = length(var.riak_addresses)
  addresses      = var.riak_addresses
  image_id       = var.image_id
  flavor_name    = var.riak_flavor_name
  key_pair       = var.key_pair
  network_id     = var.network_id
  subnet_id      = var.subnet_id
  client_cidrs   = [var.subnet_cidr]
  admin_cidrs    = var.admin_cidrs
}

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
  metadata_url   = module.riak.metadata_url
  registry_url   = var.registry_url
  content_url    = module.store.content_url
  operators      = var.operators
  balancer_cidrs = [var.subnet_cidr]
  releases       = var.releases
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
