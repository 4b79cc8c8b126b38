mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["10.0.0.21"] }
  }
  mock_resource "openstack_lb_loadbalancer_v2" {
    defaults = { vip_address = "192.0.2.10" }
  }
  mock_resource "openstack_networking_floatingip_v2" {
    defaults = { address = "198.51.100.7" }
  }
}

variables {
  cloud_init     = { "1.2.0" = "#cloud-config\nrelease: 1.2.0\n" }
  image_id       = "11111111-2222-3333-4444-555555555555"
  flavor_name    = "m1.small"
  network_id     = "11111111-2222-3333-4444-555555555555"
  subnet_id      = "11111111-2222-3333-4444-666666666666"
  vip_subnet_id  = "11111111-2222-3333-4444-777777777777"
  balancer_cidrs = ["10.0.0.0/24"]
  hostnames      = { s3 = "s3.example.org" }
}

run "defaults" {
  command = apply

  assert {
    condition     = toset(keys(openstack_compute_instance_v2.machine)) == toset(["1.2.0-0", "1.2.0-1"]) && openstack_compute_instance_v2.machine["1.2.0-0"].name == "mucura-1-2-0-0"
    error_message = "There are not two machines."
  }
  assert {
    condition = alltrue([
      openstack_lb_listener_v2.this["https"].protocol == "TCP",
      openstack_lb_listener_v2.this["https"].protocol_port == 443,
      length(openstack_lb_listener_v2.this) == 1,
      openstack_lb_pool_v2.this["https"].protocol == "PROXYV2",
      openstack_lb_monitor_v2.this["https"].type == "HTTP",
      openstack_lb_monitor_v2.this["https"].url_path == "/-/ready",
      alltrue([for m in openstack_lb_member_v2.this : m.protocol_port == 443 && m.monitor_port == 9001]),
      length(openstack_lb_member_v2.this) == 2,
    ])
    error_message = "The balancer does not pass TLS on, or does not ask whether a machine is ready."
  }
  assert {
    condition     = toset(keys(openstack_networking_secgroup_rule_v2.machine)) == toset(["balancer/10.0.0.0/24/443", "balancer/10.0.0.0/24/9001"])
    error_message = "More is open than the balancer needs."
  }
  assert {
    condition     = openstack_compute_servergroup_v2.this.policies == tolist(["soft-anti-affinity"]) && output.vip_address == "192.0.2.10" && output.endpoint == "https://s3.example.org"
    error_message = "Group, address or endpoint are wrong."
  }
}

run "pages_records_and_administrators" {
  command = apply

  variables {
    hostnames        = { s3 = "s3.example.org", auth = "auth.example.org", web = "files.example.org" }
    dns_zone_id      = "11111111-2222-3333-4444-888888888888"
    floating_ip_pool = "public"
    admin_cidrs      = ["192.0.2.0/28"]
  }

  assert {
    condition     = openstack_lb_listener_v2.this["web"].protocol_port == 9443 && openstack_lb_listener_v2.this["https"].protocol_port == 443
    error_message = "The pages have no listener."
  }
  assert {
    condition     = alltrue([for r in openstack_dns_recordset_v2.this : r.type == "A" && r.records == toset(["198.51.100.7"])]) && openstack_dns_recordset_v2.this["auth"].name == "auth.example.org."
    error_message = "The records do not name the floating address."
  }
  assert {
    condition     = contains(keys(openstack_networking_secgroup_rule_v2.machine), "admin/192.0.2.0/28/22") && length(openstack_networking_secgroup_rule_v2.machine) == 5
    error_message = "These rules are wrong: ${jsonencode(keys(openstack_networking_secgroup_rule_v2.machine))}"
  }
}

run "ipv6" {
  command = plan

  variables {
    vip_ip_version = 6
    balancer_cidrs = ["2001:db8::/64"]
    dns_zone_id    = "11111111-2222-3333-4444-888888888888"
  }

  assert {
    condition     = openstack_dns_recordset_v2.this["s3"].type == "AAAA" && openstack_networking_secgroup_rule_v2.machine["balancer/2001:db8::/64/443"].ethertype == "IPv6"
    error_message = "The record is not AAAA, or the rule is not of IPv6."
  }
}
