locals {
  nodes = { for i, address in var.addresses : tostring(i) => address }

  # What Riak's nodes say to each other: Erlang's port mapper and distribution, and
  # handoff.
  between = { epmd = [4369, 4369], erlang = [6000, 6020], handoff = [8099, 8099] }
  port    = 8098

  opened = merge(
    { for c in var.client_cidrs : "client/${c}" => { cidr = c, port = local.port } },
    { for c in var.admin_cidrs : "ssh/${c}" => { cidr = c, port = 22 } },
  )
}

resource "openstack_compute_servergroup_v2" "this" {
  name = var.name
  # Two replicas on one host are one replica.
  policies = ["anti-affinity"]
}

resource "openstack_networking_secgroup_v2" "this" {
  name = var.name
}

resource "openstack_networking_secgroup_rule_v2" "between" {
  for_each = local.between

  security_group_id = openstack_networking_secgroup_v2.this.id
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value[0]
  port_range_max    = each.value[1]
  remote_group_id   = openstack_networking_secgroup_v2.this.id
}

resource "openstack_networking_secgroup_rule_v2" "from" {
  for_each = local.opened

  security_group_id = openstack_networking_secgroup_v2.this.id
  direction         = "ingress"
  ethertype         = strcontains(each.value.cidr, ":") ? "IPv6" : "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = each.value.cidr
}

resource "openstack_networking_port_v2" "node" {
  for_each = local.nodes

  name               = "${var.name}-${each.key}"
  network_id         = var.network_id
  security_group_ids = [openstack_networking_secgroup_v2.this.id]

  fixed_ip {
    subnet_id  = var.subnet_id
    ip_address = each.value
  }
}

# Data, which outlive the machine.
resource "openstack_blockstorage_volume_v3" "node" {
  for_each = local.nodes

  name        = "${var.name}-${each.key}"
  size        = var.volume_gb
  volume_type = var.volume_type

  lifecycle {
    prevent_destroy = true
  }
}

resource "openstack_compute_instance_v2" "node" {
  for_each = local.nodes

  name                = "${var.name}-${each.key}"
  image_id            = var.image_id
  flavor_name         = var.flavor_name
  key_pair            = var.key_pair
  config_drive        = true
  stop_before_destroy = true
  user_data           = local.user_data[each.key]

  network {
    port = openstack_networking_port_v2.node[each.key].id
  }

  scheduler_hints {
    group = openstack_compute_servergroup_v2.this.id
  }

  lifecycle {
    # Never all nodes at once: the README tells how to replace one after the other.
    ignore_changes = [user_data, image_id]
  }
}

resource "openstack_compute_volume_attach_v2" "node" {
  for_each = local.nodes

  instance_id = openstack_compute_instance_v2.node[each.key].id
  volume_id   = openstack_blockstorage_volume_v3.node[each.key].id
}
