# Upgrade and roll-back by one variable: what serves is never touched, only added
# to and, when the operator drops the old version, taken away.
mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["10.0.0.21"] }
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

run "before" {
  command = apply
}

run "both_serve" {
  command = apply

  variables {
    cloud_init = { "1.2.0" = "#cloud-config\nrelease: 1.2.0\n", "1.3.0" = "#cloud-config\nrelease: 1.3.0\n" }
  }

  assert {
    condition     = alltrue([for key, id in run.before.instance_ids : output.instance_ids[key] == id]) && length(output.instance_ids) == 4
    error_message = "A machine of the version that serves was replaced."
  }
  assert {
    condition     = length(openstack_lb_member_v2.this) == 4 && output.vip_address == run.before.vip_address
    error_message = "The new machines are no members, or the address has changed."
  }
}

run "after" {
  command = apply

  variables {
    cloud_init = { "1.3.0" = "#cloud-config\nrelease: 1.3.0\n" }
  }

  assert {
    condition     = output.instance_ids == { for key, id in run.both_serve.instance_ids : key => id if startswith(key, "1.3.0") }
    error_message = "The old machines are still there, or the new ones were replaced."
  }
}

run "settings_replace_nothing_behind_your_back" {
  command = apply

  variables {
    cloud_init = { "1.3.0" = "#cloud-config\nrelease: 1.3.0\nother: true\n" }
    image_id   = "99999999-2222-3333-4444-555555555555"
  }

  assert {
    condition     = output.instance_ids == run.after.instance_ids && openstack_compute_instance_v2.machine["1.3.0-0"].image_id == "11111111-2222-3333-4444-555555555555"
    error_message = "Machines were replaced without a new version."
  }
}

run "back" {
  command = apply

  variables {
    cloud_init = { "1.3.0" = "#cloud-config\nrelease: 1.3.0\n", "1.2.0" = "#cloud-config\nrelease: 1.2.0\n" }
  }

  assert {
    condition     = alltrue([for key, id in run.after.instance_ids : output.instance_ids[key] == id]) && contains(keys(output.instance_ids), "1.2.0-0")
    error_message = "The way back is not the way there."
  }
}
