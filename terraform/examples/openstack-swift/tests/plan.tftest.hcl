mock_provider "openstack" {}

variables {
  hostname                  = "s3.example.org"
  auth_hostname             = "auth.example.org"
  web_hostname              = "files.example.org"
  redis_url                 = "rediss://redis.example.org"
  auth_url                  = "https://keystone.example.org:5000/v3"
  application_credential_id = "0123456789abcdef0123456789abcdef"
  image_id                  = "11111111-2222-3333-4444-555555555555"
  flavor_name               = "m1.small"
  key_pair                  = "ada"
  network_id                = "11111111-2222-3333-4444-666666666666"
  subnet_id                 = "11111111-2222-3333-4444-777777777777"
  subnet_cidr               = "10.0.0.0/24"
  vip_subnet_id             = "11111111-2222-3333-4444-888888888888"
  dns_zone_id               = "11111111-2222-3333-4444-999999999999"
  releases                  = [{ version = "1.2.0", url = "https://releases.example.org/1.2.0/mucurad", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
}

run "plan" {
  command = plan

  assert {
    condition     = output.endpoint == "https://s3.example.org"
    error_message = "The endpoint is ${output.endpoint}"
  }
  assert {
    condition     = keys(module.servers.instance_ids) == ["1.2.0-0", "1.2.0-1"]
    error_message = "There are not two machines of the release."
  }
  assert {
    condition     = module.config.environment["MUCURA_METADATA"] == "rediss://redis.example.org" && module.config.environment["MUCURA_CONTENT"] == module.store.content_url && module.config.environment["MUCURA_PROXY_PROTOCOL_FROM"] == "10.0.0.0/24"
    error_message = "The settings are ${jsonencode(module.config.environment)}"
  }
}

run "an_upgrade_adds_machines" {
  command = plan

  variables {
    releases = [
      { version = "1.3.0", url = "https://releases.example.org/1.3.0/mucurad", sha256 = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210" },
      { version = "1.2.0", url = "https://releases.example.org/1.2.0/mucurad", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
    ]
  }

  assert {
    condition     = keys(module.servers.instance_ids) == ["1.2.0-0", "1.2.0-1", "1.3.0-0", "1.3.0-1"]
    error_message = "The new machines are not beside the old ones."
  }
}
