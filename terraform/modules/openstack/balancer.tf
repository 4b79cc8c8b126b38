locals {
  listeners = { for name, port in { https = var.ports.https, web = var.ports.web } : name => port if name == "https" || contains(keys(var.hostnames), "web") }
  # S3 is at 443 whatever port the machines use.
  front = { for name, port in local.listeners : name => name == "https" ? 443 : port }

  members = merge([
    for listener, port in local.listeners : {
      for key in keys(local.machines) : "${listener}/${key}" => { listener = listener, port = port, machine = key }
    }
  ]...)
}

resource "openstack_lb_loadbalancer_v2" "this" {
  name                  = var.name
  vip_subnet_id         = var.vip_subnet_id
  loadbalancer_provider = var.loadbalancer_provider
}

# TCP, not TERMINATED_HTTPS: Mucura ends TLS itself, for only it can judge a grid
# proxy, and signatures and certificates stay end to end.
resource "openstack_lb_listener_v2" "this" {
  for_each = local.front

  name            = "${var.name}-${each.key}"
  loadbalancer_id = openstack_lb_loadbalancer_v2.this.id
  protocol        = "TCP"
  protocol_port   = each.value
  allowed_cidrs   = var.allowed_cidrs
  # Longer than Mucura keeps an idle connection (two minutes), so that it is the
  # one who ends it, and not in the midst of a request. Milliseconds.
  timeout_client_data = 180000
  timeout_member_data = 180000
}

resource "openstack_lb_pool_v2" "this" {
  for_each = local.listeners

  name        = "${var.name}-${each.key}"
  listener_id = openstack_lb_listener_v2.this[each.key].id
  protocol    = "PROXYV2"
  lb_method   = "LEAST_CONNECTIONS"
}

# Asks the admin listener, which speaks plain HTTP, expects no PROXY header, and
# knows whether the stores can serve. With monitor_port Octavia sends none.
resource "openstack_lb_monitor_v2" "this" {
  for_each = local.listeners

  name             = "${var.name}-${each.key}"
  pool_id          = openstack_lb_pool_v2.this[each.key].id
  type             = "HTTP"
  http_method      = "GET"
  url_path         = "/-/ready"
  expected_codes   = "200"
  delay            = 5
  timeout          = 4
  max_retries      = 2
  max_retries_down = 2
}

resource "openstack_lb_member_v2" "this" {
  for_each = local.members

  name          = "${var.name}-${each.value.machine}"
  pool_id       = openstack_lb_pool_v2.this[each.value.listener].id
  address       = openstack_networking_port_v2.machine[each.value.machine].all_fixed_ips[0]
  subnet_id     = var.subnet_id
  protocol_port = each.value.port
  monitor_port  = var.ports.admin

  # A member leaves the pool before its machine stops.
  depends_on = [openstack_compute_instance_v2.machine]
}

resource "openstack_networking_floatingip_v2" "this" {
  count = var.floating_ip_pool == null ? 0 : 1

  pool    = var.floating_ip_pool
  port_id = openstack_lb_loadbalancer_v2.this.vip_port_id
}

resource "openstack_dns_recordset_v2" "this" {
  for_each = var.dns_zone_id == null ? {} : var.hostnames

  zone_id = var.dns_zone_id
  name    = "${each.value}."
  type    = var.vip_ip_version == 6 ? "AAAA" : "A"
  ttl     = 300
  records = [local.address]
}

locals {
  address = try(openstack_networking_floatingip_v2.this[0].address, openstack_lb_loadbalancer_v2.this.vip_address)
}
