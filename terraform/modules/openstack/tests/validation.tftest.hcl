# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

mock_provider "openstack" {}

variables {
  cloud_init     = { "1.2.0" = "#cloud-config\n" }
  image_id       = "11111111-2222-3333-4444-555555555555"
  flavor_name    = "m1.small"
  network_id     = "11111111-2222-3333-4444-555555555555"
  subnet_id      = "11111111-2222-3333-4444-555555555555"
  vip_subnet_id  = "11111111-2222-3333-4444-555555555555"
  balancer_cidrs = ["10.0.0.0/24"]
  hostnames      = { s3 = "s3.example.org" }
}

run "rejects_name_1" {
  command = plan

  variables {
    name = "Mucura"
  }

  expect_failures = [var.name]
}

run "rejects_cloud_init_1" {
  command = plan

  variables {
    cloud_init = {}
  }

  expect_failures = [var.cloud_init]
}

run "rejects_cloud_init_2" {
  command = plan

  variables {
    cloud_init = { "1.2.0" = "#!/bin/sh" }
  }

  expect_failures = [var.cloud_init]
}

run "rejects_instances_1" {
  command = plan

  variables {
    instances = 0
  }

  expect_failures = [var.instances]
}

run "rejects_image_id_1" {
  command = plan

  variables {
    image_id = "debian-12"
  }

  expect_failures = [var.image_id]
}

run "rejects_flavor_name_1" {
  command = plan

  variables {
    flavor_name = " "
  }

  expect_failures = [var.flavor_name]
}

run "rejects_key_pair_1" {
  command = plan

  variables {
    key_pair = ""
  }

  expect_failures = [var.key_pair]
}

run "rejects_network_id_1" {
  command = plan

  variables {
    network_id = "private"
  }

  expect_failures = [var.network_id]
}

run "rejects_subnet_id_1" {
  command = plan

  variables {
    subnet_id = "private"
  }

  expect_failures = [var.subnet_id]
}

run "rejects_vip_subnet_id_1" {
  command = plan

  variables {
    vip_subnet_id = "public"
  }

  expect_failures = [var.vip_subnet_id]
}

run "rejects_vip_ip_version_1" {
  command = plan

  variables {
    vip_ip_version = 5
  }

  expect_failures = [var.vip_ip_version]
}

run "rejects_floating_ip_pool_1" {
  command = plan

  variables {
    vip_ip_version   = 6
    floating_ip_pool = "public"
  }

  expect_failures = [var.floating_ip_pool]
}

run "rejects_balancer_cidrs_1" {
  command = plan

  variables {
    balancer_cidrs = []
  }

  expect_failures = [var.balancer_cidrs]
}

run "rejects_allowed_cidrs_1" {
  command = plan

  variables {
    allowed_cidrs = ["everybody"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "rejects_admin_cidrs_1" {
  command = plan

  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.admin_cidrs]
}

run "rejects_ports_1" {
  command = plan

  variables {
    ports = { https = 0, web = 9443, admin = 9001 }
  }

  expect_failures = [var.ports]
}

run "rejects_hostnames_1" {
  command = plan

  variables {
    hostnames = { web = "files.example.org" }
  }

  expect_failures = [var.hostnames]
}

run "rejects_dns_zone_id_1" {
  command = plan

  variables {
    dns_zone_id = "example.org."
  }

  expect_failures = [var.dns_zone_id]
}

run "rejects_anti_affinity_1" {
  command = plan

  variables {
    anti_affinity = "affinity"
  }

  expect_failures = [var.anti_affinity]
}

run "rejects_loadbalancer_provider_1" {
  command = plan

  variables {
    loadbalancer_provider = "ovn"
  }

  expect_failures = [var.loadbalancer_provider]
}
