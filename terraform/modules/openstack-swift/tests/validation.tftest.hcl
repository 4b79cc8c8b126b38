# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

mock_provider "openstack" {}

variables {
  auth_url                  = "https://keystone.example.org:5000/v3"
  application_credential_id = "0123456789abcdef0123456789abcdef"
}

run "rejects_name_1" {
  command = plan

  variables {
    name = "a b"
  }

  expect_failures = [var.name]
}

run "rejects_container_1" {
  command = plan

  variables {
    container = "Mucura_1"
  }

  expect_failures = [var.container]
}

run "rejects_containers_1" {
  command = plan

  variables {
    containers = 0
  }

  expect_failures = [var.containers]
}

run "rejects_quota_bytes_1" {
  command = plan

  variables {
    quota_bytes = 1000
  }

  expect_failures = [var.quota_bytes]
}

run "rejects_storage_policy_1" {
  command = plan

  variables {
    storage_policy = "gold policy"
  }

  expect_failures = [var.storage_policy]
}

run "rejects_auth_url_1" {
  command = plan

  variables {
    auth_url = "keystone.example.org"
  }

  expect_failures = [var.auth_url]
}

run "rejects_region_1" {
  command = plan

  variables {
    region = "region one"
  }

  expect_failures = [var.region]
}

run "rejects_interface_1" {
  command = plan

  variables {
    interface = "private"
  }

  expect_failures = [var.interface]
}

run "rejects_application_credential_id_1" {
  command = plan

  variables {
    application_credential_id = null
  }

  expect_failures = [var.application_credential_id]
}

run "rejects_application_credential_id_2" {
  command = plan

  variables {
    application_credential_id = "mucura"
  }

  expect_failures = [var.application_credential_id]
}

run "rejects_roles_1" {
  command = plan

  variables {
    roles = ["admin"]
  }

  expect_failures = [var.roles]
}

run "rejects_expires_at_1" {
  command = plan

  variables {
    expires_at = "next year"
  }

  expect_failures = [var.expires_at]
}

run "rejects_options_1" {
  command = plan

  variables {
    options = { key = "hunter2" }
  }

  expect_failures = [var.options]
}
