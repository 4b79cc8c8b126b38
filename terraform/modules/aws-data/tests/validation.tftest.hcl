# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

mock_provider "aws" {}

variables {
  secrets                    = { MUCURA_SITE_KEY = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-AbCdEf" }
  image                      = "registry.example.org/mucura"
  release                    = "1.2.0"
  settings                   = {}
  vpc_id                     = "vpc-0123456789abcdef0"
  subnet_ids                 = ["subnet-03", "subnet-04"]
  balancer_security_group_id = "sg-0123456789abcdef0"
}

run "rejects_name_1" {
  command = plan

  variables {
    name = "Mucura"
  }

  expect_failures = [var.name]
}

run "rejects_image_1" {
  command = plan

  variables {
    image = "mucura:1.2.0"
  }

  expect_failures = [var.image]
}

run "rejects_ecr_repository_arn_1" {
  command = plan

  variables {
    ecr_repository_arn = "mucura"
  }

  expect_failures = [var.ecr_repository_arn]
}

run "rejects_release_1" {
  command = plan

  variables {
    release = "latest"
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

run "rejects_secrets_1" {
  command = plan

  variables {
    secrets = { MUCURA_SITE_KEY = "hunter2" }
  }

  expect_failures = [var.secrets]
}

run "rejects_secrets_2" {
  command = plan

  variables {
    secrets = { MUCURA_REDIS_PASSWORD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-AbCdEf" }
  }

  expect_failures = [var.secrets]
}

run "rejects_vpc_id_1" {
  command = plan

  variables {
    vpc_id = "main"
  }

  expect_failures = [var.vpc_id]
}

run "rejects_subnet_ids_1" {
  command = plan

  variables {
    subnet_ids = []
  }

  expect_failures = [var.subnet_ids]
}

run "rejects_balancer_security_group_id_1" {
  command = plan

  variables {
    balancer_security_group_id = "default"
  }

  expect_failures = [var.balancer_security_group_id]
}

run "rejects_tasks_1" {
  command = plan

  variables {
    tasks = 0
  }

  expect_failures = [var.tasks]
}

run "rejects_cpu_1" {
  command = plan

  variables {
    cpu       = 1000
    memory_mb = 2000
  }

  expect_failures = [var.cpu]
}

run "rejects_memory_mb_1" {
  command = plan

  variables {
    memory_mb = 1024
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
