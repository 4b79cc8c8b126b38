locals {
  # Machines are named by their version, and their user data is that version's:
  # a new version makes new machines and leaves the others alone.
  machines = merge([
    for version, text in var.cloud_init : {
      for i in range(var.instances) : "${version}-${i}" => { user_data = text, version = version }
    }
  ]...)
}

resource "openstack_compute_servergroup_v2" "this" {
  name     = var.name
  policies = [var.anti_affinity]
}

resource "openstack_networking_port_v2" "machine" {
  for_each = local.machines

  name               = "${var.name}-${each.key}"
  network_id         = var.network_id
  security_group_ids = [openstack_networking_secgroup_v2.machine.id]

  fixed_ip {
    subnet_id = var.subnet_id
  }
}

resource "openstack_compute_instance_v2" "machine" {
  for_each = local.machines

  name        = replace("${var.name}-${each.key}", "/[^A-Za-z0-9-]/", "-")
  image_id    = var.image_id
  flavor_name = var.flavor_name
  key_pair    = var.key_pair
  user_data   = each.value.user_data
  # User data by a drive, so that the machine needs no metadata service.
  config_drive = true
  # SIGTERM lets requests end.
  stop_before_destroy = true
  metadata            = { release = each.value.version }

  network {
    port = openstack_networking_port_v2.machine[each.key].id
  }

  scheduler_hints {
    group = openstack_compute_servergroup_v2.this.id
  }

  lifecycle {
    # Settings and images reach new machines only; nothing is replaced behind
    # the operator's back. The README tells how to roll them out.
    ignore_changes = [user_data, image_id]
  }
}
