# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

mock_provider "aws" {}

variables {
  package_bucket         = "releases.example.org"
  release                = "1.2.0"
  settings               = {}
  vpc_id                 = "vpc-0123456789abcdef0"
  hostnames              = { s3 = "s3.example.org" }
  certificate_arn        = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
  public_subnet_ids      = ["subnet-01", "subnet-02"]
  private_subnet_ids     = ["subnet-03", "subnet-04"]
  data_target_group_arn  = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/mucura-data/0123456789abcdef"
  data_security_group_id = "sg-0123456789abcdef0"
  withheld               = {}
}

run "rejects_name_1" {
  command = plan

  variables {
    name = "Mucura"
  }

  expect_failures = [var.name]
}

run "rejects_package_bucket_1" {
  command = plan

  variables {
    package_bucket = "Releases"
  }

  expect_failures = [var.package_bucket]
}

run "rejects_package_prefix_1" {
  command = plan

  variables {
    package_prefix = "/mucura"
  }

  expect_failures = [var.package_prefix]
}

run "rejects_release_1" {
  command = plan

  variables {
    release = "1 2"
  }

  expect_failures = [var.release]
}

run "rejects_architecture_1" {
  command = plan

  variables {
    architecture = "riscv64"
  }

  expect_failures = [var.architecture]
}

run "rejects_settings_1" {
  command = plan

  variables {
    settings = { "mucura-region" = "eu" }
  }

  expect_failures = [var.settings]
}

run "rejects_schedules_1" {
  command = plan

  variables {
    schedules = { sweep = { budget = "8m", rate = "hourly" } }
  }

  expect_failures = [var.schedules]
}

run "rejects_schedules_2" {
  command = plan

  variables {
    schedules = { sweep = { budget = "20m", rate = "rate(60 minutes)" } }
  }

  expect_failures = [var.schedules]
}

run "rejects_hostnames_1" {
  command = plan

  variables {
    hostnames = { web = "files.example.org" }
  }

  expect_failures = [var.hostnames]
}

run "rejects_certificate_arn_1" {
  command = plan

  variables {
    certificate_arn = "s3.example.org"
  }

  expect_failures = [var.certificate_arn]
}

run "rejects_zone_id_1" {
  command = plan

  variables {
    zone_id = "example.org"
  }

  expect_failures = [var.zone_id]
}

run "rejects_vpc_id_1" {
  command = plan

  variables {
    vpc_id = "main"
  }

  expect_failures = [var.vpc_id]
}

run "rejects_public_subnet_ids_1" {
  command = plan

  variables {
    public_subnet_ids = ["subnet-01"]
  }

  expect_failures = [var.public_subnet_ids]
}

run "rejects_private_subnet_ids_1" {
  command = plan

  variables {
    private_subnet_ids = ["private"]
  }

  expect_failures = [var.private_subnet_ids]
}

run "rejects_allowed_cidrs_1" {
  command = plan

  variables {
    allowed_cidrs = ["everybody"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "rejects_data_target_group_arn_1" {
  command = plan

  variables {
    data_target_group_arn = "mucura-data"
  }

  expect_failures = [var.data_target_group_arn]
}

run "rejects_data_security_group_id_1" {
  command = plan

  variables {
    data_security_group_id = "default"
  }

  expect_failures = [var.data_security_group_id]
}

run "rejects_memory_mb_1" {
  command = plan

  variables {
    memory_mb = 128
  }

  expect_failures = [var.memory_mb]
}

run "rejects_kms_key_arn_1" {
  command = plan

  variables {
    kms_key_arn = "alias/mucura"
  }

  expect_failures = [var.kms_key_arn]
}

run "rejects_log_retention_days_1" {
  command = plan

  variables {
    log_retention_days = 42
  }

  expect_failures = [var.log_retention_days]
}

run "rejects_withheld_1" {
  command = plan

  variables {
    withheld = { everybody = ["MUCURA_CONTENT"] }
  }

  expect_failures = [var.withheld]
}
