# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

mock_provider "kubernetes" {}

variables {
  namespace        = "mucura"
  release          = "1.2.0"
  settings         = {}
  secret_name      = "mucura"
  secret_variables = ["MUCURA_ROOT_SECRET_ACCESS_KEY"]
  hostnames        = { s3 = "s3.example.org" }
  image            = "registry.example.org/mucura"
  withheld         = {}
}

run "rejects_name_1" {
  command = plan

  variables {
    name = "Mucura"
  }

  expect_failures = [var.name]
}

run "rejects_namespace_1" {
  command = plan

  variables {
    namespace = "Mucura"
  }

  expect_failures = [var.namespace]
}

run "rejects_image_1" {
  command = plan

  variables {
    image = "mucura:1.2.0"
  }

  expect_failures = [var.image]
}

run "rejects_release_1" {
  command = plan

  variables {
    release = "latest"
  }

  expect_failures = [var.release]
}

run "rejects_settings_1" {
  command = plan

  variables {
    settings = { "mucura-region" = "eu" }
  }

  expect_failures = [var.settings]
}

run "rejects_secret_name_1" {
  command = plan

  variables {
    secret_name = "Mucura_1"
  }

  expect_failures = [var.secret_name]
}

run "rejects_secret_variables_1" {
  command = plan

  variables {
    secret_variables = ["root-secret"]
  }

  expect_failures = [var.secret_variables]
}

run "rejects_secret_revision_1" {
  command = plan

  variables {
    secret_revision = "two words"
  }

  expect_failures = [var.secret_revision]
}

run "rejects_hostnames_1" {
  command = plan

  variables {
    hostnames = { web = "files.example.org" }
  }

  expect_failures = [var.hostnames]
}

run "rejects_schedules_1" {
  command = plan

  variables {
    schedules = { sweep = { budget = "8m", cron = "hourly" } }
  }

  expect_failures = [var.schedules]
}

run "rejects_schedules_2" {
  command = plan

  variables {
    schedules = { sweep = { budget = "long", cron = "5 * * * *" } }
  }

  expect_failures = [var.schedules]
}

run "rejects_min_scale_1" {
  command = plan

  variables {
    min_scale = -1
  }

  expect_failures = [var.min_scale]
}

run "rejects_max_scale_1" {
  command = plan

  variables {
    min_scale = 0
    max_scale = 0
  }

  expect_failures = [var.max_scale]
}

run "rejects_max_scale_2" {
  command = plan

  variables {
    min_scale = 3
    max_scale = 2
  }

  expect_failures = [var.max_scale]
}

run "rejects_concurrency_1" {
  command = plan

  variables {
    concurrency = 0
  }

  expect_failures = [var.concurrency]
}

run "rejects_timeout_seconds_1" {
  command = plan

  variables {
    timeout_seconds = 1
  }

  expect_failures = [var.timeout_seconds]
}

run "rejects_resources_1" {
  command = plan

  variables {
    resources = { memory = "lots" }
  }

  expect_failures = [var.resources]
}

run "rejects_withheld_1" {
  command = plan

  variables {
    withheld = { everybody = ["MUCURA_CONTENT"] }
  }

  expect_failures = [var.withheld]
}

run "rejects_trust_config_map_1" {
  command = plan

  variables {
    trust_config_map = "/etc/grid-security"
  }

  expect_failures = [var.trust_config_map]
}
