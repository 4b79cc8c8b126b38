# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

mock_provider "openstack" {}

variables {
  riak_version   = "3.4.0"
  package_url    = "https://packages.example.org/riak_VERSION_amd64.deb"
  package_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  image_id       = "11111111-2222-3333-4444-555555555555"
  flavor_name    = "m1.large"
  key_pair       = "ada"
  network_id     = "11111111-2222-3333-4444-555555555555"
  subnet_id      = "11111111-2222-3333-4444-555555555555"
  addresses      = ["10.0.1.11", "10.0.1.12", "10.0.1.13", "10.0.1.14", "10.0.1.15"]
  client_cidrs   = ["10.0.0.0/24"]
}

run "rejects_name_1" {
  command = plan

  variables {
    name = "Riak"
  }

  expect_failures = [var.name]
}

run "rejects_nodes_1" {
  command = plan

  variables {
    nodes     = 2
    addresses = ["10.0.1.11", "10.0.1.12"]
  }

  expect_failures = [var.nodes]
}

run "rejects_ring_size_1" {
  command = plan

  variables {
    ring_size = 100
  }

  expect_failures = [var.ring_size]
}

run "rejects_ring_size_2" {
  command = plan

  variables {
    ring_size = 16
  }

  expect_failures = [var.ring_size]
}

run "rejects_riak_version_1" {
  command = plan

  variables {
    riak_version = "3.2.0"
  }

  expect_failures = [var.riak_version]
}

run "rejects_package_url_1" {
  command = plan

  variables {
    package_url = "https://packages.example.org/riak.rpm"
  }

  expect_failures = [var.package_url]
}

run "rejects_package_sha256_1" {
  command = plan

  variables {
    package_sha256 = "abc"
  }

  expect_failures = [var.package_sha256]
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
    key_pair = " "
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

run "rejects_addresses_1" {
  command = plan

  variables {
    addresses = ["10.0.1.11"]
  }

  expect_failures = [var.addresses]
}

run "rejects_addresses_2" {
  command = plan

  variables {
    addresses = ["a", "b", "c", "d", "e"]
  }

  expect_failures = [var.addresses]
}

run "rejects_client_cidrs_1" {
  command = plan

  variables {
    client_cidrs = []
  }

  expect_failures = [var.client_cidrs]
}

run "rejects_admin_cidrs_1" {
  command = plan

  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.admin_cidrs]
}

run "rejects_volume_gb_1" {
  command = plan

  variables {
    volume_gb = 5
  }

  expect_failures = [var.volume_gb]
}

run "rejects_volume_type_1" {
  command = plan

  variables {
    volume_type = ""
  }

  expect_failures = [var.volume_type]
}
