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

run "rejects_replicas_1" {
  command = plan

  variables {
    replicas = 0
  }

  expect_failures = [var.replicas]
}

run "rejects_ports_1" {
  command = plan

  variables {
    ports = { https = 443, web = 9443, admin = 9001 }
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

run "rejects_load_balancer_class_1" {
  command = plan

  variables {
    load_balancer_class = "my class"
  }

  expect_failures = [var.load_balancer_class]
}

run "rejects_load_balancer_annotations_1" {
  command = plan

  variables {
    load_balancer_annotations = { "a b" = "c" }
  }

  expect_failures = [var.load_balancer_annotations]
}

run "rejects_allowed_cidrs_1" {
  command = plan

  variables {
    allowed_cidrs = ["everybody"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "rejects_trust_claim_1" {
  command = plan

  variables {
    trust_claim = "Trust!"
  }

  expect_failures = [var.trust_claim]
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
