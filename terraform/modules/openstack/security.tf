# From the balancer what it balances, and health; from administrators SSH, health
# and metrics; nothing else comes in.
locals {
  opened = merge(
    { for pair in setproduct(var.balancer_cidrs, concat(values(local.listeners), [var.ports.admin])) : "balancer/${pair[0]}/${pair[1]}" => pair },
    { for pair in setproduct(var.admin_cidrs, [22, var.ports.admin]) : "admin/${pair[0]}/${pair[1]}" => pair },
  )
}

resource "openstack_networking_secgroup_v2" "machine" {
  name = var.name
}

resource "openstack_networking_secgroup_rule_v2" "machine" {
  for_each = local.opened

  security_group_id = openstack_networking_secgroup_v2.machine.id
  direction         = "ingress"
  ethertype         = strcontains(each.value[0], ":") ? "IPv6" : "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value[1]
  port_range_max    = each.value[1]
  remote_ip_prefix  = each.value[0]
}
